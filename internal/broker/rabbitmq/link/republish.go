package link

import (
	"maps"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// The headers in which the broker says what has become of a message.
const (
	DeliveriesHeader = "x-delivery-count" // of a quorum queue: how often it has delivered the message before
	AcquiredHeader   = "x-acquired-count" // the same, since RabbitMQ 4
	DeathsHeader     = "x-death"          // how the broker has dead-lettered it: a list, the latest death first

	prefixFirstDeath = "x-first-death" // -queue, -reason, -exchange
	prefixLastDeath  = "x-last-death"  // the same, since RabbitMQ 3.13
)

// Republishing returns a delivery as it is to be published again. It leaves out the time to live, since the message is kept until
// it is handled, the user id, since the broker would compare it with our own, and what the broker has added. The body is shared
// with the delivery, the headers are not.
func Republishing(d *amqp.Delivery) amqp.Publishing {
	headers := maps.Clone(d.Headers)
	if headers == nil {
		headers = amqp.Table{}
	}
	maps.DeleteFunc(headers, func(name string, _ any) bool { return isOfBroker(name) })
	return amqp.Publishing{
		Headers:         headers,
		ContentType:     d.ContentType,
		ContentEncoding: d.ContentEncoding,
		DeliveryMode:    amqp.Persistent,
		Priority:        d.Priority,
		CorrelationId:   d.CorrelationId,
		ReplyTo:         d.ReplyTo,
		MessageId:       d.MessageId,
		Timestamp:       d.Timestamp,
		Type:            d.Type,
		AppId:           d.AppId,
		Body:            d.Body,
	}
}

// isOfBroker reports whether a header says how the broker has dead-lettered or delivered a message.
func isOfBroker(name string) bool {
	return name == DeliveriesHeader || name == AcquiredHeader || name == DeathsHeader ||
		strings.HasPrefix(name, prefixFirstDeath) || strings.HasPrefix(name, prefixLastDeath)
}
