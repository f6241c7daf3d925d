package topology

import (
	"fmt"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// TestKeeper_MakesAgainWhatIsDeleted: each exchange and each queue is deleted while nothing happens. The keeper says so, and
// makes it again, although nobody reports it.
func TestKeeper_MakesAgainWhatIsDeleted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	type thing struct {
		name    string
		remove  func(name string)
		message string // in the log
	}
	var things []thing
	for _, e := range (plan{}).exchanges() {
		things = append(things, thing{e.name, s.deleteExchange, `what="exchange ` + e.name + `"`})
	}
	for _, q := range []string{link.DeadQueue, link.RemovedQueue, link.InboxQueue, link.RecordQueue, "restante.intake.0", "restante.intake.1"} {
		things = append(things, thing{q, s.deleteQueue, `what="queue ` + q + `"`})
	}
	for _, thing := range things {
		before := n.log.count(thing.message)
		thing.remove(thing.name)
		s.until(lookEvery+3*time.Second, says("a line about "+thing.message), func() bool { return n.log.count(thing.message) > before })
		s.until(10*time.Second, says("Check after "+thing.name), func() bool { return n.Check() == nil })
		s.whole(10*time.Second, n.now)
	}
	if r := n.now(); r.Partitions != 2 || r.Generation(0) != 2 || r.Generation(1) != 2 {
		t.Errorf("the record is %+v", r)
	}
	s.start(Config{Node: "two"})
}

// TestKeeper_BindsAgainAfterAReport: a binding that an operator has removed cannot be seen. A message that comes back reports it.
func TestKeeper_BindsAgainAfterAReport(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	s.do(func(ch *amqp.Channel) error {
		return ch.QueueUnbind("restante.intake.1", "1", link.IntakeExchange, nil)
	})
	if s.reaches(link.IntakeExchange, "1") {
		t.Fatal("the binding is still there")
	}
	n.Report("a message came back")
	s.whole(2*time.Second, n.now)
	if g := n.now().Generation(1); g != 1 {
		t.Errorf("generation %d, want 1: the queue was never away", g)
	}
}

// ways returns how messages reach the queues of two partitions: by exchange, the queues with their keys.
func ways() map[string]map[string]string {
	return map[string]map[string]string{
		link.DeadExchange:   {link.DeadQueue: "#"},
		link.InboxExchange:  {link.InboxQueue: "#"},
		link.IntakeExchange: {"restante.intake.0": "0", "restante.intake.1": "1"},
		link.QueuesExchange: {
			link.RemovedQueue: link.RemovedQueue, link.RecordQueue: link.RecordQueue,
			"restante.intake.0": "restante.intake.0", "restante.intake.1": "restante.intake.1",
		},
	}
}

// TestKeeper_MakesUnusedBindingsAnew: an exchange is deleted in the moment in which a node binds to it, as each look does. RabbitMQ
// 4.3 does not use these bindings after the exchange was made again, although it lists them.
func TestKeeper_MakesUnusedBindingsAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	for exchange, bound := range ways() {
		message := `made again" what="exchange ` + exchange + `"`
		before := n.log.count(message)
		s.deleteWhileBinding(exchange, bound)
		s.until(lookEvery+3*time.Second, says("a line about "+exchange), func() bool { return n.log.count(message) > before })
		s.whole(10*time.Second, n.now)
	}
}

// TestKeeper_MakesUnusedBindingsAnewAfterAReport: somebody else has made the exchange again, so no look finds it missing.
func TestKeeper_MakesUnusedBindingsAnewAfterAReport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	for _, e := range (plan{}).exchanges() {
		for queue, key := range ways()[e.name] {
			if queue == link.RecordQueue {
				continue // the keeper itself publishes to it, and nobody else does
			}
			s.deleteWhileBinding(e.name, map[string]string{queue: key})
			s.do(func(ch *amqp.Channel) error {
				return ch.ExchangeDeclare(e.name, e.kind, true, false, false, false, nil)
			})
			s.until(10*time.Second, says("a way by "+e.name+" "+key), func() bool {
				if s.reaches(e.name, key) {
					return true
				}
				n.Report(fmt.Sprintf("NO_ROUTE: exchange %q, key %q", e.name, key))
				return false
			})
		}
	}
}

