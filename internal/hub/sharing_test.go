package hub

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// bulky is a store that counts what it reads.
type bulky struct {
	*history
	pages int
	bytes int
}

// newBulky returns a store with n messages of so many bytes in room "a".
func newBulky(n, size int) *bulky {
	log := &bulky{history: &history{}}
	text := strings.Repeat("x", size)
	for seq := range int64(n) {
		log.add(message("a", seq+1, text))
	}
	return log
}

func (b *bulky) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	page, err := b.history.Page(ctx, room, seq)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages++
	for i := range page {
		b.bytes += len(page[i].Msg)
	}
	return page, err
}

func (b *bulky) read() (pages, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pages, b.bytes
}

func TestPages_BlocksAreThoseOfTheStore(t *testing.T) {
	if pageMessages != driver.PageMessages {
		t.Errorf("blocks of %d numbers, the store has %d", pageMessages, driver.PageMessages)
	}
}

// However long the messages are, a reader needs each page once.
func TestPages_LongMessagesAreReadOnce(t *testing.T) {
	const n = 512
	for _, size := range []int{200, 2 << 10, 4 << 10, 8 << 10, 32_000} {
		log := newBulky(n, size)
		h := startWith(t, Config{}, log)
		p := newPeer()
		join(t, h, p, 0)
		p.waitSeq(t, n)
		wantSeqs(t, p.seqs(), upTo(1, n))
		inBlock := driver.PageMessages / min(driver.PageMessages, driver.PageBytes/size)
		if pages, bytes := log.read(); pages != n/driver.PageMessages*inBlock || bytes != n*size {
			t.Errorf("%d messages of %d bytes: %d pages of %d bytes were read", n, size, pages, bytes)
		}
		checkKept(t, h)
	}
}

// Readers at 500 different cursors of one room share its pages, long messages or short.
func TestPages_ReadersAtDifferentCursorsShareThem(t *testing.T) {
	const n, readers, cursors = 512, 1000, 500
	for _, size := range []int{200, 32_000} {
		log := newBulky(n, size)
		h := startWith(t, Config{}, log)
		var all sync.WaitGroup
		for i := range readers {
			all.Go(func() {
				seq := int64(i%cursors) + 1
				if s, err := h.pages.find(t.Context(), roomNamed("a"), eventStream, seq); err != nil || !s.holds(seq) {
					t.Errorf("message %d: %d to %d, %v", seq, s.first, s.last(), err)
				}
			})
		}
		all.Wait()
		inBlock := driver.PageMessages / min(driver.PageMessages, driver.PageBytes/size)
		if pages, _ := log.read(); pages > n/driver.PageMessages*inBlock {
			t.Errorf("%d readers of %d pages made %d reads", readers, n/driver.PageMessages*inBlock, pages)
		}
		if len(h.pages.rooms["a"].blocks) == 0 || h.pages.rooms["a"].waiting != 0 {
			t.Errorf("%d readers still wait", h.pages.rooms["a"].waiting)
		}
	}
}

// A peer that does not read keeps its own bytes in memory, and no page.
func TestPages_ASlowPeerKeepsNoPage(t *testing.T) {
	log := newBulky(64, 32_000)
	h := startWith(t, Config{}, log)
	p := newPeer()
	p.stall(true)
	join(t, h, p, 0)
	waitUntil(t, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.pending) > 0
	})
	page := func() weak.Pointer[byte] {
		s, ok := h.pages.cached("a", blockKey{epoch: firstEpoch, enc: eventStream}, 1)
		if !ok {
			t.Fatal("the page is not cached")
		}
		return weak.Make(&s.buf[0])
	}()
	h.pages.dropAll()
	waitUntil(t, func() bool {
		runtime.GC()
		return page.Value() == nil
	})
	p.stall(false)
	p.waitSeq(t, 64)
	wantSeqs(t, p.seqs(), upTo(1, 64))
}

