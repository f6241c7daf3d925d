package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/chat"
	"restante/internal/errs"
)

// confirmTimeLimit is how long one attempt to publish waits for the broker. A quorum queue that has lost its leader has a
// new one long before.
const confirmTimeLimit = 5 * time.Second

// traceHeader carries the trace of a message, a W3C traceparent.
const traceHeader = "traceparent"

// Publish implements driver.Driver. The message is in a quorum queue when it returns nil. Each partition has a channel of its
// own: when a queue has no leader, the broker holds up the channel of whoever publishes to it, for seconds.
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
		return s.senders[q].publish(ctx, &outgoing{
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
		return errs.Wrap(errs.Unavailable, errors.Join(ctx.Err(), err), "the broker has not confirmed in time")
	case limited.Err() != nil:
		return unconfirmed(fmt.Errorf("no answer within %v: %w", confirmTimeLimit, err))
	}
	return err
}
