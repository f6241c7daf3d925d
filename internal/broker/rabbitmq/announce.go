package rabbitmq

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/event"
)

// announcers is how many channels the connection for announcing has. A room keeps to one of them.
const announcers = 4

// Announce implements driver.Driver. Other services hear it, too: a stored message is published as a CloudEvent under
// the routing key of its room. It returns when the broker has confirmed all of them; after an error some may have been
// announced.
func (d *Driver) Announce(ctx context.Context, stored []chat.Message) error {
	return d.announcing.Attempt(ctx, d.ended, func(ctx context.Context, s *link.Session) error {
		return announce(ctx, s, stored)
	})
}

// announce sends the messages, those of a room over one sender, and waits for all of them: at the end, and whenever a
// window is full, since it may be full of theirs.
func announce(ctx context.Context, s *link.Session, stored []chat.Message) error {
	senders := s.Senders()
	waiting := make([]*link.Sent, 0, len(stored))
	for i := range stored {
		sender, o := senders[link.Partition(stored[i].Room, len(senders))], announcement(stored[i])
		m, err := sender.TrySend(o)
		if m == nil && err == nil {
			if err = waitAll(ctx, waiting); err != nil {
				return err
			}
			waiting = waiting[:0]
			m, err = sender.Send(ctx, o)
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
func waitAll(ctx context.Context, waiting []*link.Sent) (err error) {
	for _, m := range waiting {
		if failed := m.Wait(ctx); err == nil {
			err = failed
		}
	}
	return err
}

func announcement(m chat.Message) *link.Outgoing {
	w := event.Encode(m)
	headers := amqp.Table(w.Headers)
	if m.Trace != "" {
		headers[traceHeader] = m.Trace
	}
	return &link.Outgoing{
		Exchange: messagesExchange, Key: roomKey + m.Room,
		Publishing: amqp.Publishing{
			Headers: headers, ContentType: w.ContentType, DeliveryMode: amqp.Persistent, // for queues of other services
			MessageId: w.ID, Timestamp: w.Time, Body: w.Body,
		},
	}
}
