package faults

import (
	"fmt"
	"testing"
	"time"

	"restante/internal/testkit"
)

// link is a connection, through a proxy, between a node and a server that it needs.
type link struct {
	name    string
	refuses bool // no message can be accepted while it is broken
	start   func(c cluster) linked
}

// linked is the nodes of a cluster with such a link.
type linked struct {
	post, read *testkit.Server // the nodes that the load uses
	stores     *testkit.Server // when not nil: the node with the link, which must be storing messages when the link breaks
	proxy      *testkit.Proxy
}

// links returns every link of a cluster. A node with the role consumer has a second consumer beside it, which may take
// over.
func links() []link {
	return []link{
		{"API node and RabbitMQ", true, func(c cluster) linked {
			rest := c.node("consumer,hub")
			via, proxy := c.viaBroker()
			return linked{post: via.node(api), read: rest, proxy: proxy}
		}},
		{"consumer and RabbitMQ", false, func(c cluster) linked {
			edge := c.node("api,hub")
			via, proxy := c.viaBroker()
			c.node(consumer)
			return linked{post: edge, read: edge, stores: via.node(consumer), proxy: proxy}
		}},
		{"consumer and PostgreSQL", false, func(c cluster) linked {
			edge := c.node("api,hub")
			via, proxy := c.viaStore()
			c.node(consumer)
			return linked{post: edge, read: edge, stores: via.node(consumer), proxy: proxy}
		}},
		{"hub and RabbitMQ", false, func(c cluster) linked {
			rest := c.node("api,consumer")
			via, proxy := c.viaBroker()
			return linked{post: rest, read: via.node(hub), proxy: proxy}
		}},
		{"hub and PostgreSQL", false, func(c cluster) linked {
			rest := c.node("api,consumer")
			via, proxy := c.viaStore()
			return linked{post: rest, read: via.node(hub), proxy: proxy}
		}},
	}
}

// atWork waits until the node with the link stores messages, if it is a consumer.
func (l linked) atWork(t *testing.T) {
	t.Helper()
	if l.stores == nil {
		return
	}
	before := metric(t, l.stores, "restante_stored_total")
	eventually(t, "the consumer stores", func() bool { return metric(t, l.stores, "restante_stored_total") > before })
}

// Every link between two machines is cut repeatedly, and then stalls for longer than the timeouts of both ends. Readers
// join while it is broken. The last messages are sent during that time, so that no later message can reveal a missing
// one.
func TestLinks_CutAndStalled(t *testing.T) {
	const cutFor, stalledFor = 2 * time.Second, 7 * time.Second
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			nodes := l.start(newCluster(t))
			proxy := nodes.proxy
			cfg := workConfig{Post: nodes.post.URL(), Read: nodes.read.URL(), Every: 20 * time.Millisecond, Timeout: 15 * time.Second}

			cfg.Name = "cut"
			w := startWork(t, cfg)
			nodes.atWork(t)
			for range 5 {
				proxy.Cut()
				w.flow(10)
			}
			nodes.atWork(t)
			proxy.Refuse(true)
			proxy.Cut()
			l.whileBroken(t, w, cutFor)
			proxy.Refuse(false)
			l.restored(w)
			w.check(fmt.Sprintf("%s cut for %v", l.name, cutFor))

			cfg.Name = "stalled"
			w = startWork(t, cfg)
			nodes.atWork(t)
			proxy.Stall(testkit.Up)
			proxy.Stall(testkit.Down)
			l.whileBroken(t, w, stalledFor)
			proxy.Resume(testkit.Up)
			proxy.Resume(testkit.Down)
			l.restored(w)
			w.check(fmt.Sprintf("%s stalled for %v", l.name, stalledFor))
		})
	}
}

// whileBroken waits while the link is broken, and stops the senders.
func (l link) whileBroken(t *testing.T, w *work, lasting time.Duration) {
	t.Helper()
	w.read(1)
	over := within(t, lasting)
	if l.refuses {
		<-over.Done()
		return
	}
	w.accept(20)
	<-over.Done()
	w.stopSending()
}

// restored waits until messages flow again, if the broken link had stopped them.
func (l link) restored(w *work) {
	w.t.Helper()
	if l.refuses {
		w.flow(10)
	}
}
