package topology

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

const restored = "restante.intake.1"

// TestRestore_BringsTheQueueBack: the holder of a deleted queue makes it again. It is not bound before everything is back.
func TestRestore_BringsTheQueueBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{
		Node: "one", Partitions: 2, Free: func(string) bool { return false },
		Finished: func(int) map[string]int64 { return map[string]int64{"a": 3, "b": 9} },
	})
	two := s.start(Config{Node: "two", Free: func(string) bool { return false }})
	s.deleteQueue(restored)
	s.until(5*time.Second, says("Check to fail"), func() bool { return n.CheckIntake() != nil && two.Check() != nil })
	r, err := n.Restore(t.Context(), 1, 1, map[string]int64{"a": 5}, func(ctx context.Context, session *link.Session) error {
		if s.reaches(link.IntakeExchange, "1") || s.reaches(link.IntakeExchange, "1.2") {
			t.Error("the queue is bound before everything is back")
		}
		if err := two.Check(); err == nil {
			t.Error("another node takes the queue for complete")
		}
		return put(ctx, session, restored, "a", 4, 5)
	})
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Generations[1]; g.Number != 2 || g.Refilling != "" || !maps.Equal(g.Received, map[string]int64{"a": 5, "b": 9}) {
		t.Errorf("the generation is %+v", g)
	}
	if s.reaches(link.IntakeExchange, "1") || !s.reaches(link.IntakeExchange, "1.2") {
		t.Error("it is not bound with the key of its generation alone")
	}
	if got := s.drain(restored); !slices.Equal(got[:2], []string{"a4", "a5"}) {
		t.Errorf("it holds %v", got)
	}
	if _, err := n.Restore(t.Context(), 1, 1, nil, nil); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("a second holder of generation 1: %v, want class %s", err, errs.Conflict)
	}
	if _, err := n.Restore(t.Context(), 1, 2, nil, nil); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("a queue that exists: %v, want class %s", err, errs.Conflict)
	}
	two.Hear(r.Version)
	s.until(5*time.Second, says("the other node to know"), func() bool { return two.now().Generation(1) == 2 && two.Check() == nil })
}

// TestRestore_IsRepeated: it fails in the middle, and the same holder begins again. Nobody else touches the queue meanwhile.
func TestRestore_IsRepeated(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	s.start(Config{Node: "two", Alive: func(string) bool { return true }, Free: func(string) bool { return false }})
	n.setRestoring(1, true) // as it is from the first call on
	s.deleteQueue(restored)
	broken := errors.New("broken")
	_, err := n.Restore(t.Context(), 1, 1, nil, func(ctx context.Context, session *link.Session) error {
		return errors.Join(put(ctx, session, restored, "a", 1, 2), broken)
	})
	if !errors.Is(err, broken) || errs.CodeOf(err) == errs.Conflict {
		t.Fatalf("the first attempt: %v", err)
	}
	n.Report("something")
	s.until(5*time.Second, says("a look"), func() bool { return n.Check() != nil })
	r, err := n.Restore(t.Context(), 1, 1, map[string]int64{"a": 3}, func(ctx context.Context, session *link.Session) error {
		return put(ctx, session, restored, "a", 1, 2, 3)
	})
	if err != nil || r.Generation(1) != 3 || r.Generations[1].Refilling != "" {
		t.Fatalf("the second attempt: %+v, %v", r, err)
	}
	if got := s.drain(restored); !slices.Equal(got, []string{"a1", "a2", "a1", "a2", "a3"}) {
		t.Errorf("it holds %v", got)
	}
	s.until(5*time.Second, says("everything to be there"), func() bool { return n.Check() == nil })
}

// TestRestore_TheHolderDies: it ends in the middle. Another node waits as long as the holder may be alive. Then it takes over what
// the holder has put back, and counts it.
func TestRestore_TheHolderDies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	behind, proxy := s.through()
	n := behind.start(Config{Node: "one", Partitions: 2})
	var dead atomic.Bool
	two := s.start(Config{
		Node: "two", Free: func(string) bool { return dead.Load() }, Alive: func(node string) bool { return node == "one" && !dead.Load() },
		Finished: func(int) map[string]int64 { return map[string]int64{"a": 2, "b": 1} },
	})
	n.setRestoring(1, true)
	s.deleteQueue(restored)
	_, err := n.Restore(t.Context(), 1, 1, map[string]int64{"a": 9}, func(ctx context.Context, session *link.Session) error {
		err := put(ctx, session, restored, "a", 3, 4)
		proxy.Refuse(true)
		proxy.Cut()
		return err
	})
	if err == nil || errs.CodeOf(err) == errs.Conflict {
		t.Fatalf("without a connection: %v", err)
	}
	two.Report("a message came back")
	s.until(5*time.Second, says("the other node to see it"), func() bool { return two.Check() != nil })
	if s.reaches(link.IntakeExchange, "1.2") || s.reaches(link.IntakeExchange, "1.3") {
		t.Error("the queue is bound while its holder may be alive")
	}
	dead.Store(true)
	s.until(10*time.Second, says("the other node to take over"), func() bool { return two.Check() == nil && two.now().Generation(1) == 3 })
	if g := two.now().Generations[1]; g.Refilling != "" || !maps.Equal(g.Received, map[string]int64{"a": 4, "b": 1}) {
		t.Errorf("the generation is %+v", g)
	}
	if !s.reaches(link.IntakeExchange, "1.3") {
		t.Error("the queue is not bound")
	}
	if got := s.drain(restored); !slices.Equal(got[:2], []string{"a3", "a4"}) {
		t.Errorf("it holds %v", got)
	}
	proxy.Refuse(false)
	if _, err := n.Restore(t.Context(), 1, 1, nil, nil); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("the holder comes back: %v, want class %s", err, errs.Conflict)
	}
}

// TestKeeper_WaitsForTheHolder: a deleted queue is not made again while somebody has deliveries of it in hand. Other queues are.
func TestKeeper_WaitsForTheHolder(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var free atomic.Bool
	n := s.start(Config{Node: "one", Partitions: 2, Free: func(queue string) bool { return queue != restored && queue != link.InboxQueue || free.Load() }})
	for _, q := range []string{restored, "restante.intake.0", link.InboxQueue} {
		s.deleteQueue(q)
	}
	n.Report("a consumer was cancelled")
	s.until(10*time.Second, says("the free queue"), func() bool { return n.now().Generation(0) == 2 && s.reaches(link.IntakeExchange, "0.2") })
	if err := n.CheckIntake(); !contains(err, restored) || contains(err, "inbox") {
		t.Errorf("CheckIntake: %v", err)
	}
	if err := n.Check(); !contains(err, restored) || !contains(err, link.InboxQueue) {
		t.Errorf("Check: %v", err)
	}
	free.Store(true)
	s.until(5*time.Second, says("both queues"), func() bool { return n.Check() == nil })
	s.whole(time.Second, n.now)
}
