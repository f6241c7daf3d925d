package drivertest

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/chat"
	"restante/internal/errs"
)

// Shared is one broker that several drivers use.
type Shared struct {
	// Open returns another driver with the same queues. The suite closes it.
	Open func(t *testing.T) driver.Driver
	// Cut ends every connection to the broker at once. New ones are possible.
	Cut func()
	// Restart kills the broker and starts it again.
	Restart func()
	// Lose makes the broker lose what is announced from now on, until a subscription begins anew. It ends no connection.
	Lose func(t *testing.T)
}

// runShared runs the behaviours of brokers that keep messages for several drivers.
func runShared(t *testing.T, h Harness) {
	for name, test := range map[string]func(*testing.T, Shared){
		"order across drivers":       testOrderAcrossDrivers,
		"failed batch comes first":   testFailedBatchFirst,
		"takeover by the next":       testTakeover,
		"cut under load":             func(t *testing.T, s Shared) { testDisturbed(t, s, 3, s.Cut) },
		"restart under load":         func(t *testing.T, s Shared) { testDisturbed(t, s, 1, s.Restart) },
		"subscription is resumed":    testResumed,
		"losses are told":            testLossesAreTold,
		"back after Close":           testBackAfterClose,
		"publisher without a broker": testRetryingPublisher,
	} {
		t.Run("Shared/"+name, func(t *testing.T) { test(t, h.Shared(t)) })
	}
}

func (s Shared) open(t *testing.T) driver.Driver {
	t.Helper()
	return open(t, Harness{Open: s.Open})
}

// journal is the handler of several consumers. It keeps the first copy of each message, as a store does.
type journal struct {
	*collector
	mu      sync.Mutex
	last    map[string]int // number of the last message of a room
	repeats int
	gaps    []string
}

func newJournal() *journal { return &journal{collector: newCollector(), last: map[string]int{}} }

func (j *journal) handle(ctx context.Context, batch []chat.Message) error {
	j.mu.Lock()
	for _, m := range batch {
		last := j.last[m.Room]
		switch {
		case m == message(m.Room, last+1):
			j.last[m.Room]++
		case number(m) <= last:
			j.repeats++
		default:
			j.gaps = append(j.gaps, fmt.Sprintf("%s after %d", m.Msg, last))
		}
	}
	j.mu.Unlock()
	return j.collector.handle(ctx, batch)
}

// number returns the n of message.
func number(m chat.Message) (n int) {
	_, _ = fmt.Sscanf(m.Msg, m.Room+" %d", &n)
	return n
}

// waitFor waits until the last messages of the rooms have come, and fails if one has come before an earlier one.
func (j *journal) waitFor(t *testing.T, want map[string]int) {
	t.Helper()
	deadline := time.After(waitLimit)
	for {
		j.mu.Lock()
		same, gaps, last := maps.Equal(j.last, want), j.gaps, maps.Clone(j.last)
		j.mu.Unlock()
		if len(gaps) > 0 {
			t.Fatalf("messages that came too early: %v", gaps)
		}
		if same {
			return
		}
		select {
		case <-j.changed:
		case <-deadline:
			t.Fatalf("waited %v for the last messages %v, got %v", waitLimit, want, last)
		}
	}
}

// send publishes messages to rooms, each after the one before was confirmed, through the drivers in turn, trying again as
// a sender does. It ends when stop is called, which returns the number of the last message of each room.
func send(t *testing.T, rooms int, drivers ...driver.Driver) (stop func() map[string]int, confirmed <-chan int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	counts := make(chan int, 1_000_000)
	var wg sync.WaitGroup
	last := make([]int, rooms)
	for r := range rooms {
		wg.Go(func() {
			for n := 1; ctx.Err() == nil; n++ {
				if !sendOne(t, drivers[n%len(drivers)], message(fmt.Sprint("room-", r), n)) {
					return
				}
				last[r] = n
				counts <- n
			}
		})
	}
	stop = sync.OnceValue(func() map[string]int {
		cancel()
		wg.Wait()
		sent := map[string]int{}
		for r, n := range last {
			sent[fmt.Sprint("room-", r)] = n
		}
		return sent
	})
	t.Cleanup(func() { stop() })
	return stop, counts
}

