package faults

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	names "restante/internal/broker/rabbitmq/link"
	"restante/internal/testkit"
)

// manage sends a request to the management API of the tests' RabbitMQ. In the path, VHOST stands for the virtual host of
// the cluster.
func (c cluster) manage(method, path, body string) string {
	c.t.Helper()
	answer, err := testkit.RabbitMQ(c.t).Manage(within(c.t, limit), method, c.path(path), body)
	noError(c.t, err)
	return answer
}

// path puts the virtual host of the cluster into a path for its VHOST.
func (c cluster) path(path string) string {
	return strings.Replace(path, "VHOST", url.PathEscape(testkit.VHostName(c.t, c.Broker[0])), 1)
}

// intakeOf returns the queue in which the accepted messages of a room wait.
func intakeOf(room string) string { return fmt.Sprint(names.IntakeQueue, names.Partition(room, 8)) }

// Operators delete each exchange and each queue, one after the other, while the consumers keep up. Everything that was
// accepted is delivered once and in order, within 10 s of the deletion, and no node needs a restart. Until it is mended no
// node says that it is ready for longer than 5 s.
func TestDeleted_EachExchangeAndQueueComesBack(t *testing.T) {
	c := newCluster(t)
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Name: "deleted", Rooms: 2, Senders: 4, Readers: 2, Every: 10 * time.Millisecond})
	sse := startStreams(t, w, edge, 1)
	f := follow(t, w, servers...)
	busy, idle := intakeOf(w.rooms[0].name), intakeOf("nobody writes here")
	longest := time.Duration(0)
	for _, what := range []string{
		"queues/VHOST/" + busy, "queues/VHOST/" + intakeOf(w.rooms[1].name), "queues/VHOST/" + idle,
		"queues/VHOST/restante.inbox", "queues/VHOST/restante.dead", "queues/VHOST/restante.removed", "queues/VHOST/restante.record",
		"exchanges/VHOST/restante.messages", "exchanges/VHOST/restante.intake", "exchanges/VHOST/restante.inbox",
		"exchanges/VHOST/restante.dead", "exchanges/VHOST/restante.nodes", "queues/VHOST/" + busy,
	} {
		began := time.Now()
		c.manage(http.MethodDelete, "/"+what, "")
		mended := watchReadiness(t, what, servers)
		w.flow(20)
		took := time.Since(began)
		mended()
		longest = max(longest, took)
		t.Logf("%s deleted: messages flow to every reader after %v", what, took.Round(time.Millisecond))
		if took > 10*time.Second {
			t.Errorf("%s deleted: messages flow only after %v, want 10 s at most", what, took)
		}
		eventually(t, what+" exists again", func() bool {
			return c.has(what)
		})
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("%s exists again only after %v", what, took)
		}
		for _, s := range servers {
			eventually(t, "every node is ready again", func() bool { return readinessOf(t, s).status == "ready" })
		}
	}
	f.stop()
	w.level()
	sse.wait()
	w.check(fmt.Sprintf("each exchange and queue deleted, delivered again after %v at most", longest.Round(time.Millisecond)))
	for _, s := range servers {
		if n := metric(t, s, "restante_destroyed_total"); n != 0 {
			t.Errorf("%v messages are said to be destroyed; the consumers kept up", n)
		}
	}
	c.waitDead(0)
}

// has reports whether an exchange or a queue exists, by its path in the management API.
func (c cluster) has(what string) bool {
	_, err := testkit.RabbitMQ(c.t).Manage(c.t.Context(), http.MethodGet, c.path("/"+what), "")
	return err == nil
}

// watchReadiness checks that no node says that it is ready from 5 s after a fault on, until mended is called.
func watchReadiness(t *testing.T, what string, servers []*testkit.Server) (mended func()) {
	t.Helper()
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for wait := 5 * time.Second; ; wait = 200 * time.Millisecond {
			select {
			case <-over:
				return
			case <-time.After(wait):
			}
			for i, s := range servers {
				if r, err := askReadiness(t, s); err == nil && r.status == "ready" {
					select {
					case <-over: // it was mended while the node was asked
					default:
						t.Errorf("%s deleted: node %d says that it is ready, and it is not mended", what, i)
					}
					return
				}
			}
		}
	}()
	return func() { close(over); <-done }
}
