package hub

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/signalr"
)

// kept returns how much memory the tails and cached pages of a hub take, counted one by one.
func kept(h *Hub) (size int) {
	h.mu.RLock()
	for _, r := range h.rooms {
		size += r.tail.Load().size()
	}
	h.mu.RUnlock()
	h.pages.mu.Lock()
	defer h.pages.mu.Unlock()
	for _, r := range h.pages.rooms {
		for _, b := range r.blocks {
			for _, p := range b.pages {
				size += cap(p.buf) + 4*cap(p.ends) + pageOverhead
			}
		}
	}
	return size
}

// checkKept fails unless the budget knows what is kept, and that is within the limit.
func checkKept(t *testing.T, h *Hub) {
	t.Helper()
	if counted, known := kept(h), int(h.budget.bytes()); counted != known || known > h.cfg.Memory {
		t.Errorf("%d bytes are kept, the budget knows of %d, the limit is %d", counted, known, h.cfg.Memory)
	}
}

func evictions(h *Hub, what string) float64 {
	return testutil.ToFloat64(h.budget.evicted.WithLabelValues(what))
}

// What was not used for the longest time gives way, be it a tail or a page.
func TestBudget_TheColdestGivesWayFirst(t *testing.T) {
	var dropped []string
	b := newBudget(100)
	shares := map[string]*share{}
	for _, name := range []string{"tail 1", "page 1", "tail 2", "page 2"} {
		s := &share{what: name[:4]}
		s.drop = func() { dropped = append(dropped, name) }
		shares[name] = s
		b.evict(b.set(s, 25))
	}
	if len(dropped) > 0 {
		t.Errorf("dropped %q within the limit", dropped)
	}
	b.touch(shares["tail 1"])
	b.evict(b.set(shares["tail 2"], 30))
	b.evict(b.set(shares["tail 1"], 50))
	if want := []string{"page 1", "page 2"}; !slices.Equal(dropped, want) {
		t.Errorf("dropped %q, want %q", dropped, want)
	}
	b.evict(b.set(shares["page 1"], 101))
	if want := []string{"page 1", "page 2", "tail 2", "tail 1", "page 1"}; !slices.Equal(dropped, want) || b.bytes() != 0 {
		t.Errorf("dropped %q, want %q; %v bytes are left", dropped, want, b.bytes())
	}
	b.touch(shares["page 1"])
	if b.used.Len() != 0 {
		t.Errorf("%d shares that keep nothing are listed", b.used.Len())
	}
	if n := testutil.ToFloat64(b.evicted.WithLabelValues(keptPage)); n != 3 {
		t.Errorf("%v pages are counted as evicted, want 3", n)
	}
}

// The tails of all rooms together are bounded, whatever each of them may have.
func TestHub_TailsHaveACommonBound(t *testing.T) {
	log := &history{}
	h := startWith(t, Config{Memory: 8 << 20}, log)
	text := strings.Repeat("x", 16<<10)
	var conns []*conn
	for r := range 200 {
		room := fmt.Sprint("r", r)
		c := h.newConn(greedy{}, eventStream)
		t.Cleanup(c.close)
		conns = append(conns, c)
		if _, err := c.follow(anyone(t.Context()), at(room, Now)); err != nil {
			t.Fatal(err)
		}
		for seq := range int64(40) {
			log.add(message(room, seq+1, text))
			h.Deliver(log.rooms[room][seq:])
		}
	}
	checkKept(t, h)
	if n := evictions(h, keptTail); n < 100 {
		t.Errorf("%v tails have given way", n)
	}
	for r, hot := range map[string]bool{"r0": false, "r100": false, "r199": true} {
		tl := h.rooms[r].tail.Load()
		if _, ok := tl.find(eventStream, 40); ok != hot || tl.last != 40 {
			t.Errorf("room %s has its newest message in memory: %v, and ends with %d", r, ok, tl.last)
		}
	}
	// A reader of a room whose tail has given way reads the store, and then the tail again.
	p, c := follow(t, h, "r0", 38)
	defer c.close()
	log.add(message("r0", 41, text))
	h.Deliver(log.rooms["r0"][40:])
	p.waitSeq(t, 41)
	wantSeqs(t, p.seqs(), []int64{39, 40, 41})
	for _, c := range conns {
		c.close()
	}
	c.close()
	h.pages.dropAll()
	if n := h.budget.bytes(); n != 0 {
		t.Errorf("%v bytes are kept for rooms without readers", n)
	}
}

// greedy is a sink that takes everything.
type greedy struct{}

func (greedy) Renew()                         {}
func (greedy) TryWrite([]byte) bool           { return true }
func (greedy) Wait(ctx context.Context) error { return ctx.Err() }

func (g greedy) TryWriteRun(payload []byte, _ signalr.Run) bool { return g.TryWrite(payload) }

// deaf is a sink whose peer reads nothing after the first bytes.
type deaf struct{ full bool }

func (*deaf) Renew() {}

func (d *deaf) TryWrite([]byte) (ok bool) {
	ok, d.full = !d.full, true
	return ok
}

func (d *deaf) TryWriteRun(payload []byte, _ signalr.Run) bool { return d.TryWrite(payload) }

func (*deaf) Wait(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Clients that read nothing, in many rooms of long messages, make the server keep no more than its budget.
func TestHub_ClientsThatReadNothingCostNoMoreThanTheBudget(t *testing.T) {
	const clients, rooms, messages = 300, 200, 30
	log := &history{}
	h := startWith(t, Config{Memory: 16 << 20, MaxRooms: -1}, log)
	text := strings.Repeat("x", 30_000)
	for r := range rooms {
		log.add(message(fmt.Sprint("r", r), 1, text))
	}
	for n := range clients {
		c := h.newConn(&deaf{}, encoding(n%int(encodings)))
		t.Cleanup(c.close)
		for r := range rooms {
			if _, err := c.follow(anyone(t.Context()), at(fmt.Sprint("r", r), 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := heap()
	for seq := int64(2); seq <= messages; seq++ {
		for r := range rooms {
			m := message(fmt.Sprint("r", r), seq, text)
			log.add(m)
			h.Deliver(log.rooms[m.Room][seq-1:])
		}
		checkKept(t, h)
	}
	if grown := heap() - before; grown > int64(h.cfg.Memory)+8<<20 {
		t.Errorf("the heap has grown by %d MiB, the budget is %d MiB", grown>>20, h.cfg.Memory>>20)
	}
	if n := evictions(h, keptTail); n == 0 {
		t.Error("no tail has given way")
	}
}

// heap returns how much of the heap is in use, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC() // the first one may keep what is in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
