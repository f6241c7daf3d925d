package rabbitmq_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// other is a service that is not restante, with its own connection.
type other struct {
	t  *testing.T
	ch *amqp.Channel
}

func newOther(t *testing.T, urls []string) other {
	t.Helper()
	conn, err := amqp.Dial(urls[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return other{t, ch}
}

// publish returns when the broker has confirmed the message, so that what the test does next comes after it.
func (o other) publish(exchange, key string, p amqp.Publishing) {
	o.t.Helper()
	confirmation, err := o.ch.PublishWithDeferredConfirm(exchange, key, false, false, p)
	if err == nil {
		_, err = confirmation.WaitContext(o.t.Context())
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// deleteMessages deletes the exchange of stored messages.
func (o other) deleteMessages() {
	o.t.Helper()
	if err := o.ch.ExchangeDelete("restante.messages", false, false); err != nil {
		o.t.Fatal(err)
	}
}

// declareMessages makes it again.
func (o other) declareMessages() {
	o.t.Helper()
	if err := o.ch.ExchangeDeclare("restante.messages", amqp.ExchangeTopic, true, false, false, false, nil); err != nil {
		o.t.Fatal(err)
	}
}

// next waits for a message in a queue.
func (o other) next(queue string) (d amqp.Delivery) {
	o.t.Helper()
	waitUntil(o.t, "a message in "+queue, func() bool {
		var ok bool
		var err error
		if d, ok, err = o.ch.Get(queue, true); err != nil {
			o.t.Fatal(err)
		}
		return ok
	})
	return d
}

// depth returns how many messages are in a queue and not on their way to a consumer.
func (o other) depth(queue string) int {
	o.t.Helper()
	state, err := o.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return state.Messages
}

// metric returns the sum of a counter or gauge over its labels.
func metric(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func cmpString(a, b string) int { return strings.Compare(a, b) }

// waitUntil polls for what no event tells.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	waitFor(t, 20*time.Second, what, condition)
}

// waitFor is waitUntil with a time limit.
func waitFor(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(limit); !condition(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited for %s", what)
		}
	}
}
