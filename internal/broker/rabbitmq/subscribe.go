package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/event"
)

const (
	maxHeardBytes = 64 << 20 // announcements that may wait within the node; beyond it the subscription begins anew
	maxDelivered  = 1000     // announcements that are delivered at once

	bindPause = 250 * time.Millisecond // between attempts while restante.messages does not exist
	dropLog   = time.Minute            // how often dropped announcements are logged
)

// Subscribe implements driver.Driver. Each subscription has its own queue, which the broker deletes when it ends.
func (d *Driver) Subscribe(ctx context.Context, subscriber driver.Subscriber) error {
	ctx, end, ok := d.begin(ctx)
	if !ok {
		return nil
	}
	defer end()
	b := &subscription{d: d, to: subscriber, listening: driver.NewListening(subscriber)}
	defer d.subscriptions.add(b)()
	watched := background(func(watching context.Context) { b.watch(watching) })
	defer watched()
	d.hearing.Again(ctx, "hearing announcements", func(s *link.Session) error { return b.hearOn(ctx, s) })
	return nil
}

// subscription is one call of Subscribe. Two goroutines serve it: one delivers announcements (hearOn), the other one watches
// that something arrives (watch), because a broken subscription looks like that of a quiet server.
type subscription struct {
	d         *Driver
	to        driver.Subscriber
	listening *driver.Listening // of the goroutine that delivers

	calls sync.Mutex // one call of the subscriber at a time

	mu     sync.Mutex
	ears   *ears     // nil while the subscription is not established
	why    error     // why it is not, if that is known
	begun  bool      // it was established once
	heard  time.Time // when something has arrived last, as watch has seen it
	quiet  int       // looks of watch since then
	owed   int       // calls of Missed that are due
	reason string    // of these calls
	logged time.Time // when dropped announcements were last logged
}

// hearOn delivers announcements until ctx is done, for which it returns nil, or the subscription is interrupted.
func (b *subscription) hearOn(ctx context.Context, s *link.Session) error {
	e, err := b.establish(ctx, s)
	if e == nil {
		b.set(nil, err)
		return err
	}
	b.set(e, nil)
	defer func() {
		b.set(nil, err)
		e.end()
	}()
	b.missed(missedBegun)
	err = b.hear(ctx, e)
	return err
}

// establish opens a queue for announcements. While the exchange does not exist, it tries again soon: somebody makes it anew.
// It returns nil without an error when ctx is done.
func (b *subscription) establish(ctx context.Context, s *link.Session) (*ears, error) {
	name := b.d.node + "." + uuid.NewString()[:8] // the queue of a lost connection may still exist
	for attempt := 0; ; attempt++ {
		e, err := listenToAll(s, name)
		if err == nil || !link.IsNotFound(err) {
			return e, err
		}
		b.set(nil, err)
		b.d.keeper.Report("exchange " + messagesExchange)
		if attempt == 0 {
			b.d.cfg.Log.WarnContext(ctx, "announcements cannot be heard until their exchange exists again", slog.Any("error", err))
		}
		select {
		case <-time.After(bindPause):
		case <-s.Lost():
			return nil, s.Why()
		case <-ctx.Done():
			return nil, nil
		}
	}
}

// hear delivers announcements until ctx is done, for which it returns nil, or the queue cannot be heard any more.
func (b *subscription) hear(ctx context.Context, e *ears) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		select {
		case <-e.heard.arrived:
			for deliveries := e.heard.take(maxDelivered, maxHeardBytes); len(deliveries) > 0 && ctx.Err() == nil; {
				b.deliver(ctx, deliveries)
				deliveries = e.heard.take(maxDelivered, maxHeardBytes)
			}
		case <-e.dropped:
			b.noteDropped(ctx)
		case <-e.heard.full:
			return fmt.Errorf("more than %d bytes of announcements are waiting", maxHeardBytes)
		case <-e.heard.over:
			return e.why()
		case <-e.signsOver:
			return e.why()
		case <-ctx.Done():
			return nil
		}
	}
}

// noteDropped notes that the broker has dropped announcements. A second call of Missed is due a second later for those that
// it has dropped meanwhile: the broker keeps one sign at a time, and a policy of an operator may make it forget that, too.
func (b *subscription) noteDropped(ctx context.Context) {
	b.owe(2, missedDropped)
	b.mu.Lock()
	quiet := !b.logged.IsZero() && time.Since(b.logged) < dropLog
	if !quiet {
		b.logged = time.Now()
	}
	b.mu.Unlock()
	if !quiet {
		b.d.cfg.Log.WarnContext(ctx, "the broker has dropped announcements for this hub, which reads them from the store")
	}
}