// What was announced and is not new drops the pages of its room, and nothing else does.
func TestPages_AreDroppedWhenMessagesMayHaveChanged(t *testing.T) {
	repeat := func(seq int64) []chat.Message { return []chat.Message{message("a", seq, "changed")} }
	for name, tc := range map[string]struct {
		do      func(h *Hub)
		dropped bool
	}{
		"a repeat":                           {func(h *Hub) { h.Deliver(repeat(7)) }, true},
		"a repeat behind the newest message": {func(h *Hub) { h.Deliver(append(repeat(301), repeat(300)...)) }, true},
		"the next message":                   {func(h *Hub) { h.Deliver(repeat(301)) }, false},
		"a message of another room":          {func(h *Hub) { h.Deliver([]chat.Message{message("b", 1, "")}) }, false},
		"without readers: a repeat":          {func(h *Hub) { h.Passed(chat.Message{Room: "a", Seq: 300}) }, true},
		"without readers: the next":          {func(h *Hub) { h.Passed(chat.Message{Room: "a", Seq: 301}) }, false},
		"without readers: another room":      {func(h *Hub) { h.Passed(chat.Message{Room: "b", Seq: 1}) }, false},
		"another kind":                       {func(h *Hub) { h.Changed("a") }, true},
		"another kind in another room":       {func(h *Hub) { h.Changed("b") }, false},
		"announcements were missed":          {func(h *Hub) { h.Resync() }, true},
	} {
		log := &history{}
		log.append("a", 300)
		h := start(t, log)
		p := newPeer()
		join(t, h, p, 0)
		p.waitSeq(t, 300)
		for _, seq := range []int64{1, 300} {
			if _, ok := h.pages.cached("a", blockKey{firstEpoch, eventStream, (seq - 1) / pageMessages}, seq); !ok {
				t.Fatalf("%s: message %d is not cached", name, seq)
			}
		}
		tc.do(h)
		for _, seq := range []int64{1, 300} {
			if _, ok := h.pages.cached("a", blockKey{firstEpoch, eventStream, (seq - 1) / pageMessages}, seq); ok == tc.dropped {
				t.Errorf("%s: message %d is cached: %v", name, seq, ok)
			}
		}
		checkKept(t, h)
	}
}

// A page that was read while messages changed is not kept, and a reader that comes after the change reads anew.
func TestPages_AReadDuringAChangeIsNotKept(t *testing.T) {
	for name, change := range map[string]func(h *Hub){
		"another kind": func(h *Hub) { h.Changed("a") },
		"a repeat":     func(h *Hub) { h.Passed(chat.Message{Room: "a", Seq: 3}) },
		"missed":       func(h *Hub) { h.Resync() },
		"other room":   func(h *Hub) { h.Changed("b") },
	} {
		synctest.Test(t, func(t *testing.T) {
			log := newFarStore(t, time.Second)
			log.append("a", 20)
			h := startWith(t, Config{}, log)
			var readers sync.WaitGroup
			find := func() {
				readers.Go(func() {
					if _, err := h.pages.find(t.Context(), roomNamed("a"), eventStream, 3); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			find()
			synctest.Wait()
			change(h)
			readers.Wait()
			if _, ok := h.pages.cached("a", blockKey{enc: eventStream}, 3); ok {
				t.Errorf("%s: what was read meanwhile is kept", name)
			}
			find()
			synctest.Wait()
			h.Changed("b")
			find()
			synctest.Wait()
			if now := log.mostReads(); now != 2 {
				t.Errorf("%s: %d reads at once: the second reader shares a read from before the change", name, now)
			}
			readers.Wait()
			if _, ok := h.pages.cached("a", blockKey{epoch: firstEpoch, enc: eventStream}, 3); !ok {
				t.Errorf("%s: what was read after the change is not kept", name)
			}
			find()
			readers.Wait()
			if n := log.readCount(); n != 3 {
				t.Errorf("%s: %d reads, want 3", name, n)
			}
		})
	}
}

// A page is dropped while nobody reads its room, too, and its room is forgotten with its last page.
func TestPages_OfARoomWithoutReaders(t *testing.T) {
	log := &history{}
	log.append("a", 3)
	h := start(t, log)
	p := newPeer()
	c := join(t, h, p, 0)
	p.waitSeq(t, 3)
	c.close()
	if h.Listens("a") || len(h.pages.rooms) != 1 {
		t.Errorf("listens: %v; pages of %d rooms", h.Listens("a"), len(h.pages.rooms))
	}
	h.Passed(chat.Message{Room: "a", Seq: 2})
	if len(h.pages.rooms) != 0 || h.cfg.Memory.Used() != 0 {
		t.Errorf("pages of %d rooms are kept, %v bytes", len(h.pages.rooms), h.cfg.Memory.Used())
	}
	c = join(t, h, newPeer(), Now)
	if !h.Listens("a") || h.Listens("b") {
		t.Error("the hub does not listen to the room that has a reader, or to another one")
	}
	c.close()
}
