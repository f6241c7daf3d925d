package faults

import (
	"testing"

	"restante/internal/load"
)

// kill -9 of each hub in turn: its clients, SignalR and EventSource, reconnect through the load balancer and continue
// at their cursors on another hub.
func TestHub_KilledUnderLoad(t *testing.T) {
	c := newCluster(t)
	rest := c.node("api,consumer")
	hubs := c.nodes(2, hub)
	edge := balancer(t, hubs...).URL()
	w := startWork(t, workConfig{Post: rest.URL(), Read: edge, Readers: 10})
	streams := startStreams(t, w, edge, 3)
	for range 2 {
		for _, h := range hubs {
			h.Kill()
			w.flow(50)
			h.Restart()
			w.flow(50)
		}
	}
	w.stopSending()
	for _, r := range w.rooms {
		noError(t, load.WaitStored(within(t, limit), rest.URL(), r.name, r.senders.Stop()))
	}
	streams.wait()
	w.check("hub killed 4 times")
}
