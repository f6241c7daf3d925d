package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/load"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// In a cluster of three RabbitMQ nodes, the leader of the intake queues is killed with kill -9 and restarted. Then
// another leader is frozen for a while.
func TestRabbitMQ_LeaderKilledAndFrozen(t *testing.T) {
	t.Parallel()
	mq := testkit.OwnRabbitMQ(t, 3)
	c := cluster{testkit.Cluster{Broker: mq.URLs(), Store: testkit.Database(t)}, t}
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	t.Run("killed", func(t *testing.T) {
		w := startWork(t, workConfig{Post: edge, Read: edge, Name: "killed", Rooms: 4, Senders: 2, Timeout: 5 * time.Second})
		f := follow(t, w, servers...)
		victim := leader(t, mq, 3)
		victim.Kill()
		w.flow(100)
		noError(t, victim.Restart(within(t, limit)))
		w.flow(100)
		f.stop()
		w.check("RabbitMQ leader killed")
	})
	t.Run("frozen", func(t *testing.T) {
		w := startWork(t, workConfig{Post: edge, Read: edge, Name: "frozen", Rooms: 4, Senders: 2, Timeout: 15 * time.Second})
		victim := leader(t, mq, 3)
		victim.Pause()
		thaw := time.AfterFunc(5*time.Second, victim.Resume)
		defer thaw.Stop()
		w.flow(50)
		<-within(t, 1*time.Second).Done()
		w.flow(100)
		w.check("RabbitMQ leader frozen for 5 s")
	})
}

// leader returns the one of n nodes that leads the most intake queues.
func leader(t *testing.T, mq *nodes.RabbitMQ, n int) *nodes.RabbitNode {
	t.Helper()
	var node *nodes.RabbitNode
	eventually(t, "the queues have leaders", func() bool {
		var queues []struct{ Name, Leader string }
		for i := range n {
			body, err := mq.Node(i).Manage(within(t, limit), http.MethodGet, "/queues?columns=name,leader", "")
			if err == nil {
				noError(t, json.Unmarshal([]byte(body), &queues))
			}
		}
		led := map[string]int{}
		for _, q := range queues {
			if strings.HasPrefix(q.Name, "restante.intake.") {
				led[q.Leader]++
			}
		}
		for i := range n {
			if name := mq.Node(i).Name(); led[name] > 0 && (node == nil || led[name] > led[node.Name()]) {
				node = mq.Node(i)
			}
		}
		t.Logf("intake queues led by: %v", led)
		return node != nil
	})
	return node
}

// The only RabbitMQ node dies: no message is accepted, and a sender gets the refusal within the deadline. When the node
// is back, the same ids are accepted and everything is delivered. Messages that were stored before are not stored
// again.
func TestRabbitMQ_AloneKilledAndRestarted(t *testing.T) {
	t.Parallel()
	mq := testkit.OwnRabbitMQ(t, 1)
	c := cluster{testkit.Cluster{Broker: mq.URLs(), Store: testkit.Database(t)}, t}
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Timeout: 15 * time.Second})
	w.flow(100)
	began := time.Now()
	mq.Node(0).Kill()
	waitReady(t, servers[0], 503)
	wantRefused(t, servers[0], 11*time.Second)
	get200(t, edge+"/rooms/"+w.rooms[0].name+"/messages?after=0") // reading works
	noError(t, mq.Node(0).Restart(within(t, limit)))
	what := fmt.Sprintf("RabbitMQ killed and restarted, unavailable for %v", time.Since(began).Round(time.Millisecond))
	w.flow(100)
	waitReady(t, servers[0], 200)
	w.check(what)
	if w.answers()[503] == 0 {
		t.Error("no send was answered 503")
	}
}

// wantRefused posts a message that must be answered with 503 in time.
func wantRefused(t *testing.T, node *testkit.Server, in time.Duration) {
	t.Helper()
	send := load.Send{ID: uuid.NewString(), Room: "refused", ClientID: "ann", Text: "too early"}
	began := time.Now()
	status, err := load.Post(t.Context(), node.URL(), &send)
	took := time.Since(began)
	if took > 100*time.Millisecond {
		t.Logf("refused with %d after %v", status, took.Round(time.Millisecond))
	}
	if status != 503 || took > in {
		t.Errorf("status %d, %v after %v; want 503 within %v", status, err, took, in)
	}
}
