package deadletter

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
)

// Where a message was when it died.
const (
	FromIntake = "intake"
	FromInbox  = "inbox"
)

// A letter is the message as it was, body, properties and headers, with more headers that say what became of it. These
// are their names, besides link.LetterHeader, the id of the letter, a UUID. Only headerReplays goes with a message that is
// replayed: it comes back with the message if that dies again.
const (
	headerReason  = "restante-reason"      // why it cannot be stored
	headerFrom    = "restante-from"        // FromIntake or FromInbox
	headerDiedAt  = "restante-died-at"     // chat.TimeFormat
	headerKey     = "restante-routing-key" // under which it came
	headerDirect  = "restante-direct"      // true when it came straight to the queue, so that the key names no room
	headerReplays = "restante-replays"     // how often it was replayed, an integer
	headerOmitted = "restante-omitted"     // bytes of original headers that are too long for a frame
)

const (
	maxReason  = 1000     // bytes of headerReason
	maxHeaders = 64 << 10 // bytes of original headers: they must fit into a frame (131072 by default) together with ours
)

// New returns a letter with a message that cannot be stored, and the letter as it is to be published. Publish it and wait
// for the confirm before the message is acknowledged. The body is shared with the original.
func New(original *amqp.Delivery, why error, from string) (Letter, *link.Outgoing) {
	p := letterPublishing(original, reasonOf(why), from)
	return parse(&amqp.Delivery{MessageId: p.MessageId, Headers: p.Headers, Body: p.Body}), &link.Outgoing{
		Exchange: link.DeadExchange, Key: original.RoutingKey, Mandatory: true, Publishing: p,
	}
}

// reasonOf returns why a message cannot be stored, for an operator: with the causes, which a sender does not see.
func reasonOf(err error) string {
	var reasons []string
	for _, e := range errs.All(err) {
		reasons = append(reasons, e.Error())
	}
	return strings.Join(reasons, "; ")
}

func letterPublishing(original *amqp.Delivery, reason, from string) amqp.Publishing {
	p := link.Republishing(original)
	if size := tableSize(original.Headers); size > maxHeaders {
		p.Headers = amqp.Table{headerOmitted: int64(size)}
	}
	p.Headers[link.LetterHeader] = uuid.Must(uuid.NewV7()).String()
	p.Headers[headerReason] = cutText(reason, maxReason)
	p.Headers[headerFrom] = from
	p.Headers[headerDiedAt] = time.Now().UTC().Format(chat.TimeFormat)
	p.Headers[headerKey] = original.RoutingKey
	if original.Exchange == "" {
		p.Headers[headerDirect] = true
	}
	return p
}

// replayPublishing returns the message that a letter holds, to be published under the letter's routing key to where it
// died. A message without an id gets the letter's, so that it is the same message if it is replayed twice.
func replayPublishing(letter *amqp.Delivery, e *Letter) amqp.Publishing {
	p := link.Republishing(letter)
	for _, name := range [...]string{link.LetterHeader, headerReason, headerFrom, headerDiedAt, headerKey, headerDirect, headerOmitted} {
		delete(p.Headers, name)
	}
	p.Headers[headerReplays] = e.Replays + 1
	p.MessageId = cmp.Or(p.MessageId, e.ID)
	return p
}

// renewedPublishing returns a letter as it is to be published to the queue of dead letters anew. One without an id gets that
// of e, and one of the broker says in our headers what the broker's have said.
func renewedPublishing(letter *amqp.Delivery, e *Letter) amqp.Publishing {
	p := link.Republishing(letter)
	if link.HeaderText(p.Headers, link.LetterHeader) != "" {
		return p
	}
	p.Headers[link.LetterHeader] = e.ID
	if e.From != "" {
		p.Headers[headerReason], p.Headers[headerFrom], p.Headers[headerKey], p.Headers[headerDirect] = e.Reason, e.From, e.key, e.direct
		p.Headers[headerDiedAt] = e.DiedAt.UTC().Format(chat.TimeFormat)
	}
	return p
}

