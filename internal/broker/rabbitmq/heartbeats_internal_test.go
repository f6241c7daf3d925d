package rabbitmq

import (
	"log/slog"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/peer"
)

func TestHear_TellsANewcomer(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	log := slog.New(slog.DiscardHandler)
	broker, err := link.NewBroker([]string{"amqp://localhost"}, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	d := &Driver{cfg: Config{Peers: table, Log: log}, keeper: topology.NewKeeper(broker, topology.Config{})}
	for _, tc := range []struct {
		body     string
		newcomer bool
	}{
		{`{"id":"self","roles":["hub"]}`, false},
		{`{"id":"a","url":"http://a","roles":["hub"]}`, true},
		{`{"id":"a","url":"http://a","roles":["hub"]}`, false},
		{`{"id":"a","gone":true}`, false},
		{`{"id":"a","url":"http://a","roles":["hub"]}`, true},
		{`{"id":""}`, false},
		{`nonsense`, false},
	} {
		if got := d.hear(t.Context(), []arrival{{Delivery: amqp.Delivery{Body: []byte(tc.body)}, at: time.Now()}}); got != tc.newcomer {
			t.Errorf("%s: a newcomer %v, want %v", tc.body, got, tc.newcomer)
		}
	}
	if alive := table.Alive(peer.Hub, time.Now()); len(alive) != 2 || alive[0].URL != "http://a" {
		t.Errorf("alive: %v", alive)
	}
}
