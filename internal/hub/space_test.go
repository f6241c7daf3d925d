package hub

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
	"restante/internal/memory"
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
	known := h.cfg.Memory.Of(memory.Tail) + h.cfg.Memory.Of(memory.Page)
	if counted := kept(h); counted != known || known > h.cfg.Memory.Limit() {
		t.Errorf("%d bytes are kept, the budget knows of %d, the limit is %d", counted, known, h.cfg.Memory.Limit())
	}
}

// evictions returns how many tails have given way.
func evictions(t *testing.T, metrics *prometheus.Registry) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "restante_memory_evicted_total" && m.GetLabel()[0].GetValue() == memory.Tail.String() {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatal("there is no such metric")
	return 0
}

// The tails of all rooms together are bounded, whatever each of them may have.
func TestHub_TailsHaveACommonBound(t *testing.T) {
	log, metrics := &history{}, prometheus.NewRegistry()
	h := startWith(t, Config{Memory: memory.New(memory.Config{Limit: 8 << 20, Metrics: metrics})}, log)
	text := strings.Repeat("x", 16<<10)
	var conns []*conn
	for r := range 200 {
		room := fmt.Sprint("r", r)
		c := h.newConn(t.Context(), greedy{}, eventStream)
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
	if n := evictions(t, metrics); n < 100 {
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
	if n := h.cfg.Memory.Used(); n != 0 {
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
	const clients, rooms, messages, caches = 300, 200, 30, 16 << 20
	log, metrics := &history{}, prometheus.NewRegistry()
	h := startWith(t, Config{Memory: memory.New(memory.Config{Limit: 64 << 20, Caches: caches, Metrics: metrics}), MaxRooms: -1}, log)
	text := strings.Repeat("x", 30_000)
	for r := range rooms {
		log.add(message(fmt.Sprint("r", r), 1, text))
	}
	for n := range clients {
		c := h.newConn(t.Context(), &deaf{}, encoding(n%int(encodings)))
		t.Cleanup(c.close)
		for r := range rooms {
			if _, err := c.follow(anyone(t.Context()), at(fmt.Sprint("r", r), 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := h.cfg.Memory.Of(memory.Room); held != rooms*priceOfRoom+clients*rooms*priceOfReader {
		t.Errorf("%d bytes are held for rooms and readers", held)
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
	if grown := heap() - before; grown > caches+8<<20 {
		t.Errorf("the heap has grown by %d MiB, caches may take %d MiB", grown>>20, caches>>20)
	}
	if n := evictions(t, metrics); n == 0 {
		t.Error("no tail has given way")
	}
}

// A client joins no more different rooms than it may, with all its connections, and what it has left it may join anew.
func TestHub_RoomsOfAClient(t *testing.T) {
	owner := func(ctx context.Context) string {
		name, _ := ctx.Value(ownerKey{}).(string)
		return name
	}
	h := startWith(t, Config{MaxRoomsPerClient: 3, Owner: owner, Memory: memory.New(memory.Config{Limit: 16 << 20})}, &history{})
	as := func(name string) context.Context { return context.WithValue(anyone(t.Context()), ownerKey{}, name) }
	open := func(name string) *conn { return h.newConn(as(name), newPeer(), eventStream) }
	join := func(c *conn, name, room string) error {
		_, err := c.follow(as(name), at(room, Now))
		return err
	}
	first, second, other := open("ann"), open("ann"), open("bob")
	for _, room := range []string{"a", "b"} {
		for _, c := range []*conn{first, second} {
			if err := join(c, "ann", room); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(join(first, "ann", "c"), join(first, "ann", "c"), join(second, "ann", "c")); err != nil {
		t.Error(err)
	}
	if err := join(second, "ann", "d"); errs.CodeOf(err) != errs.TooMany {
		t.Errorf("the fourth room: %v", err)
	}
	if err := join(other, "bob", "d"); err != nil {
		t.Errorf("another client: %v", err)
	}
	first.unfollow("c")
	if err := join(second, "ann", "d"); errs.CodeOf(err) != errs.TooMany {
		t.Errorf("while the other connection has the room: %v", err)
	}
	second.unfollow("c")
	if err := join(second, "ann", "d"); err != nil {
		t.Errorf("after both have left one: %v", err)
	}
	for _, c := range []*conn{first, second, other} {
		c.close()
	}
	if h.cfg.Memory.Used() != 0 || len(h.quota.joined) != 0 {
		t.Errorf("%d bytes are held, and rooms of %d clients, at the end", h.cfg.Memory.Used(), len(h.quota.joined))
	}
}

type ownerKey struct{}

// A room that has no space is refused as the server's fault, so that the client tries again.
func TestHub_RoomsBeyondTheMemory(t *testing.T) {
	h := startWith(t, Config{MaxRooms: -1, Memory: memory.New(memory.Config{Limit: 64 << 10})}, &history{})
	c := h.newConn(t.Context(), newPeer(), eventStream)
	joined := 0
	var err error
	for ; err == nil; joined++ {
		_, err = c.follow(anyone(t.Context()), at(fmt.Sprint("r", joined), Now))
	}
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != errs.Unavailable || e.RetryAfter == 0 || joined < 20 {
		t.Errorf("after %d rooms: %v", joined, err)
	}
	c.close()
	if n := h.cfg.Memory.Used(); n != 0 || len(h.rooms) != 0 {
		t.Errorf("%d bytes are held at the end, for %d rooms", n, len(h.rooms))
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
