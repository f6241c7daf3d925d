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

// announce sends the messages without waiting in between, those of a room over one sender, and then waits for all.
func announce(ctx context.Context, s *session, stored []chat.Message) (err error) {
	waiting := make([]*sent, 0, len(stored))
	for i := range stored {
		m, failed := s.senders[partition(stored[i].Room, len(s.senders))].send(ctx, announcement(stored[i]))
		if failed != nil {
			err = failed
			break
		}
		waiting = append(waiting, m)
	}
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
