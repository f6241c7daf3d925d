package rabbitmq

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// The names on the broker that only this package uses; link has the others. They are part of the interface: operators see
// them and other services bind to them.
const (
	messagesExchange = "restante.messages" // topic: stored messages; the routing key is roomKey and the room
	nodesExchange    = "restante.nodes"    // fanout: heartbeats
	hubQueue         = "restante.hub."     // and the node: what it hears of restante.messages
	nodesQueue       = "restante.nodes."   // and the node: what it hears of restante.nodes

	roomKey = "room."
)

// defaultPartitions is the number of queues that restante.intake gets on a new broker.
const defaultPartitions = 8

// topology is what restante needs on the broker. Every node declares it whenever it connects, since the broker may be a
// new one.
type topology struct {
	log        *slog.Logger
	wanted     int          // partitions, 0 for as many as there are
	partitions atomic.Int32 // as found, 0 until then; it does not change while the process runs
}

// ensure declares what does not exist. Errors of class errs.Conflict say what an operator must do.
func (t *topology) ensure(s *link.Session) error {
	c := &caller{s: s}
	defer c.end()
	for name, kind := range map[string]string{
		link.IntakeExchange: amqp.ExchangeDirect, link.InboxExchange: amqp.ExchangeTopic, messagesExchange: amqp.ExchangeTopic,
		link.DeadExchange: amqp.ExchangeFanout, nodesExchange: amqp.ExchangeFanout,
	} {
		if err := t.exchange(c, name, kind); err != nil {
			return err
		}
	}
	if err := t.queue(c, link.DeadQueue, false, link.DeadExchange, "#"); err != nil {
		return err
	}
	if err := t.queue(c, link.InboxQueue, true, link.InboxExchange, "#"); err != nil {
		return err
	}
	if err := t.intake(c); err != nil || !c.made {
		return err
	}
	select {
	case <-time.After(newQueuePause):
		return nil
	case <-s.Lost():
		return s.Why()
	}
}

// newQueuePause is how long queues that were just made are not used. RabbitMQ 3.10 notes on disk that a quorum queue exists
// some time after it has said so, and even after it has confirmed messages. If it is killed before that, it comes back
// with a queue that does not answer, and without those messages.
const newQueuePause = time.Second

func (t *topology) exchange(c *caller, name, kind string) error {
	err := c.do(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(name, kind, true, false, false, false, nil)
	})
	if err != nil {
		return fmt.Errorf("declare exchange %s: %w", name, err)
	}
	return nil
}

// caller makes calls over one channel, or another when an error has closed that.
type caller struct {
	s    *link.Session
	ch   *amqp.Channel
	made bool // a queue was declared that did not exist before
}

func (c *caller) do(calls func(ch *amqp.Channel) error) (err error) {
	if c.ch == nil {
		c.ch, err = c.s.Channel(calls)
	} else {
		err = c.s.Do(func() error { return calls(c.ch) })
	}
	if err != nil {
		c.ch = nil
	}
	return err
}

func (c *caller) end() {
	if c.ch != nil {
		c.s.CloseChannel(c.ch)
	}
}

// intake finds the partitions, or declares them from the last to the first, so that the first exists only when all
// exist.
func (t *topology) intake(c *caller) error {
	found, err := t.count(c)
	if err != nil {
		return err
	}
	n := found
	if n == 0 {
		n = t.wanted
	}
	if n == 0 {
		n = defaultPartitions
	}
	for q := n - 1; q >= 0; q-- {
		key := strconv.Itoa(q)
		if err := t.queue(c, link.IntakeQueue+key, true, link.IntakeExchange, key); err != nil {
			return err
		}
	}
	if found == 0 { // another node may have declared others meanwhile
		if n, err = t.count(c); err != nil {
			return err
		}
	}
	return t.adopt(n)
}

// adopt notes the number of partitions that were found, or says why it cannot be.
func (t *topology) adopt(n int) error {
	if t.wanted != 0 && n != t.wanted {
		return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker has %d partitions (queues %s0 to %d), not the %d that are asked for: leave out --partitions, or change their number as the operations manual says",
			n, link.IntakeQueue, n-1, t.wanted)}
	}
	if known := t.partitions.Swap(int32(n)); known != 0 && int(known) != n {
		t.partitions.Store(known)
		return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker had %d partitions and has %d now: restart every node", known, n)}
	}
	return nil
}

// count returns how many partitions there are.
func (t *topology) count(c *caller) (int, error) {
	for n := 0; ; n++ {
		found, err := exists(c, link.IntakeQueue+strconv.Itoa(n))
		if err != nil || !found {
			return n, err
		}
	}
}

// exists reports whether a queue exists, in whatever form.
func exists(c *caller, queue string) (bool, error) {
	err := c.do(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err
	})
	e, answered := errors.AsType[*amqp.Error](err)
	switch {
	case err == nil:
		return true, nil
	case answered && e.Code == amqp.NotFound && strings.Contains(e.Reason, "no queue"):
		return false, nil // other reasons with this code are of queues that cannot be reached now
	}
	return false, fmt.Errorf("check queue %s: %w", queue, err)
}

// queue declares a quorum queue, if it does not exist, and binds it. A queue that exists must have the arguments that the
// promises rest on; in other arguments it may differ, as after an upgrade.
func (t *topology) queue(c *caller, name string, single bool, exchange, key string) error {
	found, err := exists(c, name)
	if err != nil {
		return err
	}
	if !found || t.partitions.Load() == 0 { // one comparison is enough: the broker logs each difference
		err = c.do(func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, queueArguments(c.s, single))
			return err
		})
	}
	if e, ok := errors.AsType[*amqp.Error](err); found && ok && e.Code == amqp.PreconditionFailed && tolerable(e.Reason) {
		t.log.Debug("a queue was declared differently", slog.String("queue", name), slog.String("reason", e.Reason))
		err = nil
	}
	if err != nil {
		return fmt.Errorf("declare queue %s: %w", name, err)
	}
	c.made = c.made || !found
	err = c.do(func(ch *amqp.Channel) error { return ch.QueueBind(name, key, exchange, false, nil) })
	if err != nil {
		return fmt.Errorf("bind queue %s: %w", name, err)
	}
	return nil
}

// tolerable reports whether a queue may differ in the argument that the broker complains about.
func tolerable(reason string) bool {
	for _, argument := range [...]string{"x-queue-type", "x-single-active-consumer", "durable", "auto_delete", "exclusive"} {
		if strings.Contains(reason, "'"+argument+"'") {
			return false
		}
	}
	return true
}

// queueArguments returns the arguments of a queue that keeps messages.
func queueArguments(s *link.Session, single bool) amqp.Table {
	arguments := amqp.Table{
		amqp.QueueTypeArg:        amqp.QueueTypeQuorum,
		"x-queue-leader-locator": "balanced",
	}
	if single {
		arguments[amqp.SingleActiveConsumerArg] = true
	}
	if major(s.BrokerVersion()) >= 4 {
		// Since 4.0 there is a limit of 20. Every lost connection counts against it, for all that was delivered.
		arguments["x-delivery-limit"] = -1
	}
	return arguments
}

func major(version string) int {
	text, _, _ := strings.Cut(version, ".")
	n, _ := strconv.Atoi(text) // 0, the oldest, when it is not a number
	return n
}
