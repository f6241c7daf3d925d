package rabbitmq_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// ownRabbitMQ starts a cluster for one test, with settings of rabbitmq.conf.
func ownRabbitMQ(t *testing.T, cfg nodes.RabbitMQConfig) *nodes.RabbitMQ {
	t.Helper()
	c, err := nodes.StartRabbitMQ(context.WithoutCancel(t.Context()), cfg)
	if errors.Is(err, nodes.ErrMissing) {
		testkit.Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

// TestDriver_OrderThroughConsumerTimeouts: the broker's configuration lets a consumer keep a delivery for a few seconds only,
// and the store is away for much longer. Nothing is out of order.
func TestDriver_OrderThroughConsumerTimeouts(t *testing.T) {
	t.Parallel()
	const timeout, away = 5 * time.Second, 40 * time.Second
	broker := ownRabbitMQ(t, nodes.RabbitMQConfig{Settings: []string{"consumer_timeout = 5000"}})
	store := newOrigins(t)
	members := []*member{join(t, broker.URLs(), store.append), join(t, broker.URLs(), store.append)}
	stop := load(t, members[0].Driver)
	store.until("the load", func() bool { return len(store.last) == partitions })
	store.away.Store(true)
	gone := time.NewTimer(away)
	<-gone.C
	store.away.Store(false)
	sent := stop()
	store.check(sent, 0)
	t.Logf("%d messages through %v without the store, with a timeout of %v", total(sent), away, timeout)
}

// TestDriver_GivesBackWhatItCannotStore: a batch that cannot be stored goes back to the broker as a whole, and another node
// gets it. Nothing is out of order.
func TestDriver_GivesBackWhatItCannotStore(t *testing.T) {
	urls := testkit.VHost(t)
	store := newOrigins(t)
	store.away.Store(true)
	var tried [2]atomic.Int32
	for i := range tried {
		d := open(t, rabbitmq.Config{URLs: urls, HoldLimit: 300 * time.Millisecond})
		consumeWith(t, d, func(ctx context.Context, batch []chat.Message) error {
			tried[i].Add(1)
			return store.append(ctx, batch)
		})
	}
	stop := load(t, open(t, rabbitmq.Config{URLs: urls}))
	waitUntil(t, "both nodes to have tried", func() bool { return tried[0].Load() > 2 && tried[1].Load() > 2 })
	store.away.Store(false)
	store.until("everything to go on", func() bool { return len(store.last) == partitions })
	store.check(stop(), 0)
}

// TestDriver_BrokerNodeKilled: the node of the broker is killed that carries the connections of an active consumer. Another
// consumer stores within three seconds, and the node that has lost its connections hears the others again.
func TestDriver_BrokerNodeKilled(t *testing.T) {
	t.Parallel()
	cluster := testkit.OwnRabbitMQ(t, 3)
	urls := cluster.URLs()
	store := newOrigins(t)
	others := join(t, []string{urls[0], urls[2]}, store.append)
	killed := join(t, urls[1:2], store.append)
	elsewhere := peer.NewTable(peer.Node{ID: peer.NewID(), Roles: []peer.Role{peer.Hub}})
	log := &logged{}
	proxy := testkit.StartProxy(t, cluster.Node(1).Addr()) // so that this node's connections lead to the node that is killed
	open(t, rabbitmq.Config{URLs: through(urls[1:2], cluster.Node(1).Addr(), proxy), Peers: elsewhere, Log: log.logger()})
	stop := load(t, others.Driver)
	waitUntil(t, "every node to hear the others", func() bool {
		return len(elsewhere.Alive(peer.Consumer, time.Now())) == 2 && len(killed.table.Alive(peer.Consumer, time.Now())) == 2
	})
	waitUntil(t, "the node that is killed to carry active consumers", func() bool {
		return metric(t, killed.reg, "restante_partitions_active") == partitions/2
	})
	began := time.Now()
	cluster.Node(1).Kill()
	proxy.Retarget(cluster.Node(0).Addr(), cluster.Node(2).Addr())
	at := store.counts()
	slowest := store.until("every partition to go on", func() bool {
		for q := range partitions {
			if store.last[roomOf(q)] < at[roomOf(q)]+5 {
				return false
			}
		}
		return true
	})
	t.Logf("every partition went on after %v", slowest.Round(10*time.Millisecond))
	if slowest > 3*time.Second {
		t.Errorf("storing stood still for %v", slowest)
	}
	waitUntil(t, "heartbeats after the kill", func() bool {
		return time.Since(began) > peer.Expiry && len(elsewhere.Alive(peer.Consumer, time.Now())) > 0
	})
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("no heartbeats were heard for %v", took)
	}
	if locked := log.lines("RESOURCE_LOCKED"); len(locked) > 0 {
		t.Errorf("a queue was held by the connection that was lost: %s", locked[0])
	}
	store.check(stop(), 0)
}
