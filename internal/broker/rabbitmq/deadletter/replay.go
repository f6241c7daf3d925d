package deadletter

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// replay publishes the message of a letter to where it died.
func (q *Queue) replay(ctx context.Context, s *scan, l *Letter, delivery *amqp.Delivery) error {
	p := replayPublishing(delivery, l)
	switch {
	case l.From == FromIntake:
		key, err := q.intakeKey(l)
		if err != nil {
			return err
		}
		return s.publish(ctx, link.IntakeExchange, key, p)
	case l.From == FromInbox && l.direct:
		return s.publish(ctx, "", link.InboxQueue, p)
	case l.From == FromInbox:
		return s.publish(ctx, link.InboxExchange, l.key, p)
	}
	return &errs.Error{Code: errs.Conflict, Msg: "restante has not put it there, so it cannot be replayed: show it, and drop it"}
}

// intakeKey returns the routing key of the partition that a letter belongs to. There may be others than when it died.
func (q *Queue) intakeKey(l *Letter) (string, error) {
	if q.partitions == 0 {
		n, err := q.countPartitions()
		if err != nil {
			return "", fmt.Errorf("count partitions: %w", err)
		}
		q.partitions = n
	}
	if l.Room == "" || q.partitions == 0 {
		return l.key, nil
	}
	return strconv.Itoa(link.Partition(l.Room, q.partitions)), nil
}

func (q *Queue) countPartitions() (int, error) {
	for n := 0; ; n++ {
		ch, err := q.conn.Channel() // a new one, since the broker closes it when there is no such queue
		if err != nil {
			return 0, err
		}
		_, err = ch.QueueDeclarePassive(link.IntakeQueue+strconv.Itoa(n), true, false, false, false, nil)
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
