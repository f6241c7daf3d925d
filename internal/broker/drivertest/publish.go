package drivertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

func testOrder(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	consume(t, d, c.handle)
	const n = 100
	for i := 1; i <= n; i++ {
		for _, room := range []string{"a", "b"} {
			if err := d.Publish(t.Context(), message(room, i)); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
	}
	got := c.waitFor(t, 2*n)
	sameOrder(t, h, got, "a", n)
	sameOrder(t, h, got, "b", n)
}

func testBatches(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	busy := make(chan struct{})
	first := sync.OnceFunc(func() { <-busy })
	consume(t, d, func(ctx context.Context, batch []chat.Message) error {
		first()
		return c.handle(ctx, batch)
	})
	const senders, each = 64, 20
	var wg, begun sync.WaitGroup
	begun.Add(senders)
	for s := range senders {
		wg.Go(func() {
			begun.Done()
			for i := 1; i <= each; i++ {
				if err := d.Publish(t.Context(), message(fmt.Sprint("room-", s), i)); err != nil {
					t.Errorf("Publish: %v", err)
				}
			}
		})
	}
	begun.Wait() // otherwise the first sender can be done before the others begin
	close(busy)
	wg.Wait()
	got := c.waitFor(t, senders*each)
	for s := range senders {
		sameOrder(t, h, got, fmt.Sprint("room-", s), each)
	}
	if c.largest < 2 {
		t.Errorf("%d senders at once, and no batch had more than one message", senders)
	}
}

func testAnsweredAfterHandled(t *testing.T, h Harness) {
	d := open(t, h)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	consume(t, d, func(context.Context, []chat.Message) error {
		entered <- struct{}{}
		<-release
		return nil
	})
	answered := make(chan error, 1)
	go func() { answered <- d.Publish(t.Context(), message("a", 1)) }()
	wait(t, entered, "the handler to be called")
	if h.Keeps {
		if err := wait(t, answered, "Publish to return while the handler is busy"); err != nil {
			t.Errorf("Publish: %v", err)
		}
		close(release)
		return
	}
	select {
	case err := <-answered:
		t.Errorf("Publish returned %v before its batch was handled", err)
	default:
	}
	close(release)
	if err := wait(t, answered, "Publish to return"); err != nil {
		t.Errorf("Publish: %v", err)
	}
}

func testPublishContext(t *testing.T, h Harness) {
	d := open(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Publish(ctx, message("a", 1)); !errors.Is(err, context.Canceled) || errs.IsUnknown(err) {
		t.Errorf("Publish with a cancelled context: %v, want %v, and that it is known not to be queued", err, context.Canceled)
	}
	if h.Keeps {
		return // such a broker answers without a consumer
	}
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := d.Publish(ctx, message("a", 2)); !errors.Is(err, context.DeadlineExceeded) || !errs.IsUnknown(err) {
		t.Errorf("Publish without a consumer: %v, want %v, and that the outcome is not known", err, context.DeadlineExceeded)
	}
}

// testBackPressure: when nothing is handled, publishers beyond the capacity wait or fail. A message whose Publish returned
// nil is handled later.
func testBackPressure(t *testing.T, h Harness) {
	if h.Capacity == 0 {
		return // not bounded: nothing is promised
	}
	d, c := open(t, h), newCollector()
	release := make(chan struct{})
	consume(t, d, func(ctx context.Context, batch []chat.Message) error {
		<-release
		return c.handle(ctx, batch)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	n := 3 * h.Capacity
	results := make(chan error, n)
	for i := range n {
		go func() { results <- d.Publish(ctx, message("a", i+1)) }()
	}
	for range n {
		if err := wait(t, results, "Publish to give up"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Publish to a consumer that hangs: %v, want %v", err, context.DeadlineExceeded)
		}
	}
	close(release)
	if err := d.Publish(t.Context(), message("b", 1)); err != nil {
		t.Errorf("Publish after the consumer has recovered: %v", err)
	}
	c.waitFor(t, 1)
}

// testCloseWhilePublishing: every Publish returns, and returns nil only if its message is handled.
func testCloseWhilePublishing(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	consume(t, d, c.handle)
	const senders = 32
	var mu sync.Mutex
	var accepted []chat.Message
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := 1; ; i++ {
				m := message(fmt.Sprint("room-", s), i)
				if err := d.Publish(t.Context(), m); err != nil {
					if errs.CodeOf(err) != errs.Unavailable {
						t.Errorf("Publish while closing: %v, want class %s", err, errs.Unavailable)
					}
					return
				}
				mu.Lock()
				accepted = append(accepted, m)
				mu.Unlock()
			}
		})
	}
	c.waitFor(t, 5*senders)
	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() {
			if err := d.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	closers.Wait()
	wg.Wait()
	if h.Keeps {
		return // the rest is in the queue
	}
	handled := map[chat.Message]bool{}
	for _, m := range c.waitFor(t, len(accepted)) {
		handled[m] = true
	}
	for _, m := range accepted {
		if !handled[m] {
			t.Errorf("answered with nil but never handled: %+v", m)
		}
	}
}

func testCloseUnhandled(t *testing.T, h Harness) {
	d := open(t, h)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	answered := make(chan error, 1)
	go func() { answered <- d.Publish(t.Context(), message("a", 1)) }()
	if h.Keeps {
		if err := wait(t, answered, "Publish to return"); err != nil {
			t.Errorf("Publish: %v", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if !h.Keeps {
		if err := wait(t, answered, "Publish to return"); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("Publish that waits when the broker is closed: %v, want class %s", err, errs.Unavailable)
		} else if errs.IsUnknown(err) {
			t.Errorf("Publish that waits when the broker is closed: %v, want that it is known not to be queued", err)
		}
	}
	if err := d.Publish(t.Context(), message("a", 2)); errs.CodeOf(err) != errs.Unavailable || errs.IsUnknown(err) {
		t.Errorf("Publish after Close: %v, want class %s, and that it is known not to be queued", err, errs.Unavailable)
	}
	if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("Check after Close: %v, want class %s", err, errs.Unavailable)
	}
}