// TestKeeper_OneOfManyWins: several new processes with different wishes begin at once on a new broker. One number is written, and
// those who want another one are told so.
func TestKeeper_OneOfManyWins(t *testing.T) {
	s := newSite(t)
	wishes := []int{2, 3, 4, 5, 0}
	errors := make([]error, len(wishes))
	nodes := make([]*node, len(wishes))
	var all sync.WaitGroup
	for i, wish := range wishes {
		all.Go(func() { nodes[i], errors[i] = s.open(Config{Node: fmt.Sprint("node", i), Partitions: wish}) })
	}
	all.Wait()
	r, err := ReadRecord(t.Context(), s.conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("won: %d partitions", r.Partitions)
	for i, wish := range wishes {
		if wish == 0 || wish == r.Partitions {
			if errors[i] != nil || nodes[i].now().Partitions != r.Partitions {
				t.Errorf("the node that wants %d: %v, %+v", wish, errors[i], nodes[i].now())
			}
		} else if errs.CodeOf(errors[i]) != errs.Conflict {
			t.Errorf("the node that wants %d: %v, want class %s", wish, errors[i], errs.Conflict)
		}
	}
	for q := range 9 {
		ch, err := s.conn.Channel()
		if err != nil {
			t.Fatal(err)
		}
		_, err = ch.QueueDeclarePassive(intakeName(q), true, false, false, false, nil)
		if exists := err == nil; exists != (q < r.Partitions) {
			t.Errorf("queue %d exists: %v", q, exists)
		}
	}
}

// TestKeeper_RefusesWhatCouldLoseMessages: what somebody has made under a name of ours is refused with a reason.
func TestKeeper_RefusesWhatCouldLoseMessages(t *testing.T) {
	quorum := func(more amqp.Table) amqp.Table {
		arguments := amqp.Table{"x-queue-type": "quorum", "x-single-active-consumer": true}
		for name, value := range more {
			arguments[name] = value
		}
		return arguments
	}
	for name, c := range map[string]struct {
		queue     string
		arguments amqp.Table
		says      string
	}{
		"classic":             {"restante.intake.0", nil, "another form"},
		"stream":              {"restante.intake.1", amqp.Table{"x-queue-type": "stream"}, "x-queue-type"},
		"many consumers":      {"restante.intake.0", amqp.Table{"x-queue-type": "quorum"}, "x-single-active-consumer"},
		"time to live":        {"restante.intake.0", quorum(amqp.Table{"x-message-ttl": 1000}), "x-message-ttl is 1000"},
		"expires":             {"restante.inbox", quorum(amqp.Table{"x-expires": 3_600_000}), "x-expires is 3600000"},
		"length":              {"restante.intake.0", quorum(amqp.Table{"x-max-length": 10}), "x-max-length is 10"},
		"bytes":               {"restante.intake.0", quorum(amqp.Table{"x-max-length-bytes": 10}), "x-max-length-bytes is 10"},
		"drop-head":           {"restante.intake.0", quorum(amqp.Table{"x-overflow": "drop-head"}), "x-overflow is drop-head"},
		"another dead-letter": {"restante.intake.0", quorum(amqp.Table{"x-dead-letter-exchange": "other"}), "x-dead-letter-exchange is other"},
		"delivery limit":      {"restante.intake.0", quorum(amqp.Table{"x-delivery-limit": 20}), "x-delivery-limit is 20"},
		"classic record":      {"restante.record", nil, "another form"},
		"classic dead":        {"restante.dead", nil, "x-queue-type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			for _, q := range []string{"restante.intake.0", "restante.intake.1"} {
				if q != c.queue {
					s.declare(q, quorum(nil))
				}
			}
			s.declare(c.queue, c.arguments)
			_, err := s.open(Config{Node: "one", Partitions: 2})
			if errs.CodeOf(err) != errs.Conflict || !contains(err, c.queue) || !contains(err, c.says) {
				t.Errorf("got %v, want class %s, %q and %q", err, errs.Conflict, c.queue, c.says)
			}
		})
	}
}

// TestKeeper_RefusesAnExchangeOfAnotherType: an exchange of our name that somebody has made otherwise.
func TestKeeper_RefusesAnExchangeOfAnotherType(t *testing.T) {
	s := newSite(t)
	s.do(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(link.MessagesExchange, "fanout", true, false, false, false, nil)
	})
	_, err := s.open(Config{Node: "one"})
	if errs.CodeOf(err) != errs.Conflict || !contains(err, link.MessagesExchange) || !contains(err, "fanout") {
		t.Errorf("got %v", err)
	}
}

// TestKeeper_ASecondStartLeavesNoErrors: a normal start on queues of this version logs nothing at the broker.
func TestKeeper_ASecondStartLeavesNoErrors(t *testing.T) {
	s := newSite(t)
	s.start(Config{Node: "one", Partitions: 2}).stop()
	broker := testkit.RabbitMQ(t).Node(0)
	before, err := broker.BrokerLog()
	if err != nil {
		t.Fatal(err)
	}
	n := s.start(Config{Node: "two"})
	s.until(2*lookEvery, says("a second look"), func() bool { return n.Check() == nil })
	n.stop()
	after, err := broker.BrokerLog()
	if err != nil {
		t.Fatal(err)
	}
	if more := after[len(before):]; count(more, "[error]") > 0 {
		t.Errorf("the broker has logged:\n%s", more)
	}
}

// TestKeeper_AVirtualHostThatIsMadeAgain: an operator deletes the virtual host under a running node, and makes it again. It has the
// same number of partitions again, although nobody says it.
func TestKeeper_AVirtualHostThatIsMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 4})
	broker, name := testkit.RabbitMQ(t), testkit.VHostName(t, s.urls[0])
	if err := broker.DeleteVHost(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := broker.VHost(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	s = at(t, s.urls)
	s.until(10*time.Second, says("the record"), func() bool {
		r, err := ReadRecord(t.Context(), s.conn)
		return err == nil && r.Partitions == 4
	})
	s.whole(10*time.Second, n.now)
	select {
	case err := <-n.Failed():
		t.Error(err)
	default:
	}
	if two := s.start(Config{Node: "two"}); two.now().Partitions != 4 {
		t.Errorf("a new node has %d partitions, want 4", two.now().Partitions)
	}
}

// TestKeeper_EndsWhenTheBrokerContradicts: a running node finds another number of partitions, and must end.
func TestKeeper_EndsWhenTheBrokerContradicts(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	if _, err := ChangeRecord(t.Context(), s.conn, func(r *Record) error {
		r.Partitions, r.Made = 3, false
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	n.Hear(n.now().Version + 1)
	select {
	case err := <-n.Failed():
		if errs.CodeOf(err) != errs.Conflict || !contains(err, "had 2 partitions and has 3") {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	n.stop()
	if three := s.start(Config{Node: "two"}); three.now().Partitions != 3 || three.now().Generation(2) != 1 {
		t.Errorf("the record is %+v", three.now())
	}
	s.whole(time.Second, func() *Record {
		r, _ := ReadRecord(t.Context(), s.conn)
		return &r
	})
}
