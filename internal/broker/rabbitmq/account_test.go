package rabbitmq

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
)

func TestSpans_IsASet(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var s spans
		want := map[int64]bool{}
		for range 200 {
			switch n := r.Int64N(100) + 1; r.IntN(10) {
			case 0:
				n /= 4
				s.dropTo(n)
				for i := range n + 1 {
					delete(want, i)
				}
			case 1:
				m := n + r.Int64N(20)
				removed := s.cut(n, m)
				for i := n + 1; i < m; i++ {
					if want[i] != has(removed, i) {
						t.Fatalf("seed %d: cut(%d, %d) is %v, of %v", seed, n, m, removed, want)
					}
					delete(want, i)
				}
			default:
				if !s.add(n) {
					t.Fatalf("seed %d: add is not exact", seed)
				}
				want[n] = true
			}
			for i := range int64(125) {
				if want[i] != has(s, i) {
					t.Fatalf("seed %d: %d is wrong in %v, want %v", seed, i, s, want)
				}
			}
			if s.count() != int64(len(want)) {
				t.Fatalf("seed %d: count %d of %v", seed, s.count(), s)
			}
			for i := 1; i < len(s); i++ {
				if s[i].first <= s[i-1].last+1 {
					t.Fatalf("seed %d: %v is not in ranges of its own", seed, s)
				}
			}
		}
	}
}

func has(s spans, n int64) bool {
	return slices.ContainsFunc(s, func(r span) bool { return r.first <= n && n <= r.last })
}

func TestSpans_AreBounded(t *testing.T) {
	var s spans
	exact := true
	for n := int64(1); n < 10*maxSpans; n += 2 {
		exact = s.add(n) && exact
	}
	if len(s) > maxSpans || exact || !has(s, 1) || !has(s, 10*maxSpans-1) {
		t.Errorf("%d ranges, exact %v", len(s), exact)
	}
}

// step is something that a node hears or does.
type step struct {
	send, confirm int64 // send so many; confirm this number
	finish        int64
	number        int64 // of the generation in the record, with
	g             topology.Generation
	wait          time.Duration
	destroyed     int64 // what settle returns afterwards
	atMost        bool
	late          bool    // the confirm comes for a message that is destroyed
	soon          bool    // the record comes soon after the confirms
	owed          []int64 // what is published again afterwards
}

