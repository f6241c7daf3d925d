package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/testkit"
)

// origins stands for a store that checks where messages come from: it refuses new messages of a generation that is older than
// one it has seen of the partition. It notes every message once, and each that comes too late in its room.
type origins struct {
	t    *testing.T
	away atomic.Bool // it fails

	mu      sync.Mutex
	seen    map[int]int64   // the newest generation of a partition
	ids     map[string]bool // what is stored
	last    map[string]int  // number of the last message of a room
	stored  map[string]int  // how many messages of a room
	refused map[string]bool // what was refused
	late    []string        // what came after a later message of its room
	changed chan struct{}
}

func newOrigins(t *testing.T) *origins {
	return &origins{
		t: t, seen: map[int]int64{}, ids: map[string]bool{}, last: map[string]int{}, stored: map[string]int{}, refused: map[string]bool{},
		changed: make(chan struct{}, 1),
	}
}

var errAway = errors.New("the store is away")

// newest returns the number of the newest message of a room.
func (o *origins) newest(room string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last[room]
}

// append is a handler. All nodes share the store.
func (o *origins) append(_ context.Context, batch []chat.Message) error {
	if o.away.Load() {
		return errAway
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range batch {
		if m.Origin.Generation < 1 {
			o.t.Errorf("message %s has no origin: %+v", m.Msg, m.Origin)
		}
		if !o.ids[m.ID] && m.Origin.Generation < o.seen[m.Origin.Partition] {
			o.refused[m.ID] = true
			return chat.Destroyed(m.Origin, o.seen[m.Origin.Partition])
		}
	}
	for _, m := range batch {
		o.seen[m.Origin.Partition] = max(o.seen[m.Origin.Partition], m.Origin.Generation)
		if o.ids[m.ID] {
			continue
		}
		o.ids[m.ID] = true
		o.stored[m.Room]++
		n, _ := strconv.Atoi(m.Msg)
		if n <= o.last[m.Room] {
			o.late = append(o.late, fmt.Sprintf("%s: %d after %d", m.Room, n, o.last[m.Room]))
		}
		o.last[m.Room] = max(o.last[m.Room], n)
	}
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return nil
}

// until waits until a condition on the store holds, for at most half a minute, and returns how long that took.
func (o *origins) until(what string, condition func() bool) time.Duration {
	o.t.Helper()
	began := time.Now()
	for late := time.After(30 * time.Second); ; {
		o.mu.Lock()
		ok, last := condition(), maps.Clone(o.last)
		o.mu.Unlock()
		if ok {
			return time.Since(began)
		}
		select {
		case <-o.changed:
		case <-late:
			o.t.Fatalf("waited for %s; the last numbers are %v", what, last)
		}
	}
}

func (o *origins) generation(q int) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[q]
}

