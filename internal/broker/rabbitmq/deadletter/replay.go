package deadletter

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/errs"
)

// replay publishes the message of a letter to where it died.
func (q *Queue) replay(ctx context.Context, s *scan, l *Letter, delivery *amqp.Delivery) error {
	p := replayPublishing(delivery, l)
	switch {
	case l.From == FromIntake:
		queue, err := q.intakeQueue(ctx, l)
		if err != nil {
			return err
		}
		return s.publish(ctx, link.QueuesExchange, queue, p)
	case l.From == FromInbox && l.direct:
		return s.publish(ctx, "", link.InboxQueue, p)
	case l.From == FromInbox:
		return s.publish(ctx, link.InboxExchange, l.key, p)
	}
	return &errs.Error{Code: errs.Conflict, Msg: "restante has not put it there, so it cannot be replayed: show it, and drop it"}
}

// intakeQueue returns the queue of the partition that a letter belongs to. There may be others than when it died.
func (q *Queue) intakeQueue(ctx context.Context, l *Letter) (string, error) {
	if l.Room == "" && strings.HasPrefix(l.key, link.IntakeQueue) {
		return l.key, nil // it had come by the name of the queue
	}
	if l.Room == "" {
		partition, _, _ := strings.Cut(l.key, ".")
		return link.IntakeQueue + partition, nil
	}
	if q.partitions == 0 {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		record, err := topology.ReadRecord(ctx, q.conn)
		if err != nil {
			return "", fmt.Errorf("read the number of partitions: %w", err)
		}
		q.partitions = record.Partitions
	}
	return link.IntakeQueue + strconv.Itoa(link.Partition(l.Room, q.partitions)), nil
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
