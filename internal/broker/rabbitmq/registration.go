package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
)

// registration is a consumer on the queue of a partition, from its beginning to the end of its channel. What was delivered
// over it can only be acknowledged over it.
type registration struct {
	ch         *amqp.Channel // nil: what is handled needs no acknowledgement
	generation int64         // of the queue, as far as it is known; see learn
	since      int64         // the generation in which the queue was made: what came in between counts as of generation
	late       int64         // messages of this generation and earlier ones are of a queue that was deleted, see raise
	waiting    bool          // the log says that the generation cannot be raised yet
	learned    bool
	backlog    *backlog
	over       chan struct{} // closed when no more deliveries come
	cancelled  bool          // the broker has ended the consumer alone; valid when over is closed
	began      time.Time
	version    int       // of the members, at its beginning
	active     time.Time // when it got its first message

	handling context.Context // of its batches
	abandon  func()          // ends handling
}

// consumerTimeout is how long the broker lets a consumer keep a delivery, in milliseconds: a day. It goes before the time in
// the configuration of the server. A broker that took deliveries back one by one would change their order.
const consumerTimeout = int64(24 * time.Hour / time.Millisecond)

// abandonAfter is how long a batch may take after its queue was deleted, so that a store that does not answer does not delay
// the queue's return.
const abandonAfter = time.Second

// register makes a consumer. The error is for isMissing if there is no queue.
func (w *worker) register(ctx context.Context, s *link.Session) (*registration, error) {
	record, err := w.d.keeper.Await(ctx)
	if err != nil {
		return nil, err
	}
	// The queue is of this generation, or of a later one if this node has not heard of that yet. See learn.
	generation := record.Generation(w.q)
	if record.Generations[w.q].Refilling != "" {
		return nil, errRefilling
	}
	w.d.progress.Consuming(w.queue, w.q) // from now on there may be deliveries
	r, err := w.open(s)
	if isMissing(err) {
		w.generation = max(w.generation, generation)
	}
	if err != nil {
		return nil, err
	}
	r.generation, r.since = generation, record.Since(w.q)
	return r, nil
}

// adopt takes over what the record says of the queue, unless it is older than what is known.
func (r *registration) adopt(record *topology.Record, q int) {
	if generation := record.Generation(q); generation >= r.generation {
		r.generation, r.since = generation, record.Since(q)
	}
}

// isOf reports whether the queue was already the same one in a generation.
func (r *registration) isOf(generation int64) bool {
	return r.since <= generation && generation <= r.generation
}

// origin returns of which generation the messages of a delivery are for the store.
func (r *registration) origin(d *amqp.Delivery) int64 {
	if g, ok := generationOf(d); ok && !r.isOf(g) {
		return g
	}
	return r.generation
}

// learn finds out of which generation the queue is, before the first batch. A message that came through the exchange of the
// intake says so. One that was put into the queue directly does not, and then the record is read again: the queue is of the
// generation in it, unless it is deleted already.
func (w *worker) learn(ctx context.Context, r *registration, first *amqp.Delivery) {
	if r.learned {
		return
	}
	r.learned = true
	if g, ok := generationOf(first); ok {
		if !r.isOf(g) {
			r.generation, r.since = g, g
		}
	} else if record, ok := w.refresh(ctx); ok {
		select {
		case <-r.over:
		default:
			r.adopt(&record, w.q)
		}
	}
	w.generation = r.generation
}

// refreshLimit is how long a worker waits for the record. A broker with an alarm, or one that has lost the queue of the record,
// does not give it, and what is delivered must be stored all the same.
const refreshLimit = 2 * time.Second

// refresh returns the record on the broker, false if it cannot be read now.
func (w *worker) refresh(ctx context.Context) (topology.Record, bool) {
	ctx, cancel := context.WithTimeout(ctx, refreshLimit)
	defer cancel()
	record, err := w.d.keeper.Refresh(ctx)
	return record, err == nil
}

// generationOf returns the generation of the queue that a delivery came from, false if the delivery does not say it.
func generationOf(d *amqp.Delivery) (generation int64, ok bool) {
	if d.Exchange != link.IntakeExchange {
		return 0, false
	}
	_, text, later := strings.Cut(d.RoutingKey, ".")
	if !later {
		return 1, true
	}
	generation, err := strconv.ParseInt(text, 10, 64)
	return generation, err == nil
}

// close ends a registration. What was not acknowledged is in the queue again, if that exists.
func (w *worker) close(s *link.Session, r *registration) {
	s.CloseChannel(r.ch)
	<-r.over
	r.abandon()
}

// open makes a consumer.
func (w *worker) open(s *link.Session) (*registration, error) {
	version := w.d.balance.Claim(w.q).Version
	c, err := w.d.consumeFrom(s, w.queue, maxBatch)
	if err != nil {
		return nil, err
	}
	r := &registration{
		ch: c.ch, backlog: gather(c.deliveries, math.MaxInt), over: make(chan struct{}), began: time.Now(), version: version,
	}
	r.handling, r.abandon = context.WithCancel(w.handling)
	go func() { // ends with the channel, which the caller closes
		<-r.backlog.over
		r.cancelled = c.wasCancelled()
		close(r.over)
		if r.cancelled {
			time.AfterFunc(abandonAfter, r.abandon)
		}
	}()
	return r, nil
}

// consumer is a consumer that acknowledges what it gets.
type consumer struct {
	ch         *amqp.Channel
	deliveries <-chan amqp.Delivery // closed when the channel is closed, or the broker has cancelled the consumer
	cancels    <-chan string
}

// consumeFrom makes a consumer on a queue, to which the broker delivers so many messages ahead. The caller closes its channel.
func (d *Driver) consumeFrom(s *link.Session, queue string, ahead int) (*consumer, error) {
	cancels := make(chan string, 1)
	c := &consumer{cancels: cancels}
	var err error
	c.ch, err = s.Channel(func(ch *amqp.Channel) (err error) {
		if err := ch.Qos(ahead, 0, false); err != nil {
			return err
		}
		ch.NotifyCancel(cancels)
		c.deliveries, err = ch.Consume(queue, "restante "+d.node, false, false, false, false, amqp.Table{"x-consumer-timeout": consumerTimeout})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("consume from %s: %w", queue, err)
	}
	return c, nil
}

// wasCancelled reports whether the broker has ended the consumer alone, as it does when the queue is deleted. Call it when the
// deliveries have ended.
func (c *consumer) wasCancelled() bool {
	_, cancelled := <-c.cancels // it is closed with the channel
	return cancelled
}

// acknowledge acknowledges all deliveries up to one.
func (r *registration) acknowledge(last *amqp.Delivery) error {
	if r.ch == nil {
		return nil
	}
	if err := r.ch.Ack(last.DeliveryTag, true); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// errRefilling says that another node puts messages back into the queue, which must not be consumed meanwhile.
var errRefilling = errors.New("the queue is being refilled")

// errGone says that a queue is deleted.
var errGone = errors.New("the queue is deleted")

// isMissing reports whether an error says that a queue does not exist, or not completely yet.
func isMissing(err error) bool {
	return errors.Is(err, errRefilling) || errors.Is(err, errGone) || link.IsAbsent(err)
}

// queueExists looks for a queue, in whatever form.
func queueExists(s *link.Session, queue string) (bool, error) {
	ch, err := s.Channel(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		return err
	})
	switch {
	case err == nil:
		s.CloseChannel(ch)
		return true, nil
	case isMissing(err):
		return false, nil
	}
	return false, fmt.Errorf("look for queue %s: %w", queue, err)
}