// sendOne reports whether the message was confirmed, after one or more attempts.
func sendOne(t *testing.T, d driver.Driver, m chat.Message) bool {
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for {
		err := d.Publish(ctx, m)
		switch {
		case err == nil:
			return true
		case errs.CodeOf(err) != errs.Unavailable && ctx.Err() == nil:
			t.Errorf("Publish: %v, want class %s", err, errs.Unavailable)
			return false
		case ctx.Err() != nil:
			t.Errorf("Publish has not succeeded within %v: %v", waitLimit, err)
			return false
		}
	}
}

func testOrderAcrossDrivers(t *testing.T, s Shared) {
	j := newJournal()
	consume(t, s.open(t), j.handle)
	stop, confirmed := send(t, 4, s.open(t), s.open(t))
	for range 400 {
		wait(t, confirmed, "a confirm")
	}
	j.waitFor(t, stop())
}

// testFailedBatchFirst: as long as a batch fails, nothing that was published later is handled.
func testFailedBatchFirst(t *testing.T, s Shared) {
	d, j := s.open(t), newJournal()
	const n = 50
	failures := 0
	consume(t, d, func(ctx context.Context, batch []chat.Message) error {
		if batch[0].Msg != message("a", 1).Msg && failures < 3 {
			t.Errorf("handled %q before the failed batch", batch[0].Msg)
		}
		if failures++; failures <= 3 {
			return errNotNow
		}
		return j.handle(ctx, batch)
	})
	for i := 1; i <= n; i++ {
		if err := d.Publish(t.Context(), message("a", i)); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	j.waitFor(t, map[string]int{"a": n})
}

// testTakeover: of two consumers one ends while messages are on their way to it. The other continues from there.
func testTakeover(t *testing.T, s Shared) {
	j := newJournal()
	first, second := s.open(t), s.open(t)
	stopFirst := consume(t, first, j.handle)
	consume(t, second, j.handle)
	stop, confirmed := send(t, 8, s.open(t))
	for range 200 {
		wait(t, confirmed, "a confirm")
	}
	stopFirst()
	if err := first.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for range 200 {
		wait(t, confirmed, "a confirm after the first has stopped")
	}
	j.waitFor(t, stop())
}

// testDisturbed: every confirmed message arrives, and none before one that was confirmed earlier.
func testDisturbed(t *testing.T, s Shared, times int, disturb func()) {
	j := newJournal()
	consume(t, s.open(t), j.handle)
	consume(t, s.open(t), j.handle)
	stop, confirmed := send(t, 8, s.open(t), s.open(t))
	for range times {
		for range 100 {
			wait(t, confirmed, "a confirm")
		}
		disturb()
	}
	for range 500 {
		wait(t, confirmed, "a confirm after the last disturbance")
	}
	j.waitFor(t, stop())
	j.mu.Lock()
	defer j.mu.Unlock()
	t.Logf("%v messages, %d repeats", j.last, j.repeats)
}

// testBackAfterClose: what was not handled when its driver was closed is handled by the next one.
func testBackAfterClose(t *testing.T, s Shared) {
	d, j := s.open(t), newJournal()
	entered := make(chan struct{}, 1)
	consume(t, d, func(context.Context, []chat.Message) error {
		select {
		case entered <- struct{}{}:
		default:
		}
		return errNotNow
	})
	const n = 30
	for i := 1; i <= n; i++ {
		if err := d.Publish(t.Context(), message("a", i)); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	wait(t, entered, "the handler to be called")
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	consume(t, s.open(t), j.handle)
	j.waitFor(t, map[string]int{"a": n})
}

// testRetryingPublisher: a publisher whose connection is lost gets a retryable error, and the retry succeeds.
func testRetryingPublisher(t *testing.T, s Shared) {
	d, j := s.open(t), newJournal()
	consume(t, s.open(t), j.handle)
	for i := 1; i <= 5; i++ {
		s.Cut()
		for {
			err := d.Publish(t.Context(), message("a", i))
			if err == nil {
				break
			}
			if !d.Retryable(err) || errs.CodeOf(err) != errs.Unavailable {
				t.Fatalf("Publish over a lost connection: %v, want a retryable error of class %s", err, errs.Unavailable)
			}
		}
	}
	j.waitFor(t, map[string]int{"a": 5})
}
