package faults

import (
	"fmt"
	"testing"
	"time"

	"restante/internal/testkit"
)

// link is a connection between a node and what it depends on, through a proxy. Its nodes are those that the load uses.
type link struct {
	name    string
	refuses bool // while it is broken nothing can be accepted
	start   func(t *testing.T, c cluster) (post, read *testkit.Server, proxy *testkit.Proxy)
}

// links lists every link of a cluster. Where another node could take over, there is one.
func links() []link {
	return []link{
		{"API node and RabbitMQ", true, func(_ *testing.T, c cluster) (*testkit.Server, *testkit.Server, *testkit.Proxy) {
			rest := c.node("consumer,hub")
			via, proxy := c.viaBroker()
			return via.node(api), rest, proxy
		}},
		{"consumer and RabbitMQ", false, func(_ *testing.T, c cluster) (*testkit.Server, *testkit.Server, *testkit.Proxy) {
			edge := c.node("api,hub")
			via, proxy := c.viaBroker()
			via.node(consumer)
			c.node(consumer)
			return edge, edge, proxy
		}},
		{"consumer and PostgreSQL", false, func(_ *testing.T, c cluster) (*testkit.Server, *testkit.Server, *testkit.Proxy) {
			edge := c.node("api,hub")
			via, proxy := c.viaStore()
			via.node(consumer)
			c.node(consumer)
			return edge, edge, proxy
		}},
		{"hub and RabbitMQ", false, func(_ *testing.T, c cluster) (*testkit.Server, *testkit.Server, *testkit.Proxy) {
			rest := c.node("api,consumer")
			via, proxy := c.viaBroker()
			return rest, via.node(hub), proxy
		}},
		{"hub and PostgreSQL", false, func(_ *testing.T, c cluster) (*testkit.Server, *testkit.Server, *testkit.Proxy) {
			rest := c.node("api,consumer")
			via, proxy := c.viaStore()
			return rest, via.node(hub), proxy
		}},
	}
}

// Every link between two machines is cut, again and again, and then stalls for longer than its ends are patient with each
// other. Readers come while it is broken, and the last messages are sent then, so that no later one can tell of them.
func TestLinks_CutAndStalled(t *testing.T) {
	const cutFor, stalledFor = 2 * time.Second, 7 * time.Second
	for _, l := range links() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			post, read, proxy := l.start(t, newCluster(t))
			cfg := workConfig{Post: post.URL(), Read: read.URL(), Log: post.URL(), Every: 20 * time.Millisecond, Timeout: 15 * time.Second}

			cfg.Name = "cut"
			w := startWork(t, cfg)
			for range 5 {
				proxy.Cut()
				w.flow(10)
			}
			proxy.Refuse(true)
			proxy.Cut()
			l.broken(t, w, cutFor)
			proxy.Refuse(false)
			l.mended(w)
			w.check(fmt.Sprintf("%s cut for %v", l.name, cutFor))

			cfg.Name = "stalled"
			w = startWork(t, cfg)
			proxy.Stall(testkit.Up)
			proxy.Stall(testkit.Down)
			l.broken(t, w, stalledFor)
			proxy.Resume(testkit.Up)
			proxy.Resume(testkit.Down)
			l.mended(w)
			w.check(fmt.Sprintf("%s stalled for %v", l.name, stalledFor))
		})
	}
}

// broken lets some time pass while the link is broken, and stops the senders.
func (l link) broken(t *testing.T, w *work, lasting time.Duration) {
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

// mended lets messages flow again, if it was the link that has stopped them.
func (l link) mended(w *work) {
	w.t.Helper()
	if l.refuses {
		w.flow(10)
	}
}
