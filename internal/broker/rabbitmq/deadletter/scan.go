package deadletter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// scan is one walk through the queue of dead letters. Letters are delivered and not acknowledged, all over one consumer,
// so that the broker puts them back in their order when the channel is closed.
type scan struct {
	ch       *amqp.Channel
	returned chan amqp.Return // messages that the broker had no queue for
	closed   chan *amqp.Error // why the broker has closed the channel, or lost it
	left     int              // letters that are in the queue when the walk is over
	unnamed  map[string]bool  // ids of the letters that were met and in which none is written
	renewed  map[string]bool  // ids of the letters that were published anew
}

// visit is called for each letter of a walk. An error ends the walk.
type visit func(s *scan, l *Letter, delivery *amqp.Delivery) error

const (
	idle       = 2 * time.Second // without a delivery: another reader has the rest
	backWithin = 2 * time.Second // letters that were read are back in the queue
)

// scan walks through the letters that are in the queue when it begins, and returns how many these are. What the visits
// have not removed is in the queue again when it returns.
func (q *Queue) scan(ctx context.Context, prefetch int, each visit) (total int, err error) {
	// Calls of the client library know no context: they fail when the connection is closed.
	stop := context.AfterFunc(ctx, func() { _ = q.conn.CloseDeadline(time.Now()) })
	defer stop()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		} else if errs.CodeOf(err) == errs.Internal {
			err = classify(err)
		}
	}()
	s, total, err := q.begin()
	if err != nil {
		return 0, err
	}
	count := min(total, maxScan)
	if count > 0 {
		if err := s.walk(ctx, count, min(prefetch, count), each); err != nil {
			return total, errors.Join(err, q.end(s))
		}
	}
	return total, q.end(s)
}

// begin opens a channel that publishes with confirms, and counts the letters.
func (q *Queue) begin() (*scan, int, error) {
	ch, err := q.conn.Channel()
	if err != nil {
		return nil, 0, fmt.Errorf("open a channel: %w", err)
	}
	state, err := ch.QueueDeclarePassive(link.DeadQueue, true, false, false, false, nil)
	if link.IsNotFound(err) {
		return nil, 0, errs.Wrap(errs.NotFound, err, "this virtual host has no queue %s: no node has used it yet", link.DeadQueue)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("check the queue %s: %w", link.DeadQueue, err)
	}
	if err := ch.Confirm(false); err != nil {
		return nil, 0, fmt.Errorf("ask for confirms: %w", err)
	}
	return &scan{
		ch:       ch,
		returned: ch.NotifyReturn(make(chan amqp.Return, 1)), // one at a time is published
		closed:   ch.NotifyClose(make(chan *amqp.Error, 1)),
		left:     state.Messages,
		unnamed:  map[string]bool{},
		renewed:  map[string]bool{},
	}, state.Messages, nil
}

// walk visits count letters. It waits up to idle for each, since another reader may have it.
func (s *scan) walk(ctx context.Context, count, prefetch int, each visit) error {
	if err := s.ch.Qos(prefetch, 0, false); err != nil {
		return fmt.Errorf("limit deliveries: %w", err)
	}
	deliveries, err := s.ch.Consume(link.DeadQueue, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume from %s: %w", link.DeadQueue, err)
	}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for range count {
		timer.Reset(idle)
		select {
		case delivery, ok := <-deliveries:
			if !ok {
				return s.lost()
			}
			if err := s.meet(ctx, &delivery, each); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// meet visits one letter.
func (s *scan) meet(ctx context.Context, delivery *amqp.Delivery, each visit) error {
	l := parse(delivery)
	if s.renewed[l.ID] {
		return nil // this walk has put it to the end of the queue
	}
	isTwin := !l.known && s.unnamed[l.ID]
	if isTwin {
		l.ID = uuid.Must(uuid.NewV7()).String()
	} else if !l.known {
		s.unnamed[l.ID] = true
	}
	left := s.left
	if err := each(s, &l, delivery); err != nil {
		return err
	}
	peeks, _ := delivery.Headers[link.DeliveriesHeader].(int64)
	if s.left < left || peeks < maxPeeks && !isTwin {
		return nil
	}
	if err := s.renew(ctx, delivery, &l); err != nil {
		return fmt.Errorf("renew letter %s: %w", l.ID, err)
	}
	return nil
}

// remove takes a letter out of the queue.
func (s *scan) remove(delivery *amqp.Delivery) error {
	if err := delivery.Ack(false); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	s.left--
	return nil
}

// renew publishes a letter to the queue anew: one that was read too often, or that has no id of its own although another
// letter is the same.
func (s *scan) renew(ctx context.Context, delivery *amqp.Delivery, l *Letter) error {
	if err := s.publish(ctx, "", link.DeadQueue, renewedPublishing(delivery, l)); err != nil {
		return err
	}
	s.left++
	s.renewed[l.ID] = true
	return s.remove(delivery)
}

// lost returns why the channel was closed.
func (s *scan) lost() error {
	select {
	case err, ok := <-s.closed:
		if ok {
			return err
		}
	default:
	}
	return amqp.ErrClosed
}

// classify gives an error of the client library its class.
func classify(err error) error {
	refused, ok := errors.AsType[*amqp.Error](err)
	switch {
	case ok && refused.Code == amqp.AccessRefused:
		return errs.Wrap(errs.Forbidden, err, "the user may not do that on the broker")
	case link.IsNotFound(err):
		return errs.Wrap(errs.NotFound, err, "something is missing on the broker that a node declares when it starts")
	}
	return errs.Wrap(errs.Unavailable, err, "the broker has not answered as it should")
}

// end closes the channel, which puts back what is left, and waits until the letters are in the queue for the next reader.
func (q *Queue) end(s *scan) error {
	if err := s.ch.Close(); err != nil {
		return fmt.Errorf("close the channel: %w", err)
	}
	ch, err := q.conn.Channel()
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(backWithin); time.Now().Before(end); <-tick.C {
		state, err := ch.QueueDeclarePassive(link.DeadQueue, true, false, false, false, nil)
		if err != nil {
			return fmt.Errorf("check the queue %s: %w", link.DeadQueue, err)
		}
		if state.Messages >= s.left {
			break // otherwise another reader has some of them
		}
	}
	if err := ch.Close(); err != nil {
		return fmt.Errorf("close a channel: %w", err)
	}
	return nil
}