// check checks that all that was sent is stored, but for what is said to be missing.
func (o *origins) check(sent map[string]int, missing int) {
	o.t.Helper()
	o.until("the last messages", func() bool {
		for room, n := range sent {
			if o.last[room] < n {
				return false
			}
		}
		return true
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	for room, n := range sent {
		missing -= n - o.stored[room]
	}
	if missing != 0 || len(o.late) > 0 {
		o.t.Errorf("%d more messages are stored than expected, too late: %v", missing, o.late)
	}
}

// member is a node of the cluster.
type member struct {
	*rabbitmq.Driver
	table *peer.Table
	reg   *prometheus.Registry
	stop  func() // ends Consume
	log   *logged
}

// join starts a node that publishes and consumes.
func join(t *testing.T, urls []string, handle func(context.Context, []chat.Message) error) *member {
	t.Helper()
	m := &member{reg: prometheus.NewRegistry(), log: &logged{}}
	m.table = peer.NewTable(peer.Node{ID: peer.NewID(), Roles: []peer.Role{peer.API, peer.Consumer}})
	m.log.show(t, m.table.Self().ID)
	m.Driver = open(t, rabbitmq.Config{URLs: urls, Peers: m.table, Metrics: m.reg, Log: m.log.logger()})
	m.stop = consumeWith(t, m.Driver, handle)
	return m
}

// joinAll starts nodes and waits until each knows the others as consumers.
func joinAll(t *testing.T, urls []string, n int, handle func(context.Context, []chat.Message) error) []*member {
	t.Helper()
	var members []*member
	for range n {
		members = append(members, join(t, urls, handle))
	}
	for _, m := range members {
		waitUntil(t, "every node to know the others", func() bool { return len(m.table.Alive(peer.Consumer, time.Now())) == n })
	}
	return members
}

// otherRoomOf returns another room of a partition than roomOf.
func otherRoomOf(q int) string {
	for i := 0; ; i++ {
		if room := fmt.Sprint("other-", i); link.Partition(room, partitions) == q {
			return room
		}
	}
}

func deleteQueue(t *testing.T, urls []string, queue string) {
	t.Helper()
	if _, err := newOther(t, urls).ch.QueueDelete(queue, false, false, false); err != nil {
		t.Fatal(err)
	}
}

// TestDeletedQueue_UnderLoad: the queue of a partition is deleted again and again while it is in use. Everything that is
// accepted is stored, once and in order, and the other partitions go on.
func TestDeletedQueue_UnderLoad(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	members := joinAll(t, urls, 2, store.append)
	stop := load(t, members[0].Driver)
	room := roomOf(3)
	for round := range int64(3) {
		store.until("the load", func() bool { return len(store.last) == partitions && store.seen[3] == round+1 })
		deleteQueue(t, urls, "restante.intake.3")
		at := store.newest(room)
		took := store.until("the partition to go on", func() bool { return store.seen[3] == round+2 && store.last[room] > at+20 })
		t.Logf("stored again %v after the deletion", took.Round(time.Millisecond))
		if took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	store.check(stop(), 0)
	for _, m := range members {
		if n := metric(t, m.reg, "restante_destroyed_total"); n != 0 {
			t.Errorf("%v messages are counted as destroyed", n)
		}
	}
}

// TestDeletedQueue_StoreAway: what was delivered survives the deletion while the store fails, with what its sender sends
// afterwards behind it.
func TestDeletedQueue_StoreAway(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	store.away.Store(true)
	members := joinAll(t, urls, 2, store.append)
	room := roomOf(3)
	for n := 1; n <= 300; n++ {
		publishSoon(t, members[0].Driver, numbered(room, n))
	}
	waitUntil(t, "everything to be delivered", func() bool { return unacknowledged(t, urls, "restante.intake.3") == 300 })
	deleteQueue(t, urls, "restante.intake.3")
	took := publishSoon(t, members[1].Driver, numbered(room, 301))
	t.Logf("accepted again %v after the deletion", took.Round(time.Millisecond))
	store.away.Store(false)
	store.check(map[string]int{room: 301}, 0)
	if g := store.generation(3); g != 2 {
		t.Errorf("the generation is %d", g)
	}
}

// TestDeletedQueue_CountsWhatIsDestroyed: what waited in the queue, beyond what was delivered, is destroyed. Its publishers
// count it exactly.
func TestDeletedQueue_CountsWhatIsDestroyed(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	members := joinAll(t, urls, 2, store.append)
	room, other := roomOf(3), otherRoomOf(3)
	for n := 1; n <= 10; n++ {
		publishSoon(t, members[0].Driver, numbered(room, n))
	}
	store.until("the first messages", func() bool { return store.last[room] == 10 })
	store.away.Store(true)
	for n := 11; n <= 600; n++ {
		if n == 600 { // if all of it was confirmed just before the deletion, it is published again
			<-time.After(3 * time.Second)
		}
		publishSoon(t, members[0].Driver, numbered(room, n))
		publishSoon(t, members[1].Driver, numbered(other, n))
	}
	deleteQueue(t, urls, "restante.intake.3")
	publishSoon(t, members[0].Driver, numbered(room, 601))
	publishSoon(t, members[1].Driver, numbered(other, 601))
	store.away.Store(false)
	const want = 590 - 500/2 // the broker delivers 500 ahead
	store.check(map[string]int{room: 601}, want)
	store.check(map[string]int{other: 601}, 10+want) // its first ten were never sent
	for i, m := range members {
		waitUntil(t, "the count", func() bool { return metric(t, m.reg, "restante_destroyed_total") > 0 })
		if n := metric(t, m.reg, "restante_destroyed_total"); n != want {
			t.Errorf("node %d counts %v destroyed messages, want %d", i, n, want)
		}
		if lines := m.log.lines("messages destroyed with a deleted queue"); len(lines) != 1 || !strings.Contains(lines[0], "exact=true") {
			t.Errorf("node %d logs %q", i, lines)
		}
	}
}

// TestDeletedQueue_Idle: a queue from which nobody has anything comes back.
func TestDeletedQueue_Idle(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	members := joinAll(t, urls, 2, store.append)
	deleteQueue(t, urls, "restante.intake.3")
	began := time.Now()
	publishSoon(t, members[0].Driver, numbered(roomOf(3), 1))
	t.Logf("accepted %v after the deletion", time.Since(began).Round(time.Millisecond))
	store.check(map[string]int{roomOf(3): 1}, 0)
}

// TestDeletedQueue_Unbound: a binding that was deleted comes back, and nothing is delivered twice or lost.
func TestDeletedQueue_Unbound(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	stop := load(t, joinAll(t, urls, 2, store.append)[0].Driver)
	room := roomOf(3)
	store.until("the load", func() bool { return len(store.last) == partitions })
	if err := newOther(t, urls).ch.QueueUnbind("restante.intake.3", "3", "restante.intake", nil); err != nil {
		t.Fatal(err)
	}
	at := store.counts()[room]
	t.Logf("stored again after %v", store.until("the partition to go on", func() bool { return store.last[room] > at+20 }).Round(time.Millisecond))
	store.check(stop(), 0)
}

func (o *origins) counts() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.last)
}
