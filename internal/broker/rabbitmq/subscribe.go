package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
)

const (
	maxHeard      = 10_000   // announcements that may wait for a node at the broker; older ones are dropped then
	maxHeardBytes = 64 << 20 // and within the node, in bytes; beyond it the subscription begins anew
	maxDelivered  = 1000     // announcements that are delivered at once
)

// Subscribe implements driver.Driver. Each subscription has its own queue, which the broker deletes when it ends.
func (d *Driver) Subscribe(ctx context.Context, subscriber driver.Subscriber) error {
	ctx, end, ok := d.begin(ctx)
	if !ok {
		return nil
	}
	defer end()
	d.hearing.Again(ctx, "hearing announcements", func(s *link.Session) error { return d.hearOn(ctx, s, subscriber) })
	return nil
}

// hearOn delivers announcements until ctx is done, for which it returns nil, or the subscription is interrupted.
func (d *Driver) hearOn(ctx context.Context, s *link.Session, subscriber driver.Subscriber) error {
	name := hubQueue + d.node + "." + uuid.NewString()[:8] // the queue of a lost connection may still exist
	ch, heard, err := listen(s, name, messagesExchange, roomKey+"#", maxHeard, 0)
	if err != nil {
		return err
	}
	d.hears.Store(true)
	defer func() {
		d.hears.Store(false)
		s.CloseChannel(ch)
		<-heard.over
	}()
	subscriber.Missed()
	for {
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		select {
		case <-heard.arrived:
			for deliveries := heard.take(maxDelivered, maxHeardBytes); len(deliveries) > 0 && ctx.Err() == nil; {
				d.deliver(ctx, deliveries, subscriber)
				deliveries = heard.take(maxDelivered, maxHeardBytes)
			}
		case <-heard.full:
			return fmt.Errorf("more than %d bytes of announcements are waiting", maxHeardBytes)
		case <-heard.over:
			return errInterrupted
		case <-ctx.Done():
			return nil
		}
	}
}

// CheckHearing returns nil while the driver hears what is announced, and otherwise why it does not.
func (d *Driver) CheckHearing() error {
	if d.hears.Load() {
		return nil
	}
	if _, err := d.hearing.Current(); err != nil {
		return err
	}
	return &errs.Error{Code: errs.Unavailable, Msg: "this node does not hear yet what is stored"}
}

// deliver reads announcements and delivers their messages. It passes over what it cannot read: a kind or version that this
// version of the server does not know concerns no reader that it serves, and what other programs publish here is garbage.
func (d *Driver) deliver(ctx context.Context, deliveries []arrival, subscriber driver.Subscriber) {
	stored := make([]chat.Message, 0, len(deliveries))
	for i := range deliveries {
		delivery := &deliveries[i].Delivery
		messages, err := chat.ReadStored(delivery.Body)
		if err != nil {
			d.passOver(ctx, delivery, err)
			continue
		}
		trace := link.HeaderText(delivery.Headers, traceHeader)
		for j := range messages {
			messages[j].Trace = trace
		}
		stored = append(stored, messages...)
	}
	if len(stored) > 0 {
		subscriber.Deliver(stored)
	}
}

// passOver counts and logs an announcement that cannot be read.
func (d *Driver) passOver(ctx context.Context, delivery *amqp.Delivery, err error) {
	unknown, ok := errors.AsType[*chat.UnknownError](err)
	if !ok {
		d.metrics.undecodable.Inc()
		d.cfg.Log.WarnContext(ctx, "skipped an announcement that is not restante's", slog.String("id", delivery.MessageId),
			slog.String("key", delivery.RoutingKey), slog.Any("error", err))
		return
	}
	f := unknown.Feature()
	d.metrics.passOver(f)
	if d.unknowns.isNews(f) {
		d.cfg.Log.WarnContext(ctx, "passed over announcements that this version of the server does not know",
			slog.String("feature", string(f)), slog.String("key", delivery.RoutingKey))
	}
}

// listen declares a queue that the broker deletes with its channel, binds it, and consumes from it without acknowledging.
// The queue keeps the newest messages, at most so many and for so long; age 0 is without limit.
func listen(s *link.Session, queue, exchange, key string, most int, age time.Duration) (*amqp.Channel, *backlog, error) {
	arguments := amqp.Table{"x-max-length": most}
	if age > 0 {
		arguments["x-message-ttl"] = age.Milliseconds()
	}
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
