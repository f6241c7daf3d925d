// Package drivertest is the specification of driver.Driver as a suite: every broker passes it, against the real server.
package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/chat"
	"restante/internal/errs"
)

// Harness says how the suite gets a driver and what the driver promises beyond the contract.
type Harness struct {
	// Open returns a new driver with empty queues. The suite closes it.
	Open func(t *testing.T) driver.Driver
	// Keeps says that the broker keeps messages itself: Publish returns before they are handled, and a batch that
	// failed comes again. Otherwise Publish returns the outcome of the batch.
	Keeps bool
	// Capacity is how many messages can wait while a batch is being handled, 0 if that is not bounded.
	Capacity int
	// Shared returns a broker with empty queues that several drivers can use. Nil for one within a process.
	Shared func(t *testing.T) Shared
}

// waitLimit is how long the suite waits for what must happen. Only a failure waits that long.
const waitLimit = 20 * time.Second

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T, Harness){
		"Order/one sender":                   testOrder,
		"Order/batches under load":           testBatches,
		"Publish/answered after handled":     testAnsweredAfterHandled,
		"Publish/context":                    testPublishContext,
		"Publish/back-pressure":              testBackPressure,
		"Consume/failed handler":             testFailedHandler,
		"Consume/poison message":             testPoison,
		"Consume/conflicts":                  testConflicts,
		"Consume/finishes the batch in hand": testFinishesBatch,
		"Subscribe/all subscribers in order": testSubscribe,
		"Subscribe/slow subscriber":          testSlowSubscriber,
		"Subscribe/rooms without readers":    testRoomsWithoutReaders,
		"Subscribe/ends":                     testSubscribeEnds,
		"Checks/of what works":               testChecks,
		"Close/while publishing":             testCloseWhilePublishing,
		"Close/unhandled":                    testCloseUnhandled,
	} {
		t.Run(name, func(t *testing.T) { test(t, h) })
	}
	if h.Shared != nil {
		runShared(t, h)
	}
}

// message returns the nth message of a room, which has its own id.
func message(room string, n int) chat.Message {
	return chat.Message{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012x", n), Room: room, ClientID: "suite", Msg: fmt.Sprintf("%s %d", room, n),
		SentAt: time.Unix(1_700_000_000, int64(n)*1000).UTC(),
	}
}

// stored returns the nth message of a room as the store returns it.
func stored(room string, n int) chat.Message {
	m := message(room, n)
	m.Seq, m.StoredAt = int64(n), m.SentAt.Add(time.Millisecond)
	return m
}

func open(t *testing.T, h Harness) driver.Driver {
	t.Helper()
	d := h.Open(t)
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

// consume runs Consume in the background and returns a function that ends it and waits for it.
func consume(t *testing.T, d driver.Driver, handle driver.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Consume(ctx, handle) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := wait(t, done, "Consume to return"); err != nil {
			t.Errorf("Consume: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(waitLimit):
		t.Fatalf("waited %v for %s", waitLimit, what)
		panic("unreachable")
	}
}

// collector is a handler and a subscriber that keeps copies of what it gets.
type collector struct {
	began   chan struct{} // gets an element for each call of Missed
	quiet   string        // the room that it does not listen to
	mu      sync.Mutex
	passed  []chat.Message
	got     []chat.Message
	largest int
	changed chan struct{}
}

func newCollector() *collector {
	return &collector{began: make(chan struct{}, 100), changed: make(chan struct{}, 1)}
}

func (c *collector) Listens(room string) bool { return room != c.quiet }

func (c *collector) Missed() { c.began <- struct{}{} }

func (c *collector) Changed(string) {}

func (c *collector) Passed(m chat.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed = append(c.passed, m)
}

func (c *collector) Deliver(stored []chat.Message) { c.add(stored) }

func (c *collector) handle(_ context.Context, batch []chat.Message) error {
	c.add(batch)
	return nil
}

func (c *collector) add(batch []chat.Message) {
	c.mu.Lock()
	for _, m := range batch {
		m.Origin = chat.Origin{} // it says where the driver has the message from
		c.got = append(c.got, m)
	}
	c.largest = max(c.largest, len(batch))
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// waitFor returns what was collected, once that is n messages or more.
func (c *collector) waitFor(t *testing.T, n int) []chat.Message {
	t.Helper()
	deadline := time.After(waitLimit)
	for {
		c.mu.Lock()
		got := c.got[:len(c.got):len(c.got)]
		c.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-c.changed:
		case <-deadline:
			t.Fatalf("waited %v for %d messages, got %d", waitLimit, n, len(got))
		}
	}
}

// sameOrder fails unless got has the messages 1..n of the room, in that order; repeats of earlier ones are allowed
// only where the broker keeps messages.
func sameOrder(t *testing.T, h Harness, got []chat.Message, room string, n int) {
	t.Helper()
	sameMessages(t, h, got, room, n, message)
}

// sameMessages is sameOrder for messages in the form that want gives them.
func sameMessages(t *testing.T, h Harness, got []chat.Message, room string, n int, want func(room string, n int) chat.Message) {
	t.Helper()
	next, seen := 1, map[string]bool{}
	for _, m := range got {
		if m.Room != room {
			continue
		}
		if h.Keeps && seen[m.ID] {
			continue
		}
		if want := want(room, next); m != want {
			t.Fatalf("message %d of room %s: got %+v, want %+v", next, room, m, want)
		}
		seen[m.ID] = true
		next++
	}
	if next != n+1 {
		t.Fatalf("room %s: got %d messages, want %d", room, next-1, n)
	}
}

var errNotNow = &errs.Error{Code: errs.Unavailable, Msg: "not now"}

func isNotNow(err error) bool { return errors.Is(err, errNotNow) }
