package rabbitmq

import (
	"context"
	"log/slog"
	"sync"
	"time"

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
//
// The broker refuses a message that one of its queues does not take, such as the queue of a hub whose broker node is down, or
// a full queue of another service; the other queues have it. Announce tries again for a moment and then goes on, because
// storing must not wait for a queue of somebody else. A hub notices by itself what it has missed.
func (d *Driver) Announce(ctx context.Context, stored []chat.Message) error {
	err := d.announcing.Attempt(ctx, d.ended, func(ctx context.Context, s *link.Session) error {
		return announce(ctx, s, stored)
	})
	if !link.IsRefused(err) || !d.refusals.last(time.Now()) {
		return err
	}
	d.metrics.refused.Add(float64(len(stored)))
	if d.refusals.isNews(time.Now()) {
		d.cfg.Log.WarnContext(ctx, "RabbitMQ refuses announcements, because a queue that is bound to their exchange does not take them",
			slog.String("exchange", messagesExchange), slog.String("room", stored[0].Room))
	}
	return nil
}

// refusals is since when the broker refuses announcements. Its methods may be called concurrently.
type refusals struct {
	mu            sync.Mutex
	first, latest time.Time // of refusals that follow each other within forgetRefusal
	logged        time.Time
}

const (
	// refusalLimit is how long refused announcements are tried again. A queue that has lost its leader has a new one before.
	refusalLimit = time.Second
	// forgetRefusal is after how long without a refusal the next one is tried again.
	forgetRefusal = 10 * time.Second
	// refusalLog is how often refusals are logged.
	refusalLog = time.Minute
)

// last notes a refusal, and reports whether refusals last for refusalLimit already.
func (r *refusals) last(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.latest) > forgetRefusal {
		r.first = now
	}
	r.latest = now
	return now.Sub(r.first) >= refusalLimit
}

// isNews reports whether refusals are to be logged again.
func (r *refusals) isNews(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.logged) < refusalLog {
		return false
	}
	r.logged = now
	return true
}

// announce sends the messages, those of a room over one sender, and waits for all of them: at the end, and whenever a
// window is full, since it may be full of theirs. It sends all of them even if some are refused.
func announce(ctx context.Context, s *link.Session, stored []chat.Message) (refused error) {
	senders := s.Senders()
	waiting := make([]*link.Sent, 0, len(stored))
	wait := func() error {
		err := waitAll(ctx, waiting)
		waiting = waiting[:0]
		if link.IsRefused(err) {
			refused, err = err, nil
		}
		return err
	}
	for i := range stored {
		sender, o := senders[link.Partition(stored[i].Room, len(senders))], announcement(stored[i])
		m, err := sender.TrySend(o)
		if m == nil && err == nil {
			if err = wait(); err != nil {
				return err
			}
			m, err = sender.Send(ctx, o)
		}
		if err != nil {
			_ = wait() // this error says enough
			return err
		}
		waiting = append(waiting, m)
	}
	if err := wait(); err != nil {
		return err
	}
	return refused
}

// waitAll waits for the confirms of all messages, and returns the first error. It returns a refusal only if there is no other
// error.
func waitAll(ctx context.Context, waiting []*link.Sent) (err error) {
	for _, m := range waiting {
		if failed := m.Wait(ctx); failed != nil && (err == nil || link.IsRefused(err)) {
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
