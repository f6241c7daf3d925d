package rabbitmq_test

import (
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/peer"
	"restante/internal/testkit"
)

// TestDriver_IgnoresForeignHeartbeats: what others publish to the exchange of nodes changes nothing.
func TestDriver_IgnoresForeignHeartbeats(t *testing.T) {
	urls := testkit.VHost(t)
	table := peer.NewTable(peer.Node{ID: "me", URL: "http://me", Roles: peer.Roles()})
	open(t, rabbitmq.Config{URLs: urls, Peers: table})
	waitUntil(t, "the first heartbeat", func() bool { return len(table.Alive(peer.API, time.Now())) == 1 })
	o := newOther(t, urls)
	for _, body := range []string{"", "{", `{"id":7}`, `{"url":"x"}`, strings.Repeat("x", 100_000)} {
		o.publish("restante.nodes", "", amqp.Publishing{Body: []byte(body)})
	}
	o.publish("restante.nodes", "", amqp.Publishing{Body: []byte(`{"id":"you","url":"http://you","roles":["hub"]}`)})
	waitUntil(t, "the other node", func() bool { _, ok := table.Find("you"); return ok })
	if hubs := table.Alive(peer.Hub, time.Now()); len(hubs) != 2 {
		t.Errorf("nodes that are alive: %v", hubs)
	}
	if consumers := table.Alive(peer.Consumer, time.Now()); len(consumers) != 0 {
		t.Errorf("a node that does not consume yet says it does: %v", consumers)
	}
}

// TestDriver_NoticesThatItHearsNoHeartbeats: the binding of a node's queue is gone, as when the exchange was deleted and another
// node has made it again between two heartbeats. The node listens anew.
func TestDriver_NoticesThatItHearsNoHeartbeats(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	table := peer.NewTable(peer.Node{ID: "me", URL: "http://me", Roles: peer.Roles()})
	open(t, rabbitmq.Config{URLs: urls, Peers: table})
	alive := func() bool { return table.IsAlive("me", time.Now()) }
	waitUntil(t, "the first heartbeat", alive)
	o := newOther(t, urls)
	if err := o.ch.ExchangeDelete("restante.nodes", false, false); err != nil {
		t.Fatal(err)
	}
	if err := o.ch.ExchangeDeclare("restante.nodes", amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "heartbeats to stop", func() bool { return !alive() })
	waitUntil(t, "heartbeats to be heard again", alive)
}
