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

// PostgreSQL is away for much longer than RabbitMQ lets a consumer keep a message. Messages that are sent one after the
// other, each after the 2xx of the last one, are in this order afterwards.
func TestConsumers_KeepTheOrderBeyondTheConsumerTimeout(t *testing.T) {
	t.Parallel()
	timeout, away := 10*time.Second, 45*time.Second
	if testkit.Long() {
		timeout, away = 20*time.Second, 150*time.Second
	}
	mq := testkit.OwnRabbitMQ(t, 1, fmt.Sprintf("consumer_timeout = %d", timeout.Milliseconds()))
	pg := testkit.OwnPostgres(t)
	store, err := pg.Database(t.Context(), "restante")
	noError(t, err)
	c := cluster{testkit.Cluster{Broker: mq.URLs(), Store: store}, t}
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Name: "timeout", Rooms: 4, Senders: 2, Readers: 1})
	f := follow(t, w, servers...)
	pg.Kill()
	<-within(t, away).Done()
	noError(t, pg.Restart(within(t, limit)))
	f.stop()
	w.level()
	w.check(fmt.Sprintf("PostgreSQL away for %v, consumer timeout %v", away, timeout))
	if a := w.answers(); len(a) != 1 || a[202] == 0 {
		t.Errorf("answers %v, want only 202", a)
	}
}

// The RabbitMQ node that carries the connection of the active consumer is killed. Messages reach the readers again within
// three seconds, whatever version of RabbitMQ.
func TestRabbitMQ_NodeOfTheConsumerKilled(t *testing.T) {
	t.Parallel()
	mq := testkit.OwnRabbitMQ(t, 3)
	c := cluster{testkit.Cluster{Broker: mq.URLs(), Store: testkit.Database(t)}, t}
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Name: "carrier", Rooms: 4, Senders: 2, Readers: 1, Timeout: 5 * time.Second})
	f := follow(t, w, servers...)
	victim := carrier(t, mq, 3, "consume")
	victim.Kill()
	began := time.Now()
	w.flow(20)
	took := time.Since(began)
	f.stop()
	w.check("RabbitMQ node of a consume connection killed")
	// The 20 messages that prove it take a moment themselves.
	if took > 4*time.Second {
		t.Errorf("messages reach readers only after %v, want 3 s at most", took.Round(time.Millisecond))
	}
}

// carrier returns the one of n nodes that has a connection of a name that ends with the suffix.
func carrier(t *testing.T, mq *nodes.RabbitMQ, n int, suffix string) *nodes.RabbitNode {
	t.Helper()
	var found *nodes.RabbitNode
	eventually(t, "a connection for "+suffix+" is known", func() bool {
		body, err := mq.Node(0).Manage(within(t, limit), http.MethodGet, "/connections", "")
		noError(t, err)
		var connections []struct {
			Node   string
			Client struct {
				Name string `json:"connection_name"`
			} `json:"client_properties"`
		}
		noError(t, json.Unmarshal([]byte(body), &connections))
		for _, conn := range connections {
			for i := range n {
				if strings.HasSuffix(conn.Client.Name, " "+suffix) && mq.Node(i).Name() == conn.Node {
					found = mq.Node(i)
				}
			}
		}
		return found != nil
	})
	return found
}

// One of three RabbitMQ nodes hangs. Rooms whose queues are led elsewhere go on at every node, also at those that must
// connect anew.
func TestRabbitMQ_OneOfThreeHangs(t *testing.T) {
	t.Parallel()
	mq := testkit.OwnRabbitMQ(t, 3)
	c := cluster{testkit.Cluster{Broker: mq.URLs(), Store: testkit.Database(t)}, t}
	servers := c.nodes(3, allRoles)
	victim := leader(t, mq, 3)
	rooms := roomsLedElsewhere(t, mq, victim)
	for _, s := range servers { // so that every part of the way is in use
		for _, room := range rooms {
			fill(t, s.URL(), room, 5)
		}
	}
	victim.Pause()
	thaw := time.AfterFunc(30*time.Second, victim.Resume)
	defer func() { thaw.Stop(); victim.Resume() }()
	began := time.Now()
	for _, s := range servers {
		for _, room := range rooms {
			eventually(t, "messages are accepted", func() bool { return post(t, s, room) == http.StatusAccepted })
		}
	}
	took := time.Since(began)
	testkit.Measured(t, "pause", fmt.Sprintf("RabbitMQ node hangs: rooms led elsewhere are accepted at each of three nodes after %v", took.Round(time.Millisecond)))
	if took > 15*time.Second {
		t.Errorf("messages for rooms that are led elsewhere are accepted only after %v", took)
	}
}

// roomsLedElsewhere returns names of rooms whose queues other nodes lead than the given one.
func roomsLedElsewhere(t *testing.T, mq *nodes.RabbitMQ, than *nodes.RabbitNode) (rooms []string) {
	t.Helper()
	body, err := mq.Node(0).Manage(within(t, limit), http.MethodGet, "/queues?columns=name,leader", "")
	noError(t, err)
	var queues []struct{ Name, Leader string }
	noError(t, json.Unmarshal([]byte(body), &queues))
	for i := range 20 {
		room := fmt.Sprint("elsewhere-", i)
		for _, q := range queues {
			if q.Name == intakeOf(room) && q.Leader != than.Name() && len(rooms) < 4 {
				rooms = append(rooms, room)
			}
		}
	}
	if len(rooms) == 0 {
		t.Fatalf("no queue is led elsewhere: %s", body)
	}
	return rooms
}

// A virtual host is deleted and made again under nodes that run with a number of partitions that is not the standard one.
// They make everything again, with the same number, and go on.
func TestDeleted_TheVirtualHostComesBack(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	servers := c.nodes(2, allRoles, "--partitions", "4")
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Name: "vhost", Senders: 2, Readers: 2, Timeout: 5 * time.Second})
	w.flow(50)
	w.level() // what waits in the queues is destroyed with the virtual host
	c.manage(http.MethodDelete, "/vhosts/VHOST", "")
	_, err := testkit.RabbitMQ(t).VHost(within(t, limit), testkit.VHostName(t, c.Broker[0]))
	noError(t, err)
	for _, s := range servers {
		eventually(t, "every node is ready again", func() bool { return readinessOf(t, s).status == "ready" })
	}
	for i := range 20 {
		eventually(t, "messages are accepted", func() bool { return post(t, servers[i%2], fmt.Sprint("after-", i)) == http.StatusAccepted })
		servers[1].WaitSeq(fmt.Sprint("after-", i), 1)
	}
	w.check("virtual host deleted and made again")
	queues := c.manage(http.MethodGet, "/queues/VHOST?columns=name", "")
	if n := strings.Count(queues, "restante.intake."); n != 4 {
		t.Errorf("%d partitions, want 4 as before: %s", n, queues)
	}
}

// post sends one message and returns the status of the answer, 0 for none.
func post(t *testing.T, s *testkit.Server, room string) int {
	t.Helper()
	status, _ := load.Post(t.Context(), s.URL(), &load.Send{ID: uuid.NewString(), Room: room, ClientID: "ann", Text: "hello"})
	return status
}
