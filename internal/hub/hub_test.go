package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/memory"
	"restante/internal/signalr"
	"restante/internal/store/driver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// history is a store in memory. Tests append to it, and choose what they announce.
type history struct {
	mu     sync.Mutex
	rooms  map[string][]chat.Message
	broken bool
	reads  int

	// Epochs, oldest first; one that is the first if there are none. begins has what Beginning returns.
	epochs []chat.Epoch
	begins map[string]int64

	floor int64 // messages up to this number have been removed
}

// firstEpoch is that of a store that has not gone back.
var firstEpoch = chat.Epoch{Store: "5a1e", ID: "aaaaaaaaaaaaaaaa", First: true}

// Epoch returns the present epoch.
func (h *history) Epoch() (chat.Epoch, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoch(), nil
}

func (h *history) epoch() chat.Epoch {
	if n := len(h.epochs); n > 0 {
		return h.epochs[n-1]
	}
	return firstEpoch
}

func (h *history) Beginning(_ context.Context, room, epoch string) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begins[epoch], nil
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
	from := min(max(seq, h.floor), int64(len(all)))
	return inEpoch(h.epoch(), all[from:min(from+int64(limit), int64(len(all)))]), nil
}

func (h *history) Page(_ context.Context, room string, seq int64) ([]chat.Message, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads++
	if h.broken {
		return nil, &errs.Error{Code: errs.Unavailable, Msg: "the store is down"}
	}
	return inEpoch(h.epoch(), pageOf(h.rooms[room], h.floor, seq)), nil
}

// pageOf returns the page of the message seq of a room whose messages up to floor have been removed, as a store does.
func pageOf(all []chat.Message, floor, seq int64) []chat.Message {
	first := (seq - 1) / driver.PageMessages * driver.PageMessages
	next := first + driver.PageMessages
	first = min(max(first, floor), next)
	block := all[min(first, int64(len(all))):min(next, int64(len(all)))]
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
	r := chat.Room{Name: name, LastSeq: n, Epoch: h.epoch()}
	if n > h.floor {
		r.OldestSeq = h.floor + 1
	}
	return r, nil
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

// raise removes the messages up to floor.
func (h *history) raise(floor int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.floor = floor
}

// goBack takes away the messages of a room after seq, and begins an epoch if it is not the zero one.
func (h *history) goBack(room string, seq int64, e chat.Epoch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rooms[room] = slices.Clone(h.rooms[room][:seq])
	if e.ID != "" {
		h.epochs = append(h.epochs, e)
	}
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

// Beginning is that of both embedded interfaces.
func (s storeOf) Beginning(ctx context.Context, room, epoch string) (int64, error) {
	return s.History.Beginning(ctx, room, epoch)
}

// roomNamed is a room of the first epoch, for reading its pages.
func roomNamed(name string) *room {
	return newRoom(name, firstEpoch, 1, memory.New(memory.Config{Limit: 1 << 20}))
}

// at is a cursor that names no epoch.
func at(room string, seq int64) chat.Cursor { return chat.Cursor{Room: room, Seq: seq} }

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
	renewed bool // it was asked to connect again
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

func (p *peer) TryWriteRun(payload []byte, _ signalr.Run) bool { return p.TryWrite(payload) }

func (p *peer) Wait(ctx context.Context) error {
	return p.until(ctx, func() bool { return len(p.pending) == 0 })
}

func (p *peer) Renew() { p.change(func() { p.renewed = true }) }

// wasRenewed reports whether the peer was asked to connect again.
func (p *peer) wasRenewed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.renewed
}

// text returns what the peer got.
func (p *peer) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.got)
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

// hidden is a store whose reads end before a message for a while.
type hidden struct {
	*history
	from int64 // 0: all is shown
}

func (h *hidden) show() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.from = 0
}

func (h *hidden) cut(messages []chat.Message) []chat.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range messages {
		if h.from > 0 && messages[i].Seq >= h.from {
			return messages[:i]
		}
	}
	return messages
}

func (h *hidden) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	messages, err := h.history.Page(ctx, room, seq)
	return h.cut(messages), err
}
