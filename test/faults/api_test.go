package faults

import (
	"testing"
	"time"
)

// kill -9 of each API node in turn: senders repeat their ids, and the load balancer sends them to the other node.
func TestAPINode_KilledUnderLoad(t *testing.T) {
	c := newCluster(t)
	rest := c.node("consumer,hub")
	nodes := c.nodes(2, api)
	w := startWork(t, workConfig{Post: balancer(t, nodes...).URL(), Read: rest.URL(), Senders: 8, Every: 2 * time.Millisecond})
	for range 2 {
		for _, n := range nodes {
			n.Kill()
			w.flow(50)
			n.Restart()
			w.flow(50)
		}
	}
	w.check("API node killed 4 times")
	if w.answers()[0] == 0 {
		t.Error("no send was interrupted: the kills came at the wrong time")
	}
}
