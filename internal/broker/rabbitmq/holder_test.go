package rabbitmq_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// inHand is a cluster of two nodes that have 100 messages of a partition in hand, because the store is away. The holder is
// behind a proxy.
type inHand struct {
	urls          []string
	store         *origins
	proxy         *testkit.Proxy
	other, holder *member
	q             int
	room, queue   string
}

const handful = 100

func newInHand(t *testing.T) *inHand {
	t.Helper()
	node := testkit.RabbitMQ(t).Node(0)
	h := &inHand{urls: testkit.VHost(t), store: newOrigins(t), proxy: testkit.StartProxy(t, node.Addr())}
	h.store.away.Store(true)
	h.other = join(t, h.urls, h.store.append)
	h.holder = join(t, through(h.urls, node.Addr(), h.proxy), h.store.append)
	waitUntil(t, "the holder to be active", func() bool {
		h.q = slices.Index(slices.Collect(slices.Values(h.active(t))), h.holder.table.Self().ID)
		return h.q >= 0
	})
	h.room, h.queue = roomOf(h.q), fmt.Sprint("restante.intake.", h.q)
	for n := 1; n <= handful; n++ {
		publishSoon(t, h.other.Driver, numbered(h.room, n))
	}
	waitUntil(t, "the holder to have it", func() bool { return unacknowledged(t, h.urls, h.queue) == handful })
	return h
}

func (h *inHand) active(t *testing.T) []string {
	active := activeConsumers(t, h.urls)
	return active[:]
}

// TestDeletedQueue_HolderStops: a holder that is stopped at the same time puts back what it has first.
func TestDeletedQueue_HolderStops(t *testing.T) {
	t.Parallel()
	h := newInHand(t)
	deleteQueue(t, h.urls, h.queue)
	h.holder.stop()
	if err := h.holder.Close(); err != nil {
		t.Error(err)
	}
	publishSoon(t, h.other.Driver, numbered(h.room, handful+1))
	h.store.away.Store(false)
	h.store.check(map[string]int{h.room: handful + 1}, 0)
}

// TestDeletedQueue_HolderCut: a holder whose connections were cut at the same time has not forgotten what it had.
func TestDeletedQueue_HolderCut(t *testing.T) {
	t.Parallel()
	h := newInHand(t)
	h.other.stop() // else it gets what the holder had
	h.proxy.Refuse(true)
	h.proxy.Cut()
	deleteQueue(t, h.urls, h.queue)
	h.proxy.Refuse(false)
	publishSoon(t, h.other.Driver, numbered(h.room, handful+1))
	h.store.away.Store(false)
	h.store.check(map[string]int{h.room: handful + 1}, 0)
}

