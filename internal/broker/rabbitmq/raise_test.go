package rabbitmq_test

import (
	"testing"
	"time"

	"restante/internal/testkit"
)

// TestRaise_StoreKnowsLaterGenerations: the store has seen later generations than those of this broker, as after a move to a new
// virtual host. Everything is stored, once and in order, and nothing is dead-lettered or counted as destroyed. What each node
// does to a partition holds for the others, also after the next deletion of its queue.
func TestRaise_StoreKnowsLaterGenerations(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	for q := range partitions {
		store.seen[q] = int64(q + 1)
	}
	store.away.Store(true)
	members := joinAll(t, urls, 2, store.append)
	stop := load(t, members[0].Driver)
	waitUntil(t, "a backlog", func() bool { return unacknowledged(t, urls, "restante.intake.3") > 20 })
	store.away.Store(false)
	store.until("every partition to go on", func() bool {
		for q := range partitions {
			if store.last[roomOf(q)] < 40 {
				return false
			}
		}
		return len(store.last) == partitions
	})
	store.mu.Lock()
	for q := range partitions {
		if want := max(1, int64(q+2)); q > 0 && store.seen[q] != want || q == 0 && store.seen[q] != 1 {
			t.Errorf("partition %d goes on with the generation %d", q, store.seen[q])
		}
	}
	at := store.last[roomOf(3)]
	store.mu.Unlock()

	third := join(t, urls, store.append) // it begins with the generations as they are now
	waitUntil(t, "the nodes to share the partitions", func() bool { return len(third.table.Alive("consumer", time.Now())) == 3 })
	deleteQueue(t, urls, "restante.intake.3")
	store.until("the deleted queue's partition to go on", func() bool { return store.seen[3] == 6 && store.last[roomOf(3)] > at+20 })
	store.check(stop(), 0)
	members = append(members, third)
	for _, m := range members {
		if n := metric(t, m.reg, "restante_destroyed_total"); n != 0 {
			t.Errorf("%v messages are counted as destroyed", n)
		}
	}
	if n := newOther(t, urls).depth("restante.dead"); n != 0 || len(store.refused) == 0 {
		t.Errorf("%d dead letters; %d messages were refused at first", n, len(store.refused))
	}
}

// TestRaise_ConsumersTakeTurns: consumers that know only the first generation get, one after the other, what was sent with its
// key, after another one has raised it.
func TestRaise_ConsumersTakeTurns(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	store.seen[3] = 7
	members := joinAll(t, urls, 3, store.append)
	room := roomOf(3)
	n := 0
	for len(members) > 0 {
		for range 5 {
			n++
			publishSoon(t, members[0].Driver, numbered(room, n))
		}
		store.until("the messages", func() bool { return store.last[room] == n })
		active := activeConsumers(t, urls)[3]
		for i, m := range members {
			if m.table.Self().ID == active {
				m.stop()
				members = append(members[:i], members[i+1:]...)
				break
			}
		}
	}
	store.check(map[string]int{room: n}, 0)
	if g := store.generation(3); g != 8 {
		t.Errorf("the generation is %d, want 8", g)
	}
	if n := newOther(t, urls).depth("restante.dead"); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}
