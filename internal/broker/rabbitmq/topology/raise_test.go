package topology

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// TestRaise_KeepsTheQueue: the queue gets a later generation and keeps what is in it. The earlier keys go on to lead to it.
func TestRaise_KeepsTheQueue(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	two := s.start(Config{Node: "two"})
	r, err := n.Raise(t.Context(), 1, 1, 4)
	if err != nil || r.Generation(1) != 5 || r.Since(1) != 1 || r.Generation(0) != 1 {
		t.Fatalf("raised from 1, seen 4: %+v, %v", r, err)
	}
	for _, of := range []int64{1, 5} { // another consumer, which has not heard of it, and one that has
		if again, err := two.Raise(t.Context(), 1, of, 4); err != nil || again.Version != r.Version || !again.IsPresent(1, of) {
			t.Errorf("raised again from %d: %+v, %v, want no change", of, again, err)
		}
	}
	if !s.reaches(link.IntakeExchange, "1") || !s.reaches(link.IntakeExchange, "1.5") {
		t.Error("it is not bound with the keys of both generations")
	}
	if r, err = two.Raise(t.Context(), 1, 5, 8); err != nil || r.Generation(1) != 9 || r.Since(1) != 1 {
		t.Errorf("raised from 5, seen 8: %+v, %v", r, err)
	}
	if got := s.drain(restored); len(got) != 2 {
		t.Errorf("the queue holds %d messages, want 2", len(got))
	}
}

// TestRaise_AfterADeletion: a consumer of the deleted queue raises nothing, and what the last deletion left is not forgotten. A
// holder may have what it holds from any generation of the kept queue.
func TestRaise_AfterADeletion(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2, Free: func(string) bool { return false }})
	refill := func(context.Context, *link.Session) error { return nil }
	remake := func(from int64, received map[string]int64) {
		t.Helper()
		s.deleteQueue(restored)
		s.until(5*time.Second, says("the keeper to miss it"), func() bool { return n.CheckIntake() != nil })
		if _, err := n.Raise(t.Context(), 1, from, 99); errs.CodeOf(err) != errs.Conflict {
			t.Errorf("raised while it is deleted: %v, want class %s", err, errs.Conflict)
		}
		if _, err := n.Restore(t.Context(), 1, from, received, refill); err != nil {
			t.Fatal(err)
		}
	}
	remake(1, map[string]int64{"a": 5})
	if r, err := n.Raise(t.Context(), 1, 1, 99); err != nil || r.IsPresent(1, 1) || r.Generation(1) != 2 {
		t.Errorf("raised for a deleted queue: %+v, %v", r, err)
	}
	r, err := n.Raise(t.Context(), 1, 2, 6)
	if g := r.Generations[1]; err != nil || g.Number != 7 || g.Kept != 2 || !maps.Equal(g.Received, map[string]int64{"a": 5}) {
		t.Errorf("raised: %+v, %v", g, err)
	}
	remake(2, nil)
	if g := n.now().Generations[1]; g.Number != 8 || g.Kept != 0 || n.now().IsPresent(1, 7) {
		t.Errorf("made again after it was raised: %+v", g)
	}
}

func TestRecord_KnowsThePresentQueue(t *testing.T) {
	var r Record
	body := `{"version":1,"partitions":8,"made":true,"generations":{"1":{"number":3},"2":{"number":7,"kept":2}}}`
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatal(err)
	}
	for q, want := range [][]int64{{1}, {3}, {2, 3, 4, 5, 6, 7}} {
		var present []int64
		for g := range int64(10) {
			if r.IsPresent(q, g) {
				present = append(present, g)
			}
		}
		if !slices.Equal(present, want) {
			t.Errorf("partition %d: %v are of its present queue, want %v", q, present, want)
		}
	}
	if b, err := json.Marshal(r); err != nil || string(b) != body {
		t.Errorf("written as %s, %v", b, err)
	}
}