// TestDeletedQueue_HolderFrozen: the others wait for ten seconds for a holder that is silent. Then they begin again without
// it, and what the holder still has becomes dead letters.
func TestDeletedQueue_HolderFrozen(t *testing.T) {
	t.Parallel()
	h := newInHand(t)
	<-time.After(3 * time.Second) // if all of it was confirmed just before the deletion, it is published again
	publishSoon(t, h.other.Driver, numbered(h.room, handful+1))
	waitUntil(t, "the holder to have it", func() bool { return unacknowledged(t, h.urls, h.queue) == handful+1 })
	h.proxy.Stall(testkit.Up)
	h.proxy.Stall(testkit.Down)
	deleteQueue(t, h.urls, h.queue)
	took := publishSoon(t, h.other.Driver, numbered(h.room, handful+2))
	t.Logf("accepted again after %v", took.Round(time.Millisecond))
	if took < 5*time.Second || took > 20*time.Second {
		t.Error("the others wait for ten seconds, and then for no longer")
	}
	h.store.away.Store(false)
	h.store.until("the message behind it", func() bool { return h.store.last[h.room] == handful+2 })
	h.proxy.Resume(testkit.Up)
	h.proxy.Resume(testkit.Down)
	_, list := letters(t, h.urls, handful+1)
	for _, l := range list {
		if !strings.HasPrefix(l.Reason, "queue destroyed") {
			t.Fatalf("the letter is %+v", l)
		}
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	if n := h.store.stored[h.room]; n != 1 || len(h.store.late) > 0 {
		t.Errorf("%d are stored, too late: %v", n, h.store.late)
	}
}

// TestDeletedQueue_BrokerRestarts: the broker is killed while the holder puts back what it has.
func TestDeletedQueue_BrokerRestarts(t *testing.T) {
	t.Parallel()
	broker := testkit.OwnRabbitMQ(t, 1)
	urls, err := broker.VHost(t.Context(), "restarted")
	if err != nil {
		t.Fatal(err)
	}
	store := newOrigins(t)
	store.away.Store(true)
	m := join(t, urls, store.append)
	room := roomOf(3)
	for n := 1; n <= handful; n++ {
		publishSoon(t, m.Driver, numbered(room, n))
	}
	waitUntil(t, "everything to be delivered", func() bool { return metric(t, m.reg, "restante_unacked") > 0 })
	deleteQueue(t, urls, "restante.intake.3")
	if err := broker.Node(0).Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("accepted again after %v", publishSoon(t, m.Driver, numbered(room, handful+1)).Round(time.Millisecond))
	store.away.Store(false)
	store.check(map[string]int{room: handful + 1}, 0)
}

// TestDeletedQueue_Inbox: what was delivered from the inbox is accepted although the inbox is deleted, in the order of each
// room, and the inbox comes back.
func TestDeletedQueue_Inbox(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	store := newOrigins(t)
	members := joinAll(t, urls, 2, store.append)
	closed := true
	var mu sync.Mutex
	accepted := map[string][]string{}
	tried := make(chan struct{}, 1000)
	for _, m := range members {
		runInbox(t, m.Driver, func(_ context.Context, m chat.Message) (chat.Message, error) {
			tried <- struct{}{}
			mu.Lock()
			defer mu.Unlock()
			if closed {
				return m, &errs.Error{Code: errs.Unavailable, Msg: "not now"}
			}
			accepted[m.Room] = append(accepted[m.Room], m.Msg)
			return m, nil
		})
	}
	o := newOther(t, urls)
	post := func(room string, n int) {
		o.publish("restante.inbox", room, amqp.Publishing{Body: fmt.Appendf(nil, `{"msg":"%d","client_id":"ann"}`, n)})
	}
	for n := range 20 {
		post("a", n)
		post("b", n)
	}
	<-tried
	waitUntil(t, "everything to be delivered", func() bool { return unacknowledged(t, urls, "restante.inbox") == 40 })
	deleteQueue(t, urls, "restante.inbox")
	<-tried
	mu.Lock()
	closed = false
	mu.Unlock()
	count := func(room string) int {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted[room])
	}
	waitUntil(t, "everything to be accepted", func() bool { return count("a") == 20 && count("b") == 20 })
	for room, msgs := range accepted {
		if !slices.IsSortedFunc(msgs, func(a, b string) int { return len(a)*100 - len(b)*100 + cmpString(a, b) }) {
			t.Errorf("room %s: accepted in the order %v", room, msgs)
		}
	}
	began := time.Now()
	waitUntil(t, "the inbox to be back", func() bool { post("c", 1); return count("c") > 0 })
	t.Logf("back after %v", time.Since(began).Round(time.Millisecond))
}

// unacknowledged returns how many messages of a queue are delivered and not acknowledged.
func unacknowledged(t *testing.T, urls []string, queue string) (n int) {
	t.Helper()
	out, err := testkit.RabbitMQ(t).Node(0).Ctl(t.Context(), "list_queues", "-q", "-p", testkit.VHostName(t, urls[0]), "name", "messages_unacknowledged")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == queue {
			n, _ = strconv.Atoi(fields[1])
		}
	}
	return n
}
