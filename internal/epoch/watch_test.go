package epoch

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/errs"
	"restante/internal/peer"
)

// TestJudge_AnotherStore: the second store of a broker is refused, until the broker is made its own.
func TestJudge_AnotherStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		other := newDatabase()
		other.store = "11111111-1111-4111-8111-111111111111"
		n := w.broker.start(t, "c", other)
		err := n.connect()
		if errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), storeID) || !strings.Contains(err.Error(), other.store) {
			t.Fatalf("refused with %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var parts sync.WaitGroup
		taking := make(chan bool)
		parts.Go(func() { _ = n.Run(ctx, n) })
		parts.Go(func() {
			_ = n.While(ctx, true, func(ctx context.Context) error {
				taking <- true
				<-ctx.Done()
				taking <- false
				return nil
			})
		})
		adopt := func(id, mark string) {
			w.broker.mu.Lock()
			defer w.broker.mu.Unlock()
			w.broker.record = peer.StoreRecord{ID: id, Marks: []string{mark}}
		}
		select {
		case <-taking:
			t.Fatal("it takes messages of another store")
		case <-time.After(time.Minute):
		}
		adopt(other.store, other.mark)
		n.Look() // the driver asks again
		if !<-taking || n.Check() != nil {
			t.Errorf("adopted, and not used: %v", n.Check())
		}
		adopt(storeID, w.db.mark)
		if <-taking || errs.CodeOf(n.Check()) != errs.Conflict {
			t.Errorf("the broker has another store now: %v", n.Check())
		}
		cancel()
		parts.Wait()
	})
}

func TestJudge_WhileEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		ended := make(chan error, 1)
		go func() {
			ended <- w.a.While(ctx, true, func(ctx context.Context) error {
				runs++
				<-ctx.Done()
				return nil
			})
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil || runs != 1 {
			t.Errorf("%v after %d runs", err, runs)
		}
		if err := w.a.While(t.Context(), true, func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// TestJudge_FirstWaitsForAnAnswer: a node that starts waits for the answer when the database was reached, and for a moment if it was
// not.
func TestJudge_FirstWaitsForAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()
		if err := w.broker.start(t, "c", w.db).First(t.Context()); err != nil || time.Since(began) != askedWithin {
			t.Errorf("the database is away: %v after %v", err, time.Since(began))
		}
		other := newDatabase()
		other.store = "11111111-1111-4111-8111-111111111111"
		n := w.broker.start(t, "d", other)
		var looking sync.WaitGroup
		looking.Go(n.Look)
		if err := n.First(t.Context()); errs.CodeOf(err) != errs.Conflict {
			t.Errorf("it starts with another store: %v", err)
		}
		looking.Wait()
	})
}

// TestJudge_GoesOnWithAForeignMark: after the end of the epoch the mark is admitted and renewed, and nobody asks any more.
func TestJudge_GoesOnWithAForeignMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := w.db.copied("first")
		w.renewTwice()
		nodes := w.restarted(old)
		together(nodes)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for _, n := range nodes {
			running.Go(func() { _ = n.Run(ctx, n) })
		}
		time.Sleep(10 * time.Minute) // fake time
		cancel()
		running.Wait()
		if len(old.epochs) != 2 || old.mark != w.broker.record.Marks[0] {
			t.Errorf("epochs %v (%v), mark %s, the record has %v", old.epochs, old.reasons, old.mark, w.broker.record.Marks)
		}
	})
}
