package topology

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// What lies in link.RecordQueue has one of these types.
const (
	typeRecord = "restante.record" // the record
	typeTicket = "restante.ticket" // a message with which a node finds out that it has the lock
)

// opener is a connection. It opens channels, prepares them with calls that end when the broker has answered, and closes them.
type opener interface {
	Channel(prepare func(ch *amqp.Channel) error) (*amqp.Channel, error)
	CloseChannel(ch *amqp.Channel)
}

// lock is the lock of the record. The queue of the record is the lock: it delivers to one consumer at a time, so the node to
// which it delivers has the lock, until its consumer or its connection ends. RabbitMQ gives it to the next one then.
//
// A lock is for one goroutine.
type lock struct {
	conn       opener
	ch         *amqp.Channel
	deliveries <-chan amqp.Delivery
	closed     <-chan *amqp.Error
	returned   <-chan amqp.Return // messages that the broker had no queue for; one at a time is published
	log        *slog.Logger

	record  *Record       // as it stands on the broker, nil for none
	at      amqp.Delivery // of the record
	copied  string        // the id of a copy that replaces the record
	corrupt error         // there is a message that is no record
	junk    []uint64      // the deliveries that are none
	done    []uint64      // deliveries that are acknowledged at the end
}

const (
	// firstTicket is when a node publishes its first ticket. If there is a record, the first delivery comes before.
	firstTicket = 50 * time.Millisecond
	// wakeEvery is how often a node publishes a ticket while it waits for the lock: the one who has the lock removes tickets.
	wakeEvery = 2 * time.Second
	// attemptLimit is how long one channel waits for the lock.
	attemptLimit = 5 * time.Second
	// writeLimit is how long one change of the record may take.
	writeLimit = 10 * time.Second
)

// acquire waits for the lock until ctx is done. The caller releases it. It begins again with a new channel from time to time: on
// RabbitMQ 3.10, a channel that was opened while its queue had no leader may neither publish nor get anything.
func acquire(ctx context.Context, o opener, log *slog.Logger) (*lock, error) {
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptLimit)
		l, err := acquireOnce(attempt, o, log)
		late := attempt.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil || !late {
			return l, err
		}
	}
}

