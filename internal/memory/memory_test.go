package memory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
)

// What was not used for the longest time gives way, whatever it is.
func TestBudget_TheColdestGivesWayFirst(t *testing.T) {
	var dropped []string
	b := New(Config{Limit: 100})
	shares := map[string]*Share{}
	for name, kind := range map[string]Kind{"tail 1": Tail, "page 1": Page, "tail 2": Tail, "page 2": Page} {
		shares[name] = b.Share(kind, func() { dropped = append(dropped, name) })
	}
	for _, name := range []string{"tail 1", "page 1", "tail 2", "page 2"} {
		Evict(shares[name].Set(25))
	}
	if len(dropped) > 0 {
		t.Errorf("dropped %q within the limit", dropped)
	}
	shares["tail 1"].Touch()
	Evict(shares["tail 2"].Set(30))
	Evict(shares["tail 1"].Set(50))
	if want := []string{"page 1", "page 2"}; !slices.Equal(dropped, want) {
		t.Errorf("dropped %q, want %q", dropped, want)
	}
	Evict(shares["page 1"].Set(101))
	if want := []string{"page 1", "page 2", "tail 2", "tail 1", "page 1"}; !slices.Equal(dropped, want) || b.Used() != 0 {
		t.Errorf("dropped %q, want %q; %d bytes are left", dropped, want, b.Used())
	}
	shares["page 1"].Touch()
	if b.used.Len() != 0 {
		t.Errorf("%d shares that keep nothing are listed", b.used.Len())
	}
	if n := testutil.ToFloat64(b.evicted.WithLabelValues("page")); n != 3 {
		t.Errorf("%v pages are counted as evicted, want 3", n)
	}
}

// What is held makes caches give way, and is refused only when nothing is left to give way.
func TestHolding_CachesGiveWayBeforeItIsRefused(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := New(Config{Limit: 1000, Metrics: reg})
	dropped := 0
	for range 10 {
		Evict(b.Share(Tail, func() { dropped++ }).Set(100))
	}
	h := b.Hold(Body, "")
	if err := h.Grow(250); err != nil || dropped != 3 {
		t.Errorf("%v, and %d shares have given way, want 3", err, dropped)
	}
	if err := h.Grow(750); err != nil || dropped != 10 {
		t.Errorf("%v, and %d shares have given way, want all", err, dropped)
	}
	err := h.Grow(1)
	if e, ok := errors.AsType[*errs.Error](err); !ok || e.Code != errs.Unavailable || e.RetryAfter != RetryAfter || errs.IsUnknown(err) {
		t.Errorf("beyond the limit: %v", err)
	}
	if n := testutil.ToFloat64(b.refused.WithLabelValues("body")); n != 1 {
		t.Errorf("%v refusals are counted", n)
	}
	if b.Used() != 1000 || b.Of(Body) != 1000 {
		t.Errorf("%d bytes are in use, %d of bodies", b.Used(), b.Of(Body))
	}
	h.Shrink(200)
	if err := b.Hold(Head, "").Grow(200); err != nil {
		t.Errorf("what was given back is not free: %v", err)
	}
	h.Release()
	h.Release()
	if h.Charge(5); b.Used() != 200 || h.Grow(1) == nil {
		t.Errorf("%d bytes are in use after the release", b.Used())
	}
	if n, err := testutil.GatherAndCount(reg, "restante_memory_bytes"); err != nil || n != int(kinds) {
		t.Errorf("%d kinds have a metric, %v", n, err)
	}
}

// Caches leave most of a large budget alone.
func TestBudget_CachesFillAPart(t *testing.T) {
	b := New(Config{Limit: 1 << 30})
	s := b.Share(Page, func() {})
	if over := s.Set(1 << 28); over != nil {
		t.Error("a quarter is too much")
	}
	if over := s.Set(1<<28 + 1); len(over) != 1 || b.Used() != 0 {
		t.Error("more than a quarter is kept")
	}
}

// Owners that take whatever they get leave something for one that needs little.
func TestHolding_GreedyOwnersLeaveSomething(t *testing.T) {
	for greedy, need := range map[int]int{1: 256 << 10, 10: 256 << 10, 100: 64 << 10, 300: 4 << 10} {
		b := New(Config{Limit: 128 << 20})
		for range 2 {
			for n := range greedy {
				h := b.Hold(Body, fmt.Sprint("greedy ", n))
				for h.Grow(4<<10) == nil {
				}
			}
		}
		free := b.Limit() - b.Used()
		if first := b.owners["greedy 0"].held; greedy == 1 && first > b.Limit()/4 {
			t.Errorf("one owner holds %d of %d bytes", first, b.Limit())
		}
		if err := b.Hold(Body, "honest").Grow(need); err != nil {
			t.Errorf("beside %d greedy owners, with %d bytes free: %v", greedy, free, err)
		}
	}
}