// deliver reads announcements and delivers their messages. Of a room that the subscriber does not listen to it reads only the
// headers. It passes over what it cannot read: a kind or version that this version of the server does not know concerns no reader
// that it serves, but may change messages that were read before. Anything else that it cannot read may have been an announcement
// of a message. Echoes only show that something arrives.
func (b *subscription) deliver(ctx context.Context, deliveries []arrival) {
	b.listening.Begin()
	var heard hearsay
	for i := range deliveries {
		delivery := &deliveries[i].Delivery
		if strings.HasPrefix(delivery.RoutingKey, echoKey) {
			continue
		}
		room, ofRoom := strings.CutPrefix(delivery.RoutingKey, roomKey)
		if ofRoom && !b.listening.To(room) {
			if m, ok := event.Passed(delivery.Headers, room); ok {
				heard.passed = append(heard.passed, m)
				continue
			}
		}
		messages, err := chat.ReadStored(delivery.Body)
		if err != nil {
			if b.passOver(ctx, delivery, err) && ofRoom {
				heard.changed = append(heard.changed, room)
			}
			continue
		}
		trace := link.HeaderText(delivery.Headers, traceHeader)
		for j := range messages {
			messages[j].Trace = trace
			heard.add(&messages[j], b.listening.To(messages[j].Room))
		}
	}
	b.tell(heard)
}

// hearsay is what announcements that have arrived together say.
type hearsay struct {
	stored  []chat.Message
	passed  []chat.Message // see chat.Message.Passed
	changed []string       // rooms
}

func (h *hearsay) add(m *chat.Message, listens bool) {
	if listens {
		h.stored = append(h.stored, *m)
	} else {
		h.passed = append(h.passed, m.Passed())
	}
}

// tell calls the subscriber.
func (b *subscription) tell(heard hearsay) {
	b.calls.Lock()
	defer b.calls.Unlock()
	if len(heard.stored) > 0 {
		b.to.Deliver(heard.stored)
	}
	for i := range heard.passed {
		b.to.Passed(heard.passed[i])
	}
	for _, room := range heard.changed {
		b.to.Changed(room)
	}
}

// passOver counts and logs an announcement that cannot be read, the log once for several that come within a second. It reports
// whether a newer version can read it.
func (b *subscription) passOver(ctx context.Context, delivery *amqp.Delivery, err error) (newer bool) {
	d := b.d
	unknown, ok := errors.AsType[*chat.UnknownError](err)
	if !ok {
		d.metrics.undecodable.Inc()
		if b.owe(1, missedUndecodable) {
			d.cfg.Log.WarnContext(ctx, "skipped an announcement that is not restante's", slog.String("id", delivery.MessageId),
				slog.String("key", delivery.RoutingKey), slog.Any("error", err))
		}
		return false
	}
	f := unknown.Feature()
	d.metrics.passOver(f)
	if d.unknowns.isNews(f) {
		d.cfg.Log.WarnContext(ctx, "passed over announcements that this version of the server does not know",
			slog.String("feature", string(f)), slog.String("key", delivery.RoutingKey))
	}
	return true
}

// missed calls the subscriber.
func (b *subscription) missed(reason string) {
	b.d.metrics.missed.WithLabelValues(reason).Inc()
	b.calls.Lock()
	defer b.calls.Unlock()
	b.to.Missed()
}

// listen declares a queue that the broker deletes with its channel, binds it, and consumes from it without acknowledging.
// The queue keeps the newest messages, at most so many and for so long.
func listen(s *link.Session, queue, exchange, key string, most int, age time.Duration) (*amqp.Channel, *backlog, error) {
	arguments := amqp.Table{"x-max-length": most, "x-message-ttl": age.Milliseconds()}
	var deliveries <-chan amqp.Delivery
	ch, err := s.Channel(func(ch *amqp.Channel) error {
		if _, err := ch.QueueDeclare(queue, false, true, true, false, arguments); err != nil {
			return err
		}
		if err := ch.QueueBind(queue, key, exchange, false, nil); err != nil {
			return err
		}
		var err error
		deliveries, err = ch.Consume(queue, "", true, true, false, false, nil)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("listen to %s: %w", exchange, err)
	}
	return ch, gather(deliveries, maxHeardBytes), nil
}
