package faults

import (
	"testing"
	"time"
)

// SIGTERM of a node of each role under load, while another node has the same role: it exits with 0 in time, nothing is
// lost, and its clients reconnect to other nodes. A cluster is upgraded like this.
func TestTerminate_EachRoleUnderLoad(t *testing.T) {
	const drain = 4 * time.Second
	for _, role := range []string{api, consumer, hub, allRoles} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			stays := c.node(allRoles)
			goes := c.node(role, "--drain", drain.String())
			edge := balancer(t, stays, goes).URL()
			w := startWork(t, workConfig{Post: edge, Read: edge, Log: stays.URL(), Readers: 8, Senders: 8})
			f := follow(t, w, stays, goes)
			for range 2 {
				began := time.Now()
				code := goes.Stop(drain + 5*time.Second)
				if took := time.Since(began); code != 0 || took > drain+500*time.Millisecond {
					t.Errorf("exit code %d after %v; want 0 within %v", code, took, drain)
				}
				w.flow(50)
				goes.Restart()
				w.flow(50)
			}
			f.stop()
			w.check("SIGTERM of " + role)
		})
	}
}
