package forward

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/peer"
)

// TestMetrics_CountTheNodesThatAreHeard lets one node fall silent, and checks a node that is the only one.
func TestMetrics_CountTheNodesThatAreHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		self := peer.Node{ID: "near", Roles: []peer.Role{peer.API}}
		table, reg := peer.NewTable(self), prometheus.NewRegistry()
		newMetrics(reg, func() float64 { return 0 }, table)
		want := func(api, hub string) {
			t.Helper()
			if err := testutil.GatherAndCompare(reg, strings.NewReader(`# HELP restante_nodes_alive Nodes with a role that this node hears of now, itself among them.
# TYPE restante_nodes_alive gauge
restante_nodes_alive{role="api"} `+api+`
restante_nodes_alive{role="consumer"} 0
restante_nodes_alive{role="hub"} `+hub+"\n"), "restante_nodes_alive"); err != nil {
				t.Error(err)
			}
		}
		want("0", "0")
		table.Heard(self, time.Now())
		table.Heard(peer.Node{ID: "far", Roles: []peer.Role{peer.API, peer.Hub}}, time.Now())
		want("2", "1")
		time.Sleep(peer.Expiry + time.Second) //nolint:forbidigo // the bubble's clock
		table.Heard(self, time.Now())
		want("1", "0")
	})
	reg := prometheus.NewRegistry()
	newMetrics(reg, func() float64 { return 0 }, peer.NewTable(peer.Node{}))
	if n, err := testutil.GatherAndCount(reg, "restante_nodes_alive"); n != 0 || err != nil {
		t.Errorf("the only node exports %d numbers of nodes, %v", n, err)
	}
}
