package deadletter

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
)

// The broker dead-letters messages, too, when a policy or an argument of a queue tells it to: those that waited too long,
// that a limit of the length has pushed out, or that were delivered too often. It says so in link.DeathsHeader.

// death is one entry of link.DeathsHeader.
type death struct {
	queue, reason, exchange, key string
	at                           time.Time
}

// lastDeath returns how the broker has dead-lettered a message of one of our queues, false if it was not the broker.
func lastDeath(h amqp.Table) (d death, ok bool) {
	entry := latestEntry(h)
	d.queue, d.reason, d.exchange = link.HeaderText(entry, "queue"), link.HeaderText(entry, "reason"), link.HeaderText(entry, "exchange")
	if keys, _ := entry["routing-keys"].([]any); len(keys) > 0 {
		d.key, _ = keys[0].(string)
	}
	d.at, _ = entry["time"].(time.Time)
	return d, d.from() != ""
}

// from returns FromIntake or FromInbox, "" for a queue that is not ours.
func (d *death) from() string {
	switch {
	case strings.HasPrefix(d.queue, link.IntakeQueue):
		return FromIntake
	case d.queue == link.InboxQueue:
		return FromInbox
	}
	return ""
}

// text returns why the broker has removed the message, for an operator.
func (d *death) text() string {
	why := map[string]string{
		"expired":        "it waited longer than a time to live allows, which a policy or its sender has set",
		"maxlen":         "more messages waited than a limit of the length allows, which a policy has set",
		"delivery_limit": "it was delivered more often than a limit of deliveries allows, because consumers were lost",
		"rejected":       "a consumer that is not restante's has rejected it",
	}[d.reason]
	if why == "" {
		why = d.reason
	}
	return fmt.Sprintf("RabbitMQ has removed it from %s: %s", d.queue, cutText(why, maxReason))
}

// Removal returns why the broker has removed a letter from link.DeadQueue, such as expired or maxlen, as the latest entry of
// its header x-death says, and "unknown" if it says nothing.
func Removal(letter *amqp.Delivery) string {
	return cmp.Or(link.HeaderText(latestEntry(letter.Headers), "reason"), unknownRemoval)
}

// latestEntry returns the latest entry of the header x-death, nil if there is none.
func latestEntry(h amqp.Table) amqp.Table {
	list, _ := h[link.DeathsHeader].([]any)
	if len(list) == 0 {
		return nil
	}
	entry, _ := list[0].(amqp.Table)
	return entry
}

const unknownRemoval = "unknown"