func TestAccount_CountsWhatIsDestroyed(t *testing.T) {
	done := func(n int64) topology.Generation {
		return topology.Generation{Number: 2, Received: map[string]int64{"me": n, "other": 99}}
	}
	refilling := topology.Generation{Number: 2, Refilling: "x"}
	first := step{number: 1}
	later := 3 * time.Second
	for name, steps := range map[string][]step{
		"nothing is confirmed": {first, {send: 3}, {number: 2, g: done(0)}, {wait: later}},
		"all is finished": {
			first, {send: 2}, {confirm: 1}, {confirm: 2}, {finish: 2}, {number: 2, g: done(0)}, {wait: later},
		},
		"a part was received": {
			first, {send: 5}, {confirm: 1}, {confirm: 2}, {confirm: 3}, {confirm: 5}, {number: 2, g: refilling}, {wait: later}, {number: 2, g: done(2)},
			{wait: time.Second}, {wait: later, destroyed: 2}, {wait: later},
		},
		"the last heartbeats come after the record": {
			first, {send: 3}, {confirm: 1}, {confirm: 2}, {confirm: 3}, {number: 2, g: done(1)}, {finish: 2}, {wait: later, destroyed: 1},
		},
		"a confirm comes after the record": {
			first, {send: 3}, {confirm: 1}, {number: 2, g: done(1)}, {confirm: 3, late: true}, {wait: later},
		},
		"what was confirmed a moment ago is published again": {
			first, {send: 5}, {confirm: 1}, {confirm: 2}, {confirm: 4}, {confirm: 3}, {wait: later},
			{number: 2, g: done(1), soon: true, owed: []int64{2, 3, 4}}, {wait: later, owed: []int64{2, 3, 4}},
		},
		"what has waited longer is not published again, nor what came after it": {
			first, {send: 5}, {confirm: 1}, {wait: later}, {confirm: 2}, {confirm: 4}, {confirm: 3}, {wait: later},
			{number: 2, g: done(0), soon: true}, {wait: later, destroyed: 4},
		},
		"what was put back is not published again": {
			first, {send: 2}, {confirm: 1}, {confirm: 2}, {number: 2, g: done(2), soon: true}, {wait: later}, {finish: 2}, {wait: later},
		},
		"later messages are finished, and say nothing about earlier ones": {
			first, {send: 3}, {confirm: 1}, {confirm: 2}, {confirm: 3}, {number: 2, g: refilling}, {send: 1}, {finish: 4}, {number: 2, g: done(1)},
			{confirm: 4}, {wait: later, destroyed: 2},
		},
		"what was put back is destroyed with the next queue": {
			first, {send: 3}, {confirm: 1}, {confirm: 2}, {confirm: 3}, {number: 2, g: done(2)}, {wait: later, destroyed: 1},
			{send: 1}, {confirm: 4}, {finish: 1}, {number: 3, g: topology.Generation{Number: 3}}, {wait: later, destroyed: 2},
		},
		"two deletions at once are an upper bound": {
			first, {send: 2}, {confirm: 1}, {confirm: 2}, {number: 3, g: topology.Generation{Number: 3}}, {wait: later, destroyed: 2, atMost: true},
		},
		"an old record changes nothing": {
			first, {send: 1}, {confirm: 1}, {number: 2, g: done(0)}, {number: 1, soon: true}, {wait: later, destroyed: 1}, {send: 1}, {confirm: 2}, {finish: 2},
			{number: 3, g: topology.Generation{Number: 3}}, {wait: later},
		},
		"a queue that is kept destroys nothing": {
			first, {send: 3}, {confirm: 1}, {confirm: 2}, {number: 5, g: topology.Generation{Number: 5, Kept: 1}}, {confirm: 3}, {wait: later},
			{number: 6, g: topology.Generation{Number: 6, Received: map[string]int64{"me": 1}}}, {wait: later, destroyed: 2},
		},
		"a queue that is made again and then kept": {
			first, {send: 2}, {confirm: 1}, {confirm: 2}, {number: 2, g: refilling},
			{number: 5, g: topology.Generation{Number: 5, Kept: 2, Received: map[string]int64{"me": 1}}}, {wait: later, destroyed: 1},
		},
		"the deletion was not heard of before the queue was kept": {
			first, {send: 2}, {confirm: 1}, {confirm: 2},
			{number: 5, g: topology.Generation{Number: 5, Kept: 2, Received: map[string]int64{"me": 1}}}, {wait: later, destroyed: 1},
		},
		"a node that starts later has lost nothing": {{number: 2, g: done(7)}, {send: 1}, {confirm: 1}, {wait: later}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &account{}
			now := time.Now()
			for i, s := range steps {
				if now = now.Add(s.wait); s.number > 0 && !s.soon {
					now = now.Add(rememberFor + time.Millisecond)
					a.forget(now)
				}
				for range s.send {
					a.Stamp(&link.Outgoing{})
				}
				if s.confirm > 0 && a.confirm(&link.Outgoing{Number: s.confirm}, now) == s.late {
					t.Errorf("step %d: the confirm is of a destroyed message %v", i, !s.late)
				}
				if s.finish > 0 {
					a.finish(s.finish)
				}
				if s.number > 0 {
					a.note(s.number, s.g, "me", now)
				}
				var owed []int64
				for _, o := range a.owed {
					owed = append(owed, o.Number)
				}
				if !slices.Equal(owed, s.owed) || a.owes.Load() != (len(owed) > 0) {
					t.Errorf("step %d: %v are published again, want %v", i, owed, s.owed)
				}
				if n, exact := a.settle(now); n != s.destroyed || exact == s.atMost {
					t.Errorf("step %d: %d are destroyed, exact %v, want %d", i, n, exact, s.destroyed)
				}
			}
		})
	}
}

func TestAccount_StampsInOrder(t *testing.T) {
	a := &account{}
	for want := int64(1); want < 5; want++ {
		o := &link.Outgoing{}
		if a.Stamp(o); o.Number != want || o.CorrelationId == "" {
			t.Errorf("stamped %d, %q, want %d", o.Number, o.CorrelationId, want)
		}
	}
}

func TestAccount_RemembersLittle(t *testing.T) {
	a := &account{}
	now := time.Now()
	a.note(1, topology.Generation{}, "me", now)
	o := &link.Outgoing{}
	o.Body = make([]byte, 10_000)
	for range 10 * maxRecent {
		next := *o
		a.Stamp(&next)
		a.confirm(&next, now)
	}
	if len(a.recent) == 0 || a.recentBytes > maxRecentBytes || a.recent[len(a.recent)-1].Number != 10*maxRecent {
		t.Errorf("%d messages of %d bytes are remembered", len(a.recent), a.recentBytes)
	}
	if a.forget(now.Add(time.Hour)); len(a.recent) > 0 || a.recentBytes != 0 {
		t.Errorf("%d messages are remembered for ever", len(a.recent))
	}
}
