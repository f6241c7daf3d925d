package rabbitmq

import (
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// The names of restante on the broker. They are part of the interface: operators see them, other services bind to them.
const (
	intakeExchange   = "restante.intake"   // direct: accepted messages; the routing key is the partition
	intakeQueue      = "restante.intake."  // and the partition: quorum, one active consumer
	inboxExchange    = "restante.inbox"    // topic: what other services send; the routing key is the room
	inboxQueue       = "restante.inbox"    // quorum, one active consumer
	messagesExchange = "restante.messages" // topic: stored messages; the routing key is roomKey and the room
	deadExchange     = "restante.dead"     // fanout: what cannot be stored
	deadQueue        = "restante.dead"     // quorum
	nodesExchange    = "restante.nodes"    // fanout: beats
	hubQueue         = "restante.hub."     // and the node: what it hears of restante.messages
	nodesQueue       = "restante.nodes."   // and the node: what it hears of restante.nodes

	roomKey = "room."
)

// defaultPartitions is the number of queues that restante.intake gets on a new broker.
const defaultPartitions = 8

// topology is what restante needs on the broker. Every node sees to it whenever it connects, since a broker may have
// been set up anew.
type topology struct {
	log        *slog.Logger
	wanted     int          // partitions, 0 for as many as there are
	partitions atomic.Int32 // as found, 0 until then; it does not change while the process runs
}

// ensure declares what is not there. Errors of class errs.Conflict say what an operator must do.
func (t *topology) ensure(s *session) error {
	c := &caller{s: s}
	defer c.end()
	for name, kind := range map[string]string{
		intakeExchange: amqp.ExchangeDirect, inboxExchange: amqp.ExchangeTopic, messagesExchange: amqp.ExchangeTopic,
		deadExchange: amqp.ExchangeFanout, nodesExchange: amqp.ExchangeFanout,
	} {
		if err := t.exchange(c, name, kind); err != nil {
			return err
		}
	}
	if err := t.queue(c, deadQueue, false, deadExchange, "#"); err != nil {
		return err
	}
	if err := t.queue(c, inboxQueue, true, inboxExchange, "#"); err != nil {
		return err
	}
	if err := t.intake(c); err != nil || !c.made {
		return err
	}
	select {
	case <-time.After(settling):
		return nil
	case <-s.lost:
		return s.why()
	}
}

// settling is how long queues that were just made are not used. RabbitMQ 3.10 notes on disk that there is a quorum queue
// some time after it has said so, and even after it has confirmed messages; if it is killed before that, it comes back
// with a queue that does not answer, and without those messages.
const settling = time.Second

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
	s    *session
	ch   *amqp.Channel
	made bool // a queue was not there before
}

func (c *caller) do(calls func(ch *amqp.Channel) error) (err error) {
	if c.ch == nil {
		c.ch, err = c.s.channel(calls)
	} else {
		err = c.s.do(func() error { return calls(c.ch) })
	}
	if err != nil {
		c.ch = nil
	}
	return err
}

func (c *caller) end() {
	if c.ch != nil {
		c.s.closeChannel(c.ch)
	}
}

// intake finds the partitions, or declares them from the last to the first, so that there is a first one only when there
// are all.
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
		if err := t.queue(c, intakeQueue+key, true, intakeExchange, key); err != nil {
			return err
		}
	}
	if found == 0 { // another node may have declared others meanwhile
		if n, err = t.count(c); err != nil {
			return err
		}
	}
	return t.settle(n)
}

// settle takes over the number of partitions that were found.
func (t *topology) settle(n int) error {
	if t.wanted != 0 && n != t.wanted {
		return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker has %d partitions (queues %s0 to %d), not the %d that are asked for: leave out --partitions, or change their number as the operations manual says",
			n, intakeQueue, n-1, t.wanted)}
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
		there, err := exists(c, intakeQueue+strconv.Itoa(n))
		if err != nil || !there {
			return n, err
		}
	}
}

// exists reports whether a queue is there, in whatever form.
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
	return false, fmt.Errorf("look for queue %s: %w", queue, err)
}

// queue declares a quorum queue, if it is not there, and binds it. The form of one that is there is compared in what the
// promises rest on; in other arguments it may differ, as after an upgrade.
func (t *topology) queue(c *caller, name string, single bool, exchange, key string) error {
	there, err := exists(c, name)
	if err != nil {
		return err
	}
	if !there || t.partitions.Load() == 0 { // comparing it once is enough: the broker logs each difference
		err = c.do(func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(name, true, false, false, false, queueArguments(c.s, single))
			return err
		})
	}
	if e, ok := errors.AsType[*amqp.Error](err); there && ok && e.Code == amqp.PreconditionFailed && tolerable(e.Reason) {
		t.log.Debug("a queue was declared differently", slog.String("queue", name), slog.String("reason", e.Reason))
		err = nil
	}
	if err != nil {
		return fmt.Errorf("declare queue %s: %w", name, err)
	}
	c.made = c.made || !there
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
func queueArguments(s *session, single bool) amqp.Table {
	arguments := amqp.Table{
		amqp.QueueTypeArg:        amqp.QueueTypeQuorum,
		"x-queue-leader-locator": "balanced",
	}
	if single {
		arguments[amqp.SingleActiveConsumerArg] = true
	}
	if version, _ := s.conn.Properties["version"].(string); major(version) >= 4 {
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

// partition returns the partition of a room.
func partition(room string, partitions int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(room))
	return int(h.Sum32() % uint32(partitions))
}
