package topology

import (
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
)

// MaxPartitions is a bound for plausible numbers: each partition is a quorum queue, and a channel of each consumer.
const MaxPartitions = 1024

// defaultPartitions is the number of partitions of a new broker.
const defaultPartitions = 8

// exchange is an exchange that must be on the broker. All of them are durable.
type exchange struct{ name, kind string }

// queue is a queue that must be on the broker: durable, and a quorum queue.
type queue struct {
	name    string
	single  bool    // one consumer at a time is active
	letters binding // where what the broker removes goes, for whatever reason; zero: it is lost

	bindings []binding
}

// binding is how messages reach a queue.
type binding struct{ exchange, key string }

// plan is what must be on a broker of a version of RabbitMQ. It is the one place that knows names, kinds, arguments and
// bindings.
type plan struct{ version string }

func (plan) exchanges() []exchange {
	return []exchange{
		{link.DeadExchange, amqp.ExchangeFanout}, {link.QueuesExchange, amqp.ExchangeDirect},
		{link.IntakeExchange, amqp.ExchangeDirect}, {link.InboxExchange, amqp.ExchangeTopic},
		{link.MessagesExchange, amqp.ExchangeTopic}, {link.NodesExchange, amqp.ExchangeFanout},
	}
}

// recordQueue is the queue of the record and of the lock.
func (plan) recordQueue() queue {
	return queue{name: link.RecordQueue, single: true, bindings: []binding{{link.QueuesExchange, link.RecordQueue}}}
}

func (plan) deadQueue() queue {
	return queue{
		name: link.DeadQueue, letters: binding{link.QueuesExchange, link.RemovedQueue},
		bindings: []binding{{link.DeadExchange, "#"}},
	}
}

// removedQueue is the queue of the dead letters that the broker has removed from the queue of dead letters. A node counts them.
func (plan) removedQueue() queue {
	return queue{name: link.RemovedQueue, single: true, bindings: []binding{{link.QueuesExchange, link.RemovedQueue}}}
}

func (plan) inboxQueue() queue {
	return queue{name: link.InboxQueue, single: true, letters: binding{exchange: link.DeadExchange}, bindings: []binding{{link.InboxExchange, "#"}}}
}

// intakeQueue is the queue of a partition. Accepted messages reach it by the exchange of the intake, with the key of its
// generation. What a node puts back reaches it by its name.
func (plan) intakeQueue(partition int) queue {
	name := intakeName(partition)
	return queue{name: name, single: true, letters: binding{exchange: link.DeadExchange}, bindings: []binding{{link.QueuesExchange, name}}}
}

func intakeName(partition int) string { return link.IntakeQueue + strconv.Itoa(partition) }

// IntakeKey returns the routing key of a partition in one of its generations.
func IntakeKey(partition int, generation int64) string {
	key := strconv.Itoa(partition)
	if generation > 1 {
		key += "." + strconv.FormatInt(generation, 10)
	}
	return key
}

// The arguments of queues that the client library does not name.
const (
	argDeadStrategy = "x-dead-letter-strategy"
	argDeadExchange = "x-dead-letter-exchange"
	argDeadKey      = "x-dead-letter-routing-key"
	argLocator      = "x-queue-leader-locator"
	argLimit        = "x-delivery-limit"
	argDisconnected = "x-consumer-disconnected-timeout"
)

// disconnectedTimeout is how long, in milliseconds, RabbitMQ waits for a consumer whose broker node is gone, before another
// consumer takes over. Its default is a minute.
const disconnectedTimeout = 1000

// arguments returns the arguments that a new queue gets.
func (p plan) arguments(q queue) amqp.Table {
	arguments := amqp.Table{
		amqp.QueueTypeArg: amqp.QueueTypeQuorum,
		argLocator:        "balanced",
		// A queue that a policy limits refuses new messages. The default is to drop the oldest ones.
		amqp.QueueOverflowArg: amqp.QueueOverflowRejectPublish,
	}
	if q.single {
		arguments[amqp.SingleActiveConsumerArg] = true
	}
	if q.letters.exchange != "" {
		arguments[argDeadExchange] = q.letters.exchange
		arguments[argDeadStrategy] = "at-least-once"
	}
	if q.letters.key != "" {
		arguments[argDeadKey] = q.letters.key
	}
	if p.isAtLeast(4, 0) {
		// Since 4.0 there is a limit of 20. Every lost connection counts against it, for all that was delivered.
		arguments[argLimit] = -1
	}
	if p.isAtLeast(4, 3) {
		arguments[argDisconnected] = disconnectedTimeout
	}
	return arguments
}

// isAtLeast reports whether the broker has this version or a later one. A version that cannot be read is the oldest.
func (p plan) isAtLeast(major, minor int) bool {
	first, rest, _ := strings.Cut(p.version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(first)
	b, err2 := strconv.Atoi(second)
	return err == nil && err2 == nil && (a > major || a == major && b >= minor)
}