func acquireOnce(ctx context.Context, o opener, log *slog.Logger) (*lock, error) {
	l := &lock{conn: o, log: log}
	ch, err := o.Channel(func(ch *amqp.Channel) (err error) {
		l.closed = ch.NotifyClose(make(chan *amqp.Error, 1))
		l.returned = ch.NotifyReturn(make(chan amqp.Return, 1))
		if err := ch.Confirm(false); err != nil {
			return err
		}
		l.deliveries, err = ch.Consume(link.RecordQueue, "", false, false, false, false, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("consume from queue %s (needs the permission read): %w", link.RecordQueue, err)
	}
	l.ch = ch
	if err := l.take(ctx); err != nil {
		o.CloseChannel(ch)
		return nil, err
	}
	return l, nil
}

// take waits for the lock, and reads what is in the queue. The first delivery says that the lock is there. A ticket that is
// published after that is behind everything that an earlier owner has written.
func (l *lock) take(ctx context.Context) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	last := uuid.NewString()
	if err := l.publish(ctx, last, typeTicket, nil); err != nil {
		return err
	}
	if err := l.await(ctx, last); err != nil {
		return err
	}
	return l.renew(ctx)
}

// begin waits for the first delivery. It publishes tickets until it comes.
func (l *lock) begin(ctx context.Context) error {
	wake := time.NewTimer(firstTicket)
	defer wake.Stop()
	for {
		select {
		case d, ok := <-l.deliveries:
			if !ok {
				return l.lost()
			}
			l.note(d)
			return nil
		case <-wake.C:
			wake.Reset(wakeEvery)
			if err := l.publish(ctx, uuid.NewString(), typeTicket, nil); err != nil {
				return err
			}
		case <-ctx.Done():
			return errs.Wrap(errs.Unavailable, context.Cause(ctx), "another node has the lock of the broker's record, or its queue does not answer")
		}
	}
}

// await reads what is delivered, until a message with this id comes.
func (l *lock) await(ctx context.Context, id string) error {
	for {
		select {
		case d, ok := <-l.deliveries:
			if !ok {
				return l.lost()
			}
			if l.note(d); d.MessageId == id {
				return nil
			}
		case <-ctx.Done():
			return errs.Wrap(errs.Unavailable, context.Cause(ctx), "the lock of the broker's record is lost")
		}
	}
}

// note sorts a delivery: the first record of the greatest version counts.
func (l *lock) note(d amqp.Delivery) {
	if d.Type == typeTicket {
		l.done = append(l.done, d.DeliveryTag)
		return
	}
	r, err := parseRecord(d.Body)
	switch {
	case d.Type != typeRecord || err != nil:
		l.corrupt = &errs.Error{Code: errs.Conflict, Err: err, Msg: "queue " + link.RecordQueue +
			" holds a message that is not the record of this version: stop every node, remove that message, and start one node with --partitions N"}
		l.junk = append(l.junk, d.DeliveryTag)
		return
	case l.record == nil, r.Version > l.record.Version, d.MessageId == l.copied:
		if l.record != nil {
			l.done = append(l.done, l.at.DeliveryTag)
		}
		l.record, l.at = &r, d
		return
	case r.Version == l.record.Version && string(d.Body) != string(l.at.Body):
		l.log.Warn("two records of one version were on the broker, the first one counts", slog.Int64("version", r.Version))
	}
	l.done = append(l.done, d.DeliveryTag)
}

// publish sends a message to the queue, and returns when the broker has confirmed it.
func (l *lock) publish(ctx context.Context, id, kind string, body []byte) error {
	p := amqp.Publishing{Type: kind, MessageId: id, DeliveryMode: amqp.Persistent, ContentType: "application/json", Body: body}
	confirm, err := l.ch.PublishWithDeferredConfirm(link.QueuesExchange, link.RecordQueue, true, false, p)
	if err != nil {
		return fmt.Errorf("publish to exchange %s: %w", link.QueuesExchange, errors.Join(err, l.lost()))
	}
	select {
	case <-confirm.Done():
	case <-ctx.Done():
		return errs.Wrap(errs.Unavailable, context.Cause(ctx), "queue %s does not answer", link.RecordQueue)
	}
	select {
	case r, open := <-l.returned: // it comes before the confirm
		if open {
			return &amqp.Error{Code: amqp.NotFound, Reason: fmt.Sprintf("no queue for exchange %s, key %s (%s)", r.Exchange, r.RoutingKey, r.ReplyText), Server: true}
		}
	default:
	}
	if !confirm.Acked() {
		return fmt.Errorf("publish to queue %s by exchange %s (needs the permission write): %w", link.RecordQueue, link.QueuesExchange, l.lost())
	}
	return nil
}

// lost returns why the channel was closed.
func (l *lock) lost() error {
	select {
	case err, ok := <-l.closed:
		if ok {
			return err
		}
	default:
	}
	return errs.Wrap(errs.Unavailable, amqp.ErrClosed, "the lock of the broker's record is lost")
}

// write writes the record with the next version. It has succeeded when the record was delivered here again, before any
// other of the same version: then this node still has the lock.
func (l *lock) write(ctx context.Context, r Record) error {
	r.Version = 1
	if l.record != nil {
		r.Version = l.record.Version + 1
	}
	return l.put(ctx, r)
}

// put writes a record that has a version.
func (l *lock) put(ctx context.Context, r Record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the record: %w", err)
	}
	return l.send(ctx, uuid.NewString(), body)
}

// send publishes a record, and waits until it is delivered here and counts.
func (l *lock) send(ctx context.Context, id string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeLimit)
	defer cancel()
	if err := l.publish(ctx, id, typeRecord, body); err != nil {
		return err
	}
	if err := l.await(ctx, id); err != nil {
		return err
	}
	if l.at.MessageId != id {
		return &errs.Error{Code: errs.Unavailable, Msg: "another node has changed the broker's record at the same time"}
	}
	return nil
}

// renew replaces a record that was delivered before by a copy: a policy may limit how often a message is delivered.
func (l *lock) renew(ctx context.Context) error {
	if l.record == nil || !l.at.Redelivered {
		return nil
	}
	l.copied = uuid.NewString()
	return l.send(ctx, l.copied, l.at.Body)
}

// discard removes what is no record, when there is one.
func (l *lock) discard() {
	if len(l.junk) > 0 {
		l.log.Warn("what is no record was removed from the queue of the record", slog.Int("messages", len(l.junk)), slog.Any("error", l.corrupt))
	}
	l.done, l.junk = append(l.done, l.junk...), nil
}

// release removes what is no longer needed and gives the lock to the next node.
func (l *lock) release() {
	for _, tag := range l.done {
		_ = l.ch.Ack(tag, false) // it fails with the channel; the next node removes what is left
	}
	l.conn.CloseChannel(l.ch)
}
