package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/chat"
)

// senders is how many channels a publishing connection has. A room keeps to one of them.
const senders = 4

// confirmTimeLimit is how long one attempt to publish waits for the broker. A quorum queue that has lost its leader has a
// new one long before.
const confirmTimeLimit = 5 * time.Second

// traceHeader carries the trace of a message, a W3C traceparent.
const traceHeader = "traceparent"

// Publish implements driver.Driver. The message is in a quorum queue when it returns nil.
func (d *Driver) Publish(ctx context.Context, m chat.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if isClosed(d.closing) {
		return errClosed()
	}
	d.metrics.inFlight.Inc()
	defer d.metrics.inFlight.Dec()
	return d.attempt(ctx, d.publishing, d.closing, func(ctx context.Context, s *session) error {
		q := partition(m.Room, int(d.topology.partitions.Load()))
		return publish(ctx, s, m.Room, &outgoing{
			exchange: intakeExchange, key: strconv.Itoa(q), mandatory: true, Publishing: intakePublishing(&m),
		})
	})
}

// intakePublishing returns an accepted message as it travels to Persist.
func intakePublishing(m *chat.Message) amqp.Publishing {
	p := amqp.Publishing{
		ContentType:  "application/json",
		DeliveryMode: amqp.Persistent,
		MessageId:    m.ID,
		Timestamp:    m.SentAt,
		Body:         m.AppendJSON(make([]byte, 0, len(m.Msg)+256)),
	}
	if m.Trace != "" {
		p.Headers = amqp.Table{traceHeader: m.Trace}
	}
	return p
}

// publish sends one message over the sender of its room and waits for the confirm.
func publish(ctx context.Context, s *session, room string, o *outgoing) error {
	m, err := s.senderOf(room).send(ctx, o)
	if err != nil {
		return err
	}
	return m.wait(ctx)
}

func (s *session) senderOf(room string) *sender {
	return s.senders[partition(room, len(s.senders))]
}

// attempt calls do with a session of the link, once, within the time limit of a confirm. It waits for a session. What it
// returns while the broker has an alarm, or after end is closed, is not worth trying again at once.
func (d *Driver) attempt(ctx context.Context, l *link, end <-chan struct{}, do func(context.Context, *session) error) error {
	limited, cancel := context.WithTimeout(ctx, confirmTimeLimit)
	defer cancel()
	s, err := l.session(limited)
	switch {
	case err != nil:
	case s.isBlocked():
		return errAlarm(s)
	default:
		err = do(limited, s)
	}
	switch {
	case err == nil:
		return nil
	case isClosed(end):
		return errClosed()
	case ctx.Err() != nil:
		return errors.Join(ctx.Err(), err)
	case limited.Err() != nil:
		return unconfirmed(fmt.Errorf("no answer within %v: %w", confirmTimeLimit, err))
	}
	return err
}
