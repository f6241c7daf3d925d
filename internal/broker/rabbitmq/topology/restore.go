package topology

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// Restore makes the deleted queue of a partition again, for the node that has deliveries of it in hand. From is the
// generation of those deliveries. Restore takes the lock, begins the next generation, makes the queue without a binding, and
// calls refill, which publishes the deliveries to link.QueuesExchange, with the name of the queue as the routing key, in
// their order and confirmed, over a channel of the session. Then it notes in the record what was received, by publishing node
// the greatest number, and binds the queue. It returns the record after that.
//
// It blocks while another node has the lock. When it fails it may be called again with the same arguments: what was published
// twice is stored once. Until it has succeeded, the keeper of this node leaves the queue to it. An error of class errs.Conflict
// is final: another node has begun a later generation, or somebody else has made the queue.
func (k *Keeper) Restore(ctx context.Context, partition int, from int64, received map[string]int64,
	refill func(context.Context, *link.Session) error,
) (Record, error) {
	k.setRestoring(partition, true)
	err := k.locked(ctx, func(ctx context.Context, s *link.Session, l *lock) error {
		return k.restore(ctx, s, l, partition, from, received, refill)
	})
	if err == nil || errs.CodeOf(err) == errs.Conflict {
		k.setRestoring(partition, false)
		k.wakeUp() // the look that finds the queue there again
	}
	r, _ := k.Record()
	if err != nil {
		return r, fmt.Errorf("restore queue %s: %w", intakeName(partition), err)
	}
	k.cfg.Log.WarnContext(ctx, "a queue was deleted and is made again, with what this node had in hand",
		"queue", intakeName(partition), "generation", strconv.FormatInt(r.Generation(partition), 10))
	return r, nil
}

// restore is Restore with the lock.
func (k *Keeper) restore(ctx context.Context, s *link.Session, l *lock, q int, from int64, received map[string]int64,
	refill func(context.Context, *link.Session) error,
) error {
	c, p := &caller{s: s}, plan{s.BrokerVersion()}
	defer c.end()
	name := intakeName(q)
	mine := l.record.Generations[q].Refilling == k.cfg.Node // an earlier attempt has failed
	if !l.record.IsPresent(q, from) && !mine {
		return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("partition %d is in generation %d already", q, l.record.Generation(q))}
	}
	_, exists, err := c.hasQueue(name)
	switch {
	case err != nil:
		return err
	case exists && !mine:
		return &errs.Error{Code: errs.Conflict, Msg: "somebody else has made the queue again"}
	}
	for _, e := range p.exchanges() {
		if err := k.makeExchange(ctx, c, e); err != nil {
			return err
		}
	}
	next := Generation{Number: l.record.Generation(q) + 1, Refilling: k.cfg.Node}
	if err := k.writeGeneration(ctx, l, q, next); err != nil {
		return err
	}
	if err := c.make(p, p.intakeQueue(q)); err != nil {
		return err
	}
	if err := pause(ctx, s); err != nil {
		return err
	}
	if err := refill(ctx, s); err != nil {
		return fmt.Errorf("put back what is in hand: %w", err)
	}
	next.Refilling, next.Received = "", merge(received, k.cfg.Finished(q))
	if err := k.writeGeneration(ctx, l, q, next); err != nil {
		return err
	}
	return bindIntake(c, p, l.record, q)
}

func (k *Keeper) writeGeneration(ctx context.Context, l *lock, q int, g Generation) error {
	r := l.record.clone()
	r.Generations[q] = g
	return k.write(ctx, l, r)
}

// merge returns the greatest number of each node.
func merge(a, b map[string]int64) map[string]int64 {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]int64{}
	}
	for node, n := range b {
		all[node] = max(all[node], n)
	}
	return all
}

// peekIdle is how long a reader waits for the next message. Another consumer may have the rest.
const peekIdle = 500 * time.Millisecond

// peek reads the messages of a queue without removing them. It returns, by publishing node, the greatest number.
func peek(ctx context.Context, s *link.Session, c *caller, queue string) (map[string]int64, error) {
	received := map[string]int64{}
	state, _, err := c.hasQueue(queue)
	if err != nil || state.Messages == 0 {
		return received, err
	}
	var deliveries <-chan amqp.Delivery
	ch, err := s.Channel(func(ch *amqp.Channel) (err error) {
		deliveries, err = ch.Consume(queue, "", false, false, false, false, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer s.CloseChannel(ch)
	idle := time.NewTimer(peekIdle)
	defer idle.Stop()
	for range state.Messages {
		idle.Reset(peekIdle)
		select {
		case d, ok := <-deliveries:
			if !ok {
				return nil, errs.Wrap(errs.Unavailable, amqp.ErrClosed, "reading queue %s was interrupted", queue)
			}
			if n, err := strconv.ParseInt(d.CorrelationId, 10, 64); err == nil && d.AppId != "" {
				received[d.AppId] = max(received[d.AppId], n)
			}
		case <-idle.C:
			return received, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return received, nil
}
