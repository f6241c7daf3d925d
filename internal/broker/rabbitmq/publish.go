package rabbitmq

import (
	"context"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/chat"
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
			return d.keeper.Check()
		}
		q := link.Partition(m.Room, record.Partitions)
		return s.Senders()[q].Publish(ctx, &link.Outgoing{
			Exchange: link.IntakeExchange, Key: topology.IntakeKey(q, record.Generation(q)), Mandatory: true,
			Publishing: intakePublishing(&m),
		})
	})
}

// besidesText is how many bytes an envelope has besides the text, with names of usual length.
const besidesText = 288

// intakePublishing returns an accepted message as it travels to Persist.
func intakePublishing(m *chat.Message) amqp.Publishing {
	p := amqp.Publishing{
		ContentType:  "application/json",
		DeliveryMode: amqp.Persistent,
		MessageId:    m.ID,
		Timestamp:    m.SentAt,
		Body:         m.AppendEnvelope(make([]byte, 0, len(m.Msg)+besidesText)),
	}
	if m.Trace != "" {
		p.Headers = amqp.Table{traceHeader: m.Trace}
	}
	return p
}
