package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// A load balancer sends each connection to the next node, whatever its roles. Clients on every wire see every message,
// in order, while nodes are added and killed.
func TestNodes_RoundRobinWhileNodesComeAndGo(t *testing.T) {
	for name, roles := range map[string][]string{
		"one role each": {"api", "consumer", "hub"},
		"all roles":     {"api,consumer,hub", "api,consumer,hub", "api,consumer,hub"},
	} {
		t.Run(name, func(t *testing.T) {
			const room, senders, each = "round", 4, 200
			cluster := testkit.NewCluster(t)
			var nodes []*testkit.Server
			for _, role := range roles {
				nodes = append(nodes, cluster.Start(t, testkit.Options{}, role))
			}
			balancer := testkit.StartProxy(t, addresses(nodes)...)
			var clients []*running
			for _, wire := range wires() {
				transport, protocol, _ := strings.Cut(wire, " ")
				clients = append(clients, script(t, "reconnect.mjs", balancer.URL(), transport, protocol, room, strconv.Itoa(senders*each)))
			}
			clients = append(clients, script(t, "events.mjs", balancer.URL(), room, strconv.Itoa(senders*each), balancer.URL()))
			work, err := load.StartSenders(t.Context(), load.SenderConfig{
				URL: balancer.URL(), Room: room, Senders: senders, Each: each, Every: 30 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			for i, role := range roles { // each node is replaced by another one with the same roles
				waitAccepted(t, work, int64((i+1)*senders*each/5))
				added := cluster.Start(t, testkit.Options{}, role)
				balancer.Retarget(append(addresses(nodes), added.Addr())...)
				nodes[i].Kill()
				nodes[i] = added
				balancer.Retarget(addresses(nodes)...)
			}
			work.Wait()
			for _, client := range clients {
				output := strings.TrimSpace(client.wait())
				t.Log(output[strings.LastIndexByte(output, '\n')+1:])
			}
			nodes[0].Check(room, work.Stop(), nil)
		})
	}
}

func addresses(nodes []*testkit.Server) []string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.Addr()
	}
	return all
}
