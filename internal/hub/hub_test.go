package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// history is a store in memory. Tests append to it, and choose what they announce.
type history struct {
	mu     sync.Mutex
	rooms  map[string][]chat.Message
	broken bool
	reads  int
}

func (h *history) append(room string, n int) []chat.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms == nil {
		h.rooms = make(map[string][]chat.Message)
	}
	for range n {
		seq := int64(len(h.rooms[room]) + 1)
		h.rooms[room] = append(h.rooms[room], message(room, seq, fmt.Sprint("message ", seq)))
	}
	all := h.rooms[room]
	return all[len(all)-n:]
}

// add appends a message as it is.
func (h *history) add(m chat.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.rooms == nil {
		h.rooms = make(map[string][]chat.Message)
	}
	h.rooms[m.Room] = append(h.rooms[m.Room], m)
}

func (h *history) After(_ context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	if h.broken {
		return nil, &errs.Error{Code: errs.Unavailable, Msg: "the store is down"}
	}
	all := h.rooms[room]
	from := min(seq, int64(len(all)))
	return all[from:min(from+int64(limit), int64(len(all)))], nil
}

func (h *history) Page(_ context.Context, room string, seq int64) ([]chat.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	if h.broken {
		return nil, &errs.Error{Code: errs.Unavailable, Msg: "the store is down"}
	}
	return pageOf(h.rooms[room], seq), nil
}

// pageOf returns the page of the message seq of a room, as a store does.
func pageOf(all []chat.Message, seq int64) []chat.Message {
	first := (seq - 1) / driver.PageMessages * driver.PageMessages
	block := all[min(first, int64(len(all))):min(first+driver.PageMessages, int64(len(all)))]
	sizes := make([]int, len(block))
	for i := range block {
		sizes[i] = len(block[i].Msg)
	}
	from, to := driver.PageOf(sizes, int(seq-1-first))
	return block[from:to]
}

func (h *history) Room(_ context.Context, name string) (chat.Room, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := int64(len(h.rooms[name]))
	return chat.Room{Name: name, LastSeq: n, OldestSeq: min(n, 1)}, nil
}

func (h *history) LastSeqs(_ context.Context, rooms []string) ([]int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := make([]int64, len(rooms))
	for i, name := range rooms {
		last[i] = int64(len(h.rooms[name]))
	}
	return last, nil
}

func (h *history) setBroken(broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = broken
}

// logsOf returns the logs of h, with the guard that package server puts before the store.
func logsOf(h SharedHistory) Logs {
	return Logs{Guarded: auth.Log{Next: storeOf{History: h}}, Shared: h}
}

// storeOf makes an auth.Reader of a History. Its other methods are not called.
type storeOf struct {
	auth.Reader
	History
}

// After is that of both embedded interfaces.
func (s storeOf) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return s.History.After(ctx, room, seq, limit)
}

// Room is that of both embedded interfaces.
func (s storeOf) Room(ctx context.Context, name string) (chat.Room, error) {
	return s.History.Room(ctx, name)
}

// start runs a hub over h until the test ends.
func start(t testing.TB, h SharedHistory) *Hub {
	t.Helper()
	return startWith(t, Config{TailBytes: 4 << 10}, h)
}

func startWith(t testing.TB, cfg Config, h SharedHistory) *Hub {
	t.Helper()
	hub := New(cfg, logsOf(h), nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = hub.Run(ctx)
	}()
	t.Cleanup(func() {
		drainCtx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := hub.Drain(drainCtx); err != nil {
			t.Errorf("Drain: %v", err)
		}
		cancel()
		<-done
		if len(hub.rooms) != 0 {
			t.Errorf("%d rooms are open without readers", len(hub.rooms))
		}
	})
	return hub
}

// peer is the far end of a sink. It has a small buffer, and reads from it unless the test has stalled it.
type peer struct {
	mu      sync.Mutex
	changed chan struct{} // replaced at every change
	stalled bool
	pending []byte
	got     []byte
	ended   bool
}

func newPeer() *peer { return &peer{changed: make(chan struct{})} }

func (p *peer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	if !p.stalled {
		p.got, p.pending = append(p.got, p.pending...), nil
	}
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *peer) TryWrite(payload []byte) (ok bool) {
	p.change(func() {
		if ok = len(p.pending) == 0; ok {
			p.pending = append(p.pending, payload...)
		}
	})
	return ok
}

func (p *peer) Wait(ctx context.Context) error {
	return p.until(ctx, func() bool { return len(p.pending) == 0 })
}

func (p *peer) stall(stalled bool) { p.change(func() { p.stalled = stalled }) }
func (p *peer) end()               { p.change(func() { p.ended = true }) }

var errEnded = errors.New("the peer has closed")

// until waits for a condition on the peer.
func (p *peer) until(ctx context.Context, ok func() bool) error {
	for {
		p.mu.Lock()
		changed, done, ended := p.changed, ok(), p.ended
		p.mu.Unlock()
		switch {
		case ended:
			return errEnded
		case done:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// seqs returns the numbers of the messages that the peer got, in order.
func (p *peer) seqs() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return seqsOf(p.got)
}

// awaitSeq waits until the peer has got a message.
func (p *peer) awaitSeq(ctx context.Context, seq int64) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return p.until(ctx, func() bool {
		got := seqsOf(p.got)
		return len(got) > 0 && got[len(got)-1] >= seq
	})
}

func (p *peer) waitSeq(t *testing.T, seq int64) {
	t.Helper()
	if err := p.awaitSeq(t.Context(), seq); err != nil {
		t.Fatalf("waiting for message %d: %v; got %v", seq, err, p.seqs())
	}
}
