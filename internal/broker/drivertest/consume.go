package drivertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
)

func testFailedHandler(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	var failed atomic.Bool
	consume(t, d, func(ctx context.Context, batch []chat.Message) error {
		if failed.CompareAndSwap(false, true) {
			return errNotNow
		}
		return c.handle(ctx, batch)
	})
	err := d.Publish(t.Context(), message("a", 1))
	switch {
	case h.Keeps && err != nil:
		t.Errorf("Publish: %v", err)
	case !h.Keeps && !isNotNow(err):
		t.Errorf("Publish of a message whose batch failed: %v, want the handler's error", err)
	}
	if !h.Keeps { // the sender tries again
		if err := d.Publish(t.Context(), message("a", 1)); err != nil {
			t.Errorf("Publish again: %v", err)
		}
	}
	if err := d.Publish(t.Context(), message("a", 2)); err != nil {
		t.Errorf("Publish after a failed batch: %v", err)
	}
	sameOrder(t, h, c.waitFor(t, 2), "a", 2)
}

// testPoison: of messages published together, the one that can never be stored is dead-lettered; the others arrive, in order.
func testPoison(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	const n, bad = 40, 17
	hold := make(chan struct{})
	first := sync.OnceFunc(func() { <-hold })
	consume(t, d, func(ctx context.Context, batch []chat.Message) error {
		first() // so that the rest arrives in one batch
		for _, m := range batch {
			if m.ID == message("a", bad).ID {
				return errs.Field("msg", "cannot be stored")
			}
		}
		return c.handle(ctx, batch)
	})
	results := make([]chan error, n+1)
	for i := 1; i <= n; i++ {
		results[i] = make(chan error, 1)
		go func() { results[i] <- d.Publish(t.Context(), message("a", i)) }()
	}
	close(hold)
	for i := 1; i <= n; i++ {
		err := wait(t, results[i], "Publish to return")
		switch {
		case i == bad && !h.Keeps && errs.CodeOf(err) != errs.Invalid:
			t.Errorf("Publish of the bad message: %v, want class %s", err, errs.Invalid)
		case (i != bad || h.Keeps) && err != nil:
			t.Errorf("Publish of message %d: %v", i, err)
		}
	}
	ids := map[string]bool{}
	for _, m := range c.waitFor(t, n-1) {
		ids[m.ID] = true
	}
	if len(ids) != n-1 || ids[message("a", bad).ID] {
		t.Errorf("handled %d different messages (the bad one: %v), want %d without the bad one",
			len(ids), ids[message("a", bad).ID], n-1)
	}
}

// testConflicts: of messages published together, those that the handler names as conflicts fail alone; each message is handled
// once, and no batch is split.
func testConflicts(t *testing.T, h Harness) {
	d, c := open(t, h), newCollector()
	const n, every = 60, 7 // every seventh is a conflict
	hold := make(chan struct{})
	first := sync.OnceFunc(func() { <-hold })
	consume(t, d, func(ctx context.Context, batch []chat.Message) error {
		first() // so that the rest arrives together
		if err := c.handle(ctx, batch); err != nil {
			return err
		}
		var conflicts []int
		for i := range batch {
			if number(batch[i])%every == 0 {
				conflicts = append(conflicts, i)
			}
		}
		return (&chat.Appended{Conflicts: conflicts}).Err()
	})
	results := make([]chan error, n+1)
	for i := 1; i <= n; i++ {
		results[i] = make(chan error, 1)
		go func() { results[i] <- d.Publish(t.Context(), message("a", i)) }()
	}
	close(hold)
	for i := 1; i <= n; i++ {
		err := wait(t, results[i], "Publish to return")
		if conflict := i%every == 0 && !h.Keeps; conflict != errors.Is(err, chat.ErrConflict) || !conflict && err != nil {
			t.Errorf("Publish of message %d: %v, a conflict: %v", i, err, conflict)
		}
	}
	if err := d.Publish(t.Context(), message("b", 1)); err != nil { // the driver goes on
		t.Errorf("Publish afterwards: %v", err)
	}
	got := c.waitFor(t, n+1)
	seen := map[string]int{}
	for _, m := range got {
		seen[m.Room+m.ID]++
	}
	if len(got) != n+1 || len(seen) != n+1 {
		t.Errorf("%d messages handled, %d different ones, want %d, each once", len(got), len(seen), n+1)
	}
	if c.largest < 2 {
		t.Error("no batch had more than one message")
	}
}

func testFinishesBatch(t *testing.T, h Harness) {
	d := open(t, h)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	consumed := make(chan error, 1)
	var handlerErr atomic.Value
	go func() {
		consumed <- d.Consume(ctx, func(ctx context.Context, _ []chat.Message) error {
			entered <- struct{}{}
			<-release
			if ctx.Err() != nil {
				handlerErr.Store(ctx.Err())
			}
			return ctx.Err()
		})
	}()
	answered := make(chan error, 1)
	go func() { answered <- d.Publish(t.Context(), message("a", 1)) }()
	wait(t, entered, "the handler to be called")
	cancel()
	select {
	case <-consumed:
		t.Error("Consume returned while a batch was in hand")
	default:
	}
	close(release)
	if err := wait(t, consumed, "Consume to return"); err != nil {
		t.Errorf("Consume: %v", err)
	}
	if err := wait(t, answered, "Publish to return"); err != nil {
		t.Errorf("Publish of a message of the last batch: %v", err)
	}
	if err := handlerErr.Load(); err != nil {
		t.Errorf("the batch in hand was cancelled: %v", err)
	}
}