// IsReplay reports whether the headers of a message say that a letter with it was replayed.
func IsReplay(headers amqp.Table) bool {
	n, _ := headers[headerReplays].(int64)
	return n > 0
}

// Letter is what is known of a message that could not be stored.
type Letter struct {
	ID        string    `json:"id"`               // of the letter; two letters with the same message have two
	MessageID string    `json:"message_id"`       // of the message; "" when it has none that could be read
	Room      string    `json:"room"`             // "" when it could not be read
	ClientID  string    `json:"client_id"`        // "" when it could not be read
	Reason    string    `json:"reason"`           // why it cannot be stored
	From      string    `json:"from"`             // "intake", "inbox", or "" for a message that another program has put there
	DiedAt    time.Time `json:"died_at,omitzero"` // zero for a message that another program has put there
	Replays   int64     `json:"replays"`          // how often it was replayed before
	Size      int       `json:"size"`             // of the body, in bytes

	key    string // the routing key under which it came
	direct bool   // it came straight to the queue
	known  bool   // the id is written in the letter
}

// parse reads a letter, of a node or of the broker. One of another program has fewer fields: any user of the broker may put
// messages into the queue.
func parse(d *amqp.Delivery) Letter {
	e := Letter{
		ID:        link.HeaderText(d.Headers, link.LetterHeader),
		MessageID: d.MessageId,
		Reason:    link.HeaderText(d.Headers, headerReason),
		From:      link.HeaderText(d.Headers, headerFrom),
		Size:      len(d.Body),
		key:       link.HeaderText(d.Headers, headerKey),
	}
	e.DiedAt, _ = time.Parse(chat.TimeFormat, link.HeaderText(d.Headers, headerDiedAt))
	e.Replays, _ = d.Headers[headerReplays].(int64)
	e.direct, _ = d.Headers[headerDirect].(bool)
	if e.known = e.ID != ""; !e.known {
		how, ofBroker := lastDeath(d.Headers)
		if ofBroker {
			e.Reason, e.From, e.DiedAt = how.text(), how.from(), how.at
			e.key, e.direct = how.key, how.exchange == ""
		}
		e.ID = idOf(d, &how)
	}
	if m, ok := firstMessage(d.Body); ok {
		e.MessageID, e.Room, e.ClientID = cmp.Or(m.ID, e.MessageID), m.Room, m.ClientID
	}
	if e.MessageID == "" {
		e.MessageID = link.HeaderText(d.Headers, "cloudEvents:id")
	}
	if e.ClientID == "" {
		e.ClientID = link.HeaderText(d.Headers, "cloudEvents:clientid")
	}
	if e.From == FromInbox && e.Room == "" && !e.direct {
		e.Room = e.key
	}
	return e
}

// idOf returns the id of a letter in which none is written: always the same for it. Messages of a node have numbers, so that
// the same message in two letters makes two ids.
func idOf(d *amqp.Delivery, how *death) string {
	about := []any{d.MessageId, d.AppId, d.CorrelationId, how.queue, how.reason, how.exchange, how.key, how.at.Unix()}
	return uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%q %s", about, d.Body)).String()
}

// firstMessage returns what can be read of the first message in a body: an envelope of the intake, of whatever kind or
// version, or the plain form of the inbox.
func firstMessage(body []byte) (m chat.Message, ok bool) {
	if m.UnmarshalJSON(body) == nil {
		return m, true
	}
	var list []chat.Message
	if json.Unmarshal(body, &list) != nil || len(list) == 0 {
		return chat.Message{}, false
	}
	return list[0], true
}

// cutText returns at most limit bytes of a text, as UTF-8.
func cutText(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// tableSize returns about how many bytes a value of a header takes on the wire.
func tableSize(value any) int {
	const scalar = 9 // the kind and the longest number
	switch v := value.(type) {
	case amqp.Table:
		size := scalar
		for name, field := range v {
			size += 1 + len(name) + tableSize(field)
		}
		return size
	case []any:
		size := scalar
		for _, field := range v {
			size += tableSize(field)
		}
		return size
	case string:
		return scalar + len(v)
	case []byte:
		return scalar + len(v)
	}
	return scalar
}
