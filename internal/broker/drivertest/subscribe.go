package drivertest

import (
	"context"
	"sync"
	"testing"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/chat"
)

func testSubscribe(t *testing.T, h Harness) {
	d := open(t, h)
	const subscribers, n = 3, 50
	cs := make([]*collector, subscribers)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for i := range cs {
		cs[i] = newCollector()
		wg.Go(func() {
			if err := d.Subscribe(ctx, cs[i]); err != nil {
				t.Errorf("Subscribe: %v", err)
			}
		})
	}
	ready(t, cs...)
	for i := 1; i <= n; i++ {
		if err := d.Announce(t.Context(), []chat.Message{stored("a", i)}); err != nil {
			t.Fatalf("Announce: %v", err)
		}
	}
	for _, c := range cs {
		sameMessages(t, h, c.waitFor(t, n), "a", n, stored)
	}
}

// ready waits until every subscription has begun.
func ready(t *testing.T, cs ...*collector) {
	t.Helper()
	for _, c := range cs {
		wait(t, c.began, "Missed, which says that a subscription has begun")
	}
}

func testSubscribeEnds(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Subscribe(ctx, c) }()
	ready(t, c)
	cancel()
	if err := wait(t, ended, "Subscribe to return"); err != nil {
		t.Errorf("Subscribe: %v", err)
	}
	c.mu.Lock()
	before := len(c.got)
	c.mu.Unlock()
	if err := d.Announce(t.Context(), []chat.Message{stored("a", 1)}); err != nil {
		t.Errorf("Announce without subscribers: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) != before {
		t.Error("a subscription that has ended was called")
	}
}

// testRoomsWithoutReaders: of a room that a subscriber does not listen to it is told the numbers, in their order, and never a
// message. Other rooms are delivered as if there were nothing else.
func testRoomsWithoutReaders(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	c.quiet = "quiet"
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = d.Subscribe(ctx, c) })
	ready(t, c)
	const n, epoch = 50, "a1b2c3d4e5f60718"
	for i := 1; i <= n; i++ {
		quiet := stored("quiet", i)
		quiet.Epoch = epoch
		if err := d.Announce(t.Context(), []chat.Message{quiet, stored("a", i), quiet, stored("a", i)}); err != nil {
			t.Fatalf("Announce: %v", err)
		}
	}
	if err := d.Announce(t.Context(), []chat.Message{stored("a", n+1)}); err != nil {
		t.Fatalf("Announce: %v", err)
	}
	var last int64
	for got := c.waitFor(t, 2*n+1); len(got) > 0; got = got[1:] {
		if got[0].Room != "a" {
			t.Fatalf("delivered %+v", got[0])
		}
		last = max(last, got[0].Seq)
	}
	if last != n+1 {
		t.Errorf("room a was delivered up to %d, want %d", last, n+1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	last = 0
	for _, m := range c.passed {
		if want := stored("quiet", int(m.Seq)); m != (chat.Message{Room: "quiet", Seq: want.Seq, ID: want.ID, Epoch: epoch}) {
			t.Fatalf("told %+v", m)
		}
		if m.Seq > last+1 {
			t.Fatalf("told of %d after %d", m.Seq, last)
		}
		last = max(last, m.Seq)
	}
	if last != n {
		t.Errorf("told of the room without readers up to %d, want %d", last, n)
	}
}

// slow is a subscriber that takes its time for the first call of Deliver.
type slow struct {
	*collector
	entered chan struct{}
	release chan struct{}
	once    sync.Once
}

func (s *slow) Deliver(stored []chat.Message) {
	s.once.Do(func() {
		close(s.entered)
		<-s.release
	})
	s.collector.Deliver(stored)
}

// testSlowSubscriber: a subscriber that is slow for a while gets everything in order all the same. What it cannot get it is
// told of; here is too little for that. A broker without a queue lets the announcers wait for it.
func testSlowSubscriber(t *testing.T, h Harness) {
	d := open(t, h)
	s := &slow{collector: newCollector(), entered: make(chan struct{}), release: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = d.Subscribe(ctx, s) })
	ready(t, s.collector)
	const n = 200
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		for i := 1; i <= n; i++ {
			if err := d.Announce(t.Context(), []chat.Message{stored("a", i)}); err != nil {
				t.Errorf("Announce: %v", err)
			}
		}
	}()
	wait(t, s.entered, "the first announcement")
	if h.Keeps {
		wait(t, announced, "Announce, which does not wait for a subscriber elsewhere")
	}
	close(s.release)
	wait(t, announced, "Announce")
	sameMessages(t, h, s.waitFor(t, n), "a", n, stored)
}

// testResumed: after an interruption a subscription calls Missed, and then hears everything.
func testResumed(t *testing.T, s Shared) {
	c := newCollector()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	hearing := s.open(t)
	go func() { ended <- hearing.Subscribe(ctx, c) }()
	ready(t, c)
	announcing := s.open(t)
	s.Cut()
	wait(t, c.began, "Missed after the connection was lost")
	const n = 20
	for i := 1; i <= n; i++ {
		announce(t, announcing, stored("a", i))
	}
	sameMessages(t, Harness{Keeps: true}, c.waitFor(t, n), "a", n, stored)
	cancel()
	if err := wait(t, ended, "Subscribe to return"); err != nil {
		t.Errorf("Subscribe: %v", err)
	}
}

func announce(t *testing.T, d driver.Driver, m chat.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for {
		err := d.Announce(ctx, []chat.Message{m})
		if err == nil {
			return
		}
		if !d.Retryable(err) || ctx.Err() != nil {
			t.Fatalf("Announce: %v", err)
		}
	}
}

// testLossesAreTold: what the broker loses in silence ends in Missed in time, and from some call of Missed on everything is
// heard again.
func testLossesAreTold(t *testing.T, s Shared) {
	c := newCollector()
	hearing, announcing := s.open(t), s.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = hearing.Subscribe(ctx, c) })
	ready(t, c)
	announce(t, announcing, stored("a", 1))
	c.waitFor(t, 1)
	s.Lose(t)
	announce(t, announcing, stored("a", 2))
	select {
	case <-c.began:
	case <-time.After(driver.MissedWithin):
		t.Errorf("Missed was not called within %v after an announcement was lost", driver.MissedWithin)
	}
	wait(t, c.began, "Missed, because announcements are heard again")
	const n = 20
	for i := 3; i < 3+n; i++ {
		announce(t, announcing, stored("a", i))
	}
	for i, m := range c.waitFor(t, 1+n)[1:] {
		if m != stored("a", 3+i) {
			t.Fatalf("after the loss: got %+v, want message %d", m, 3+i)
		}
	}
}
