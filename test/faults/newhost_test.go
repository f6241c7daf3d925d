package faults

import (
	"net/http"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// A queue is deleted under load, so that its partition is in the second generation, which the store remembers. Then all nodes
// stop, and new ones begin with the same database on an empty virtual host, where each partition is in its first generation.
// They store everything in order, and so do nodes that go back to the first virtual host.
func TestDeleted_NewVirtualHostForAnOldDatabase(t *testing.T) {
	t.Parallel()
	first := newCluster(t)
	second := first
	second.Broker = testkit.VHost(t)
	room := "moved"
	var sends []load.Send
	for i, c := range []cluster{first, second, first} {
		servers := c.nodes(2, allRoles)
		senders := startSenders(t, load.SenderConfig{
			URL: balancer(t, servers...).URL(), Room: room, Senders: 4, Every: 5 * time.Millisecond, Timeout: 15 * time.Second,
		})
		noError(t, senders.WaitAccepted(within(t, limit), 50))
		if i == 0 {
			c.manage(http.MethodDelete, "/queues/VHOST/"+intakeOf(room), "")
		}
		noError(t, senders.WaitAccepted(within(t, limit), 200))
		now := senders.Stop()
		waitStored(t, servers[0], room, now)
		sends = append(sends, now...)
		c.waitDead(0)
		<-time.After(3 * time.Second) // a node counts what is destroyed some time after it knows the new generation
		for _, s := range servers {
			if n := metric(t, s, "restante_destroyed_total"); n != 0 {
				t.Errorf("move %d: %v messages are said to be destroyed", i, n)
			}
		}
		report := load.Check(load.Evidence{Sends: sends, Stored: servers[1].ReadRoom(room)})
		noError(t, report.Err())
		c.waitDead(0)
		for _, s := range servers {
			s.Terminate()
		}
	}
}
