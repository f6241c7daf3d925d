package topology

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// settle makes sure that there is a record, and that it is the one that this process relies on. It is called with the lock.
func (k *Keeper) settle(ctx context.Context, s *link.Session, l *lock) error {
	known, ok := k.Record()
	switch {
	case l.record == nil && !ok && l.corrupt != nil:
		return l.corrupt
	case l.record == nil && !ok:
		r, err := k.first(ctx, s)
		if err != nil {
			return err
		}
		if err := l.write(ctx, r); err != nil {
			return fmt.Errorf("write the first record: %w", err)
		}
	case l.record == nil && k.laterThan(known.Version):
		return &errs.Error{Code: errs.Unavailable, Msg: "the broker's record has vanished, and another node knows a later one than this node: waiting for that node"}
	case l.record == nil || ok && l.record.Version < known.Version && l.record.Partitions == known.Partitions:
		k.cfg.Log.WarnContext(ctx, "the record of the topology has vanished from the broker, it is written again", "version", known.Version)
		if err := l.put(ctx, known); err != nil {
			return fmt.Errorf("write the record again: %w", err)
		}
	}
	l.discard()
	return k.adopt(l.record)
}

// adopt takes over the record of the broker. It returns an error of class errs.Conflict if this process cannot.
func (k *Keeper) adopt(r *Record) error {
	known, ok := k.Record()
	switch {
	case ok && known.Partitions != r.Partitions:
		err := &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker had %d partitions and has %d now: this node must start again", known.Partitions, r.Partitions)}
		k.fail(err)
		return err
	case !ok && k.cfg.Partitions != 0 && k.cfg.Partitions != r.Partitions:
		return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker has %d partitions, not the %d that are asked for: leave out --partitions, or change their number as the operations manual says (restante broker partitions)",
			r.Partitions, k.cfg.Partitions)}
	}
	k.record.Store(r)
	k.signal()
	return nil
}

// first returns the record for a broker that has none, when this process does not know one. A broker without queues of ours
// is new. One with queues is of an earlier version, which wrote no record: then the operator must say the number.
func (k *Keeper) first(ctx context.Context, s *link.Session) (Record, error) {
	c := &caller{s: s}
	defer c.end()
	if err := k.askNodes(ctx, s, c); err != nil {
		return Record{}, err
	}
	old := false
	for _, name := range [...]string{link.DeadQueue, link.InboxQueue, intakeName(0)} {
		_, exists, err := c.hasQueue(name)
		if err != nil {
			return Record{}, err
		}
		old = old || exists
	}
	n := k.cfg.Partitions
	switch {
	case !old && n == 0:
		return Record{Partitions: defaultPartitions}, nil
	case !old:
		return Record{Partitions: n}, nil
	case n == 0:
		return Record{}, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker has queues of restante and no record of the number of partitions, as after an earlier version: start one node with --partitions N once; N is one more than the number of the last queue %sX",
			link.IntakeQueue)}
	}
	return k.fromQueues(c, n)
}

// lookBeyond is how many queues are looked for that should not be there. Some of those between may have been deleted.
const lookBeyond = 64

// fromQueues returns the record for a broker of an earlier version, on which all queues are there, or none is.
func (k *Keeper) fromQueues(c *caller, n int) (Record, error) {
	exist, missing := 0, ""
	for q := range n {
		_, exists, err := c.hasQueue(intakeName(q))
		if err != nil {
			return Record{}, err
		}
		if exists {
			exist++
		} else {
			missing = intakeName(q)
		}
	}
	for q := n; q < n+lookBeyond; q++ {
		if _, exists, err := c.hasQueue(intakeName(q)); err != nil {
			return Record{}, err
		} else if exists {
			return Record{}, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
				"the broker has a queue %s, so it has more than the %d partitions that are asked for: say the right number with --partitions",
				intakeName(q), n)}
		}
	}
	if exist > 0 && exist < n {
		return Record{}, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
			"the broker has some queues of %d partitions, but no %s: say the right number with --partitions; if the number is right and the queue was deleted, make it again as a quorum queue with x-single-active-consumer",
			n, missing)}
	}
	return Record{Partitions: n, Made: exist == n}, nil
}

// listenFor is how long a new process listens to the running nodes. Each of them sends a heartbeat twice in this time.
const listenFor = 1200 * time.Millisecond

// askNodes returns an error of class errs.Unavailable when a running node knows the record: it will write it again.
func (k *Keeper) askNodes(ctx context.Context, s *link.Session, c *caller) error {
	exists, err := c.hasExchange(exchange{link.NodesExchange, amqp.ExchangeFanout})
	if err != nil || !exists || k.cfg.HeartbeatRecord == nil {
		return err
	}
	queue := link.NodesExchange + "." + k.cfg.Node + ".ask"
	var heard <-chan amqp.Delivery
	ch, err := s.Channel(func(ch *amqp.Channel) (err error) {
		if _, err := ch.QueueDeclare(queue, false, true, true, false, nil); err != nil {
			return err
		}
		if err := ch.QueueBind(queue, "", link.NodesExchange, false, nil); err != nil {
			return err
		}
		heard, err = ch.Consume(queue, "", true, true, false, false, nil)
		return err
	})
	if err != nil {
		return fmt.Errorf("listen to %s: %w", link.NodesExchange, err)
	}
	defer s.CloseChannel(ch)
	over := time.After(listenFor)
	for {
		select {
		case d, ok := <-heard:
			if !ok {
				return errs.Wrap(errs.Unavailable, amqp.ErrClosed, "listening to the nodes was interrupted")
			}
			if k.cfg.HeartbeatRecord(d.Body) > 0 {
				return &errs.Error{Code: errs.Unavailable, Msg: "the broker's record has vanished, and running nodes know it: waiting until they have written it again"}
			}
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
