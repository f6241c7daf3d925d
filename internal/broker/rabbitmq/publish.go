package rabbitmq

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
)

// traceHeader carries the trace of a message, a W3C traceparent.
const traceHeader = "traceparent"

// Publish implements driver.Driver. The message is in a quorum queue when it returns nil. Each partition has its own
// sender: when a queue has no leader, the broker delays everything on a channel that publishes to it, for seconds.
func (d *Driver) Publish(ctx context.Context, m chat.Message) error {
	d.metrics.inFlight.Inc()
	defer d.metrics.inFlight.Dec()
	return d.publishing.Attempt(ctx, d.closing, func(ctx context.Context, s *link.Session) error {
		record, known := d.keeper.Record()
		if !known {
			return errs.Undone(d.keeper.Check())
		}
		q := link.Partition(m.Room, record.Partitions)
		generation, number := record.Generations[q], record.Generation(q)
		account := d.accounts.of(record.Partitions)[q]
		account.note(number, generation, d.node, time.Now())
		if generation.Refilling != "" {
			d.keeper.Report(link.IntakeQueue + strconv.Itoa(q))
			return link.NotSent(errRefilling)
		}
		if account.owes.Load() {
			if err := d.resend(ctx, s, q, number, account); err != nil {
				return errs.Undone(err) // of older messages
			}
		}
		if err := account.await(ctx); err != nil {
			return errs.Undone(err)
		}
		o := &link.Outgoing{
			Exchange: link.IntakeExchange, Key: topology.IntakeKey(q, number), Mandatory: true,
			Publishing: intakePublishing(&m, d.node), Stamper: account,
		}
		if err := s.Senders()[q].Publish(ctx, o); err != nil {
			return err
		}
		if !account.confirm(o, time.Now()) {
			return link.Unconfirmed(errGone)
		}
		return nil
	})
}

// accountsTick is how often the accounts are compared with the record and with what consumers have told.
const accountsTick = peer.Interval

// settle counts, until ctx is done, the messages of this node that were destroyed with a deleted queue.
func (d *Driver) settle(ctx context.Context) {
	tick := time.NewTicker(accountsTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		record, known := d.keeper.Record()
		if !known {
			continue
		}
		for q, a := range d.accounts.of(record.Partitions) {
			a.finish(max(d.cfg.Peers.FinishedOf(q, d.node), d.progress.FinishedOf(q, d.node)))
			number := record.Generation(q)
			a.note(number, record.Generations[q], d.node, time.Now())
			a.forget(time.Now())
			if a.owes.Load() {
				_ = d.publishing.Attempt(ctx, d.closing, func(ctx context.Context, s *link.Session) error {
					return d.resend(ctx, s, q, number, a)
				}) // it is tried again, here or by the next message
			}
			destroyed, exact := a.settle(time.Now())
			if destroyed == 0 {
				continue
			}
			exact = exact && !d.cfg.Peers.HasSilent(time.Now()) // it may dead-letter some of them later
			d.metrics.destroyed.Add(float64(destroyed))
			d.cfg.Log.ErrorContext(ctx, "messages destroyed with a deleted queue", slog.String("queue", link.IntakeQueue+strconv.Itoa(q)),
				slog.Int64("messages", destroyed), slog.Bool("exact", exact))
		}
	}
}

// besidesText is how many bytes an envelope has besides the text, with names of usual length.
const besidesText = 288

// intakePublishing returns an accepted message as the node sends it to Persist.
func intakePublishing(m *chat.Message, node string) amqp.Publishing {
	p := amqp.Publishing{
		ContentType:  "application/json",
		DeliveryMode: amqp.Persistent,
		MessageId:    m.ID,
		AppId:        node,
		Timestamp:    m.SentAt,
		Body:         m.AppendEnvelope(make([]byte, 0, len(m.Msg)+besidesText)),
	}
	if m.Trace != "" {
		p.Headers = amqp.Table{traceHeader: m.Trace}
	}
	return p
}
