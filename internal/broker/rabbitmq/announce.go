package rabbitmq

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/chat"
	"restante/internal/event"
)

// announcers is how many channels the connection for announcing has. A room keeps to one of them.
const announcers = 4

// Announce implements driver.Driver. Other services hear it, too: a stored message is published as a CloudEvent under
// the routing key of its room. It returns when the broker has confirmed all of them; after an error some may have been
// announced.
func (d *Driver) Announce(ctx context.Context, stored []chat.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if isClosed(d.ended) {
		return errClosed()
	}
	return d.attempt(ctx, d.announcing, d.ended, func(ctx context.Context, s *session) error {
		return announce(ctx, s, stored)
	})
}

// announce sends the messages, those of a room over one sender, and waits for all of them: at the end, and whenever a
// window is full, since it may be full of theirs.
func announce(ctx context.Context, s *session, stored []chat.Message) error {
	waiting := make([]*sent, 0, len(stored))
	for i := range stored {
		sender, o := s.senders[partition(stored[i].Room, len(s.senders))], announcement(stored[i])
		m, err := sender.trySend(o)
		if m == nil && err == nil {
			if err = waitAll(ctx, waiting); err != nil {
				return err
			}
			waiting = waiting[:0]
			m, err = sender.send(ctx, o)
		}
		if err != nil {
			_ = waitAll(ctx, waiting) // this error says enough
			return err
		}
		waiting = append(waiting, m)
	}
	return waitAll(ctx, waiting)
}

// waitAll waits for the confirms of all messages, and returns the first error.
func waitAll(ctx context.Context, waiting []*sent) (err error) {
	for _, m := range waiting {
		if failed := m.wait(ctx); err == nil {
			err = failed
		}
	}
	return err
}

func announcement(m chat.Message) *outgoing {
	w := event.Encode(m)
	headers := amqp.Table(w.Headers)
	if m.Trace != "" {
		headers[traceHeader] = m.Trace
	}
	return &outgoing{
		exchange: messagesExchange, key: roomKey + m.Room,
		Publishing: amqp.Publishing{
			Headers: headers, ContentType: w.ContentType, DeliveryMode: amqp.Persistent, // for queues of other services
			MessageId: w.ID, Timestamp: w.Time, Body: w.Body,
		},
	}
}
