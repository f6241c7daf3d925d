package rabbitmq_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/errs"
	"restante/internal/peer"
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

// TestDriver_MakesAgainWhatIsDeleted: an operator deletes each exchange and queue of a driver that does nothing. A message
// that is published after that is handled.
func TestDriver_MakesAgainWhatIsDeleted(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 2, Metrics: reg})
	o := newOther(t, urls)
	for n, remove := range []func() error{
		func() error { return o.ch.ExchangeDelete("restante.intake", false, false) },
		func() error { return o.ch.ExchangeDelete("restante.queues", false, false) },
		func() error { return remove(o, "restante.intake.0") },
		func() error { return remove(o, "restante.intake.1") },
		func() error { return o.ch.QueueUnbind("restante.intake.0", "0.2", "restante.intake", nil) },
		func() error { return remove(o, "restante.record") },
	} {
		if err := remove(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, room := range []string{"a", "b", "c", "d"} {
			publishSoon(t, d, numbered(room, n+1))
		}
		t.Logf("accepted again after %v", time.Since(began).Round(time.Millisecond))
		waitUntil(t, "Check", func() bool { return d.Check(t.Context()) == nil && d.CheckTopology() == nil })
	}
	if connects := metric(t, reg, "restante_broker_connects_total"); connects != 2 {
		t.Errorf("%v connections were made, want 2: one of the keeper and one for publishing, which live on", connects)
	}
}

func remove(o other, queue string) error {
	_, err := o.ch.QueueDelete(queue, false, false, false)
	return err
}

// TestDriver_EndsWhenTheNumberOfPartitionsChanges: a running driver finds another number in the record, and says so.
func TestDriver_EndsWhenTheNumberOfPartitionsChanges(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 2})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Watch(ctx); err != nil {
		t.Errorf("Watch: %v", err)
	}
	conn, err := link.DialOnce(t.Context(), urls, "tool")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := topology.ChangeRecord(t.Context(), conn, func(r *topology.Record) error {
		r.Partitions, r.Made = 3, false
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := remove(newOther(t, urls), "restante.intake.1"); err != nil { // so that it reads the record
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := d.Watch(ctx); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("Watch: %v, want class %s", err, errs.Conflict)
	}
}

// TestDriver_AFrozenBrokerNode: one of three nodes of the broker is frozen. A driver that has to connect again publishes to the
// partitions that are led elsewhere: nothing that it does at reconnect needs the frozen node.
func TestDriver_AFrozenBrokerNode(t *testing.T) {
	t.Parallel()
	cluster := testkit.OwnRabbitMQ(t, 3)
	urls := cluster.URLs()
	first := open(t, rabbitmq.Config{URLs: urls, Partitions: 6})
	publishSoon(t, first, numbered("a", 1))
	proxies := make([]*testkit.Proxy, 2)
	healthy := make([]string, 2)
	for i := range healthy {
		healthy[i], proxies[i] = testkit.Through(t, urls[i])
	}
	d := open(t, rabbitmq.Config{URLs: healthy})
	rooms := map[int]string{} // by partition
	for i := 0; len(rooms) < 6; i++ {
		rooms[link.Partition(fmt.Sprint("room", i), 6)] = fmt.Sprint("room", i)
	}
	publishSoon(t, d, numbered("a", 2))
	out, err := cluster.Node(0).Ctl(t.Context(), "list_queues", "--no-table-headers", "-q", "name", "leader")
	if err != nil {
		t.Fatal(err)
	}
	cluster.Node(2).Pause()
	defer cluster.Node(2).Resume()
	for _, p := range proxies {
		p.Cut()
	}
	elsewhere := 0
	for q, room := range rooms {
		for line := range strings.Lines(out) {
			fields := strings.Fields(line)
			if len(fields) == 2 && fields[0] == fmt.Sprint("restante.intake.", q) && fields[1] != cluster.Node(2).Name() {
				elsewhere++
				took := publishSoon(t, d, numbered(room, 1))
				t.Logf("partition %d takes messages after %v", q, took.Round(time.Millisecond))
				if took > 8*time.Second {
					t.Errorf("partition %d, which the frozen node does not lead, took %v", q, took)
				}
			}
		}
	}
	if elsewhere == 0 {
		t.Errorf("the frozen node leads everything:\n%s", out)
	}
}

// TestDriver_Metrics: an operator sees the connections.
func TestDriver_Metrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: testkit.VHost(t), Metrics: reg})
	if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
		t.Fatal(err)
	}
	if up := metric(t, reg, "restante_broker_up"); up != 2 { // those of the keeper and for publishing
		t.Errorf("restante_broker_up %v, want 2", up)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestOpen_ASecondStartLeavesNoErrors: a driver that starts on queues of this version, and does all that a node does, leaves
// no error in the broker's log.
func TestOpen_ASecondStartLeavesNoErrors(t *testing.T) {
	urls := testkit.VHost(t)
	broker := testkit.RabbitMQ(t).Node(0)
	log, l := "", newLedger(t)
	for n := range 2 {
		table := peer.NewTable(peer.Node{ID: peer.NewID(), Roles: peer.Roles()})
		d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: urls, Peers: table})
		if err != nil {
			t.Fatal(err)
		}
		stop := consumeIn(t, d, l, "one")
		publishSoon(t, d, numbered("a", n+1))
		l.until("the message", func() bool { return l.last["a"] == n+1 })
		stop()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		before := log
		if log, err = broker.BrokerLog(); err != nil {
			t.Fatal(err)
		}
		if more := log[len(before):]; n > 0 && strings.Contains(more, "[error]") {
			t.Errorf("the broker has logged:\n%s", more)
		}
	}
}
