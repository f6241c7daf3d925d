package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// scan is one walk through the queue of dead letters. Letters are delivered and not acknowledged, all over one consumer,
// so that the broker puts them back in their order when the channel is closed.
type scan struct {
	ch       *amqp.Channel
	returned chan amqp.Return // messages that the broker had no queue for
	closed   chan *amqp.Error // why the broker has closed the channel, or lost it
	left     int              // letters that are in the queue when the walk is over
}

// visit is called for each letter of a walk. An error ends the walk.
type visit func(s *scan, l *DeadLetter, delivery *amqp.Delivery) error

const (
	idle       = 2 * time.Second // without a delivery: somebody else has got the rest
	backWithin = 2 * time.Second // letters that were looked at are back in the queue
)

// scan walks through the letters that are in the queue when it begins, and returns how many these are. What the visits
// have not removed is in the queue again when it returns.
func (d *DeadLetters) scan(ctx context.Context, prefetch int, each visit) (total int, err error) {
	// Calls of the client library know no context: they fail when the connection is closed.
	stop := context.AfterFunc(ctx, func() { _ = d.conn.CloseDeadline(time.Now()) })
	defer stop()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		} else if errs.CodeOf(err) == errs.Internal {
			err = classify(err)
		}
	}()
	s, total, err := d.begin()
	if err != nil {
		return 0, err
	}
	count := min(total, maxScan)
	if count > 0 {
		if err := s.walk(ctx, count, min(prefetch, count), each); err != nil {
			return total, errors.Join(err, d.end(s))
		}
	}
	return total, d.end(s)
}

// begin opens a channel that publishes with confirms, and counts the letters.
func (d *DeadLetters) begin() (*scan, int, error) {
	ch, err := d.conn.Channel()
	if err != nil {
		return nil, 0, fmt.Errorf("open a channel: %w", err)
	}
	queue, err := ch.QueueDeclarePassive(deadQueue, true, false, false, false, nil)
	if refused, ok := errors.AsType[*amqp.Error](err); ok && refused.Code == amqp.NotFound {
		return nil, 0, errs.Wrap(errs.NotFound, err, "this virtual host has no queue %s: no node has used it yet", deadQueue)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("look at the queue %s: %w", deadQueue, err)
	}
	if err := ch.Confirm(false); err != nil {
		return nil, 0, fmt.Errorf("ask for confirms: %w", err)
	}
	return &scan{
		ch:       ch,
		returned: ch.NotifyReturn(make(chan amqp.Return, 1)), // one at a time is published
		closed:   ch.NotifyClose(make(chan *amqp.Error, 1)),
		left:     queue.Messages,
	}, queue.Messages, nil
}

// walk visits count letters. It may wait for those that somebody else has put back or has taken.
func (s *scan) walk(ctx context.Context, count, prefetch int, each visit) error {
	if err := s.ch.Qos(prefetch, 0, false); err != nil {
		return fmt.Errorf("limit deliveries: %w", err)
	}
	deliveries, err := s.ch.Consume(deadQueue, "", false, false, false, false, nil)
	if err != nil {
		return fmt.Errorf("consume from %s: %w", deadQueue, err)
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
			l := parseLetter(&delivery)
			left := s.left
			if err := each(s, &l, &delivery); err != nil {
				return err
			}
			if s.left < left {
				continue
			}
			if err := s.renew(ctx, &delivery); err != nil {
				return fmt.Errorf("renew letter %s: %w", l.ID, err)
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
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

// renew puts a letter that was looked at too often into the queue anew.
func (s *scan) renew(ctx context.Context, delivery *amqp.Delivery) error {
	if peeks, _ := delivery.Headers[headerDeliveries].(int64); peeks < maxPeeks {
		return nil
	}
	if err := s.publish(ctx, "", deadQueue, publishingOf(delivery)); err != nil {
		return err
	}
	s.left++
	return s.remove(delivery)
}

// replay publishes the message of a letter to where it died.
func (d *DeadLetters) replay(ctx context.Context, s *scan, l *DeadLetter, delivery *amqp.Delivery) error {
	p := replayPublishing(delivery)
	switch {
	case l.From == fromIntake:
		key, err := d.intakeKey(l)
		if err != nil {
			return err
		}
		return s.publish(ctx, intakeExchange, key, p)
	case l.From == fromInbox && l.direct:
		return s.publish(ctx, "", inboxQueue, p)
	case l.From == fromInbox:
		return s.publish(ctx, inboxExchange, l.key, p)
	}
	return &errs.Error{Code: errs.Conflict, Msg: "restante has not put it there, so it cannot be replayed: show it, and drop it"}
}

// intakeKey returns the routing key of the partition that a letter belongs to. There may be others than when it died.
func (d *DeadLetters) intakeKey(l *DeadLetter) (string, error) {
	if d.partitions == 0 {
		n, err := d.countPartitions()
		if err != nil {
			return "", fmt.Errorf("count partitions: %w", err)
		}
		d.partitions = n
	}
	if l.Room == "" || d.partitions == 0 {
		return l.key, nil
	}
	return strconv.Itoa(partition(l.Room, d.partitions)), nil
}

func (d *DeadLetters) countPartitions() (int, error) {
	for n := 0; ; n++ {
		ch, err := d.conn.Channel() // of its own, since the broker closes it when there is no such queue
		if err != nil {
			return 0, err
		}
		_, err = ch.QueueDeclarePassive(intakeQueue+strconv.Itoa(n), true, false, false, false, nil)
		if missing, ok := errors.AsType[*amqp.Error](err); ok && missing.Code == amqp.NotFound {
			return n, nil
		}
		if err = errors.Join(err, ch.Close()); err != nil {
			return 0, err
		}
	}
}

// publish returns nil when the broker has confirmed that a message is in a queue. An error of class errs.Conflict
// concerns this message alone.
func (s *scan) publish(ctx context.Context, exchange, key string, p amqp.Publishing) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	confirm, err := s.ch.PublishWithDeferredConfirmWithContext(ctx, exchange, key, true, false, p)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	ok, err := confirm.WaitContext(ctx)
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "the broker has not confirmed the message within %v", answerTimeout)
	}
	select {
	case r, open := <-s.returned: // it comes before the confirm
		if open {
			return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("no queue takes it (%s): is exchange %q as a node has declared it?", r.ReplyText, r.Exchange)}
		}
	default:
	}
	if !ok {
		return fmt.Errorf("the broker has not taken the message: %w", s.lost())
	}
	return nil
}

// lost returns why the channel is not there any more.
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
	case ok && refused.Code == amqp.NotFound:
		return errs.Wrap(errs.NotFound, err, "something is missing on the broker that a node declares when it starts")
	}
	return errs.Wrap(errs.Unavailable, err, "the broker has not answered as it should")
}

// end closes the channel, which puts back what is left, and waits until it is there for whoever looks next.
func (d *DeadLetters) end(s *scan) error {
	if err := s.ch.Close(); err != nil {
		return fmt.Errorf("close the channel: %w", err)
	}
	ch, err := d.conn.Channel()
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(backWithin); time.Now().Before(end); <-tick.C {
		queue, err := ch.QueueDeclarePassive(deadQueue, true, false, false, false, nil)
		if err != nil {
			return fmt.Errorf("look at the queue %s: %w", deadQueue, err)
		}
		if queue.Messages >= s.left {
			break // otherwise somebody else has some of them
		}
	}
	if err := ch.Close(); err != nil {
		return fmt.Errorf("close a channel: %w", err)
	}
	return nil
}