func TestHolding_AwaitWaitsForSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Limit: 100})
		first, second := b.Hold(Read, ""), b.Hold(Read, "")
		other := b.Hold(Body, "")
		other.Charge(100)
		if err := first.Await(t.Context(), 60); err != nil || b.Used() != 160 {
			t.Errorf("the first of its kind waits: %v, %d", err, b.Used())
		}
		other.Release()
		first.Shrink(60)
		if err := first.Grow(80); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		go func() { got <- second.Await(t.Context(), 40) }()
		synctest.Wait()
		first.Shrink(10)
		synctest.Wait()
		select {
		case err := <-got:
			t.Fatalf("it has not waited: %v", err)
		default:
		}
		first.Release()
		if err := <-got; err != nil || second.Size() != 40 {
			t.Errorf("%v, %d bytes are held", err, second.Size())
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { got <- first.Await(ctx, 1) }()
		synctest.Wait()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestBudget_NilHasNoLimit(t *testing.T) {
	var b *Budget
	h := b.Hold(Body, "somebody")
	if err := errors.Join(h.Grow(1<<40), h.Await(t.Context(), 1<<40)); err != nil {
		t.Error(err)
	}
	h.Charge(1)
	h.Shrink(1)
	h.Release()
	s := b.Share(Tail, func() { t.Error("it gives way") })
	s.Touch()
	if over := s.Set(1 << 40); over != nil || b.Used() != 0 || b.Of(Tail) != 0 || b.Limit() != 0 || h.Size() != 0 {
		t.Error("it counts")
	}
}

// Whatever happens in whatever order, no more than the limit is in use, and at the end nothing is.
func TestBudget_IsKeptByAnySteps(t *testing.T) {
	const limit = 1 << 20
	b := New(Config{Limit: limit, Caches: limit / 2})
	var running sync.WaitGroup
	for worker := range uint64(8) {
		running.Go(func() { anySteps(t, b, rand.New(rand.NewPCG(worker, 1))) })
	}
	running.Wait()
	if b.Used() != 0 || len(b.owners) != 0 || b.used.Len() != 0 || b.by != [kinds]int{} {
		t.Errorf("%d bytes of %d owners are in use at the end, %v", b.Used(), len(b.owners), b.by)
	}
}

func anySteps(t *testing.T, b *Budget, random *rand.Rand) {
	var holdings []*Holding
	var shares []*Share
	for range 20 {
		holdings = append(holdings, b.Hold(Kind(2+random.IntN(int(kinds)-2)), fmt.Sprint(random.IntN(3))))
		shares = append(shares, b.Share(Kind(random.IntN(2)), func() {}))
	}
	for range 20_000 {
		h, s, n := holdings[random.IntN(len(holdings))], shares[random.IntN(len(shares))], random.IntN(64<<10)
		switch random.IntN(6) {
		case 0, 1:
			_ = h.Grow(n) // refused at times
		case 2:
			h.Shrink(n)
		case 3:
			s.Touch()
		case 4:
			Evict(s.Set(n))
		case 5:
			if random.IntN(20) == 0 {
				h.Release()
			}
		}
		if used := b.Used(); used < 0 || used > b.limit {
			t.Errorf("%d of %d bytes are in use", used, b.limit)
			return
		}
		if size := h.Size(); size < 0 {
			t.Errorf("a holding of %d bytes", size)
		}
	}
	for _, h := range holdings {
		h.Release()
	}
	for _, s := range shares {
		Evict(s.Set(0))
	}
}

func BenchmarkHolding(b *testing.B) {
	h := New(Config{Limit: 1 << 30}).Hold(Pending, "somebody")
	for b.Loop() {
		_ = h.Grow(4 << 10)
		h.Shrink(4 << 10)
	}
}

func TestLevel_FollowsInSteps(t *testing.T) {
	b := New(Config{Limit: 100 << 10})
	var l Level
	to := func(n int) error { return l.To(b, Pending, "", n) }
	for _, step := range []struct{ size, held int }{
		{levelFree, 0}, {levelFree + 1, levelStep}, {levelStep, levelStep}, {60_000, 8 * levelStep}, {40_000, 8 * levelStep},
		{20_000, 3 * levelStep}, {0, 0}, {levelStep + 1, 2 * levelStep},
	} {
		if err := to(step.size); err != nil || b.Of(Pending) != step.held {
			t.Errorf("of %d bytes %d are held, want %d, %v", step.size, b.Of(Pending), step.held, err)
		}
	}
	if err := to(200 << 10); !errors.Is(err, ErrRefused) || b.Used() != 2*levelStep {
		t.Errorf("beyond the limit: %v, %d bytes are held", err, b.Used())
	}
	l.End()
	l.End()
	if b.Used() != 0 {
		t.Errorf("%d bytes are held at the end", b.Used())
	}
	if err := to(50_000); err != nil {
		t.Error(err)
	}
}
