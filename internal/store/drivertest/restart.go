package drivertest

import (
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func testRestart(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	put(t, d, messages("a", 700)...)
	put(t, d, messages("b", 3)...)
	a, b := log(t, d, "a"), log(t, d, "b")
	rooms, err := d.Rooms(t.Context(), "", "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d = h.Reopen(t, d, c.now)
		same(t, "a", log(t, d, "a"), a)
		same(t, "b", log(t, d, "b"), b)
		again, err := d.Rooms(t.Context(), "", "", 10)
		if err != nil || len(again) != 2 || again[0] != rooms[0] || again[1] != rooms[1] {
			t.Fatalf("rooms %+v, %v, want %+v", again, err, rooms)
		}
	}
	if m := put(t, d, message("a", "next")).Messages[0]; m.Seq != 701 {
		t.Fatalf("next number is %d, want 701", m.Seq)
	}
}

func testRestartRepeat(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	batch := messages("a", 3)
	first := put(t, d, batch...).Messages
	c.step(-time.Hour)
	d = h.Reopen(t, d, c.now)
	done := put(t, d, batch...)
	if done.Fresh != 0 {
		t.Fatalf("fresh %d, want 0: restarts forget nothing", done.Fresh)
	}
	same(t, "repeats", done.Messages, first)
	m := put(t, d, message("a", "next")).Messages[0]
	if want := first[2].StoredAt.Add(time.Microsecond); m.Seq != 4 || !m.StoredAt.Equal(want) {
		t.Fatalf("number %d stored at %v, want 4 at %v", m.Seq, m.StoredAt, want)
	}
}

func testCheck(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := d.Check(t.Context()); err != nil {
				t.Errorf("check: %v", err)
			}
		})
	}
	all.Wait()
	if found, err := d.Rooms(t.Context(), "", "", 10); err != nil || len(found) != 0 {
		t.Errorf("checks left %v, %v", found, err)
	}
}

func testClose(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, message("a", "hello"))
	if err := d.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	_, appendErr := d.Append(t.Context(), messages("a", 1))
	_, afterErr := d.After(t.Context(), "a", 0, 1)
	_, beforeErr := d.Before(t.Context(), "a", 1, 1)
	_, seqErr := d.SeqAt(t.Context(), "a", time.Now())
	_, roomErr := d.Room(t.Context(), "a")
	_, roomsErr := d.Rooms(t.Context(), "", "", 1)
	_, lastErr := d.LastSeqs(t.Context(), []string{"a"})
	for call, err := range map[string]error{
		"append": appendErr, "after": afterErr, "before": beforeErr, "seq at": seqErr, "room": roomErr, "rooms": roomsErr,
		"last seqs": lastErr,
		"check":     d.Check(t.Context()),
	} {
		if errs.CodeOf(err) != errs.Unavailable || d.Retryable(err) {
			t.Errorf("%s after close: %v, want an error of class unavailable that is not worth a retry", call, err)
		}
	}
	testSwitchesAfterClose(t, d)
	testRevocationsAfterClose(t, d)
	testEpochsAfterClose(t, d)
}

// testCloseUnderLoad closes while callers append: each call stores all or returns an error, and what was answered is stored.
func testCloseUnderLoad(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	var all sync.WaitGroup
	var mu sync.Mutex
	stored := map[int64]chat.Message{}
	running, refused := make(chan struct{}, 1), make(chan struct{})
	var once sync.Once
	for range 8 {
		all.Go(func() {
			for {
				done, err := d.Append(t.Context(), messages("a", 2))
				if err != nil {
					if errs.CodeOf(err) != errs.Unavailable {
						t.Errorf("append while closing: %v", err)
					}
					once.Do(func() { close(refused) })
					return
				}
				mu.Lock()
				for _, m := range done.Messages {
					stored[m.Seq] = m
				}
				mu.Unlock()
				select {
				case running <- struct{}{}:
				default:
				}
			}
		})
	}
	select {
	case <-running:
	case <-refused:
		t.Fatal("refused before it was closed")
	}
	reopened := h.Reopen(t, d, c.now)
	all.Wait()
	found := log(t, reopened, "a")
	if len(found) != len(stored) {
		t.Fatalf("%d messages, %d were answered", len(found), len(stored))
	}
	for _, m := range found {
		if stored[m.Seq] != m {
			t.Fatalf("read %+v, was answered %+v", m, stored[m.Seq])
		}
	}
}

func testRecovery(t *testing.T, h Harness) {
	if h.Break == nil {
		t.Skip("this driver cannot be broken here")
	}
	d := h.Open(t, newClock().now)
	kept := put(t, d, messages("a", 3)...).Messages
	repair := h.Break(t, d)
	lost := messages("a", 2)
	for range 3 {
		if _, err := d.Append(t.Context(), lost); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("append: %v, want an error of class unavailable", err)
		}
		if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("check after a failed append: %v, want an error of class unavailable", err)
		}
	}
	repair()
	done := resume(t, d, lost)
	if done.Fresh != 2 || done.Messages[0].Seq != 4 || done.Messages[1].Seq != 5 {
		t.Fatalf("after the repair: %+v", done)
	}
	same(t, "log", log(t, d, "a"), append(kept, done.Messages...))
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check after the repair: %v", err)
	}
}

// resume appends until it succeeds, as senders do.
func resume(t *testing.T, d driver.Driver, batch []chat.Message) driver.Appended {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		done, err := d.Append(t.Context(), batch)
		if err == nil {
			return done
		}
		if time.Now().After(deadline) {
			t.Fatalf("not recovered after 10 s: %v", err)
		}
	}
}

// testCheckRecovers never appends, as on a machine without traffic.
func testCheckRecovers(t *testing.T, h Harness) {
	if h.Break == nil {
		t.Skip("this driver cannot be broken here")
	}
	d := h.Open(t, newClock().now)
	for range 2 {
		if err := d.Check(t.Context()); err != nil {
			t.Fatalf("check: %v", err)
		}
		repair := h.Break(t, d)
		for range 2 {
			if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
				t.Errorf("check while nothing can be written: %v, want an error of class unavailable", err)
			}
		}
		repair()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		deadline := time.Now().Add(10 * time.Second)
		for err := d.Check(t.Context()); err != nil; err = d.Check(t.Context()) {
			if time.Now().After(deadline) {
				t.Fatalf("check not recovered after 10 s: %v", err)
			}
			<-tick.C
		}
	}
	if found, err := d.Rooms(t.Context(), "", "", 10); err != nil || len(found) != 0 {
		t.Errorf("checks have left %v, %v", found, err)
	}
}
