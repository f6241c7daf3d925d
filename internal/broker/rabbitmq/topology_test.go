package rabbitmq_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// TestOpen_RefusesOtherForms: an exchange or a queue of restante's name in another form is an error.
func TestOpen_RefusesOtherForms(t *testing.T) {
	for name, declare := range map[string]func(ch *amqp.Channel) error{
		"exchange": func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare("restante.intake", "fanout", true, false, false, false, nil)
		},
		"queue": func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("restante.intake.0", true, false, false, false, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			urls := testkit.VHost(t)
			if err := declare(newOther(t, urls).ch); err != nil {
				t.Fatal(err)
			}
			if d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: urls}); errs.CodeOf(err) != errs.Conflict {
				t.Errorf("Open: %v, want class %s", err, errs.Conflict)
				if err == nil {
					d.Close()
				}
			}
		})
	}
}

// TestDriver_ToleratesQueuesOfAnEarlierVersion: queues that an earlier version has made work, and are not made again.
func TestDriver_ToleratesQueuesOfAnEarlierVersion(t *testing.T) {
	urls := testkit.VHost(t)
	o := newOther(t, urls)
	for q := range 2 {
		if _, err := o.ch.QueueDeclare(fmt.Sprint("restante.intake.", q), true, false, false, false, amqp.Table{
			"x-queue-type": "quorum", "x-queue-leader-locator": "balanced", "x-single-active-consumer": true,
		}); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 2})
	if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
		t.Error(err)
	}
}

// TestDriver_Metrics: an operator sees the connections.
func TestDriver_Metrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: testkit.VHost(t), Metrics: reg})
	if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
		t.Fatal(err)
	}
	if up := metric(t, reg, "restante_broker_up"); up != 1 {
		t.Errorf("restante_broker_up %v, want 1", up)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
