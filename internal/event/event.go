// Package event is how messages travel between restante and other services: as CloudEvents 1.0 in AMQP messages. Encode
// gives stored messages the form in which they are announced. DecodeInbox makes a message, for Accept, of what other
// services send to the inbox. It knows no AMQP library.
package event

import (
	"strconv"
	"strings"
	"time"

	"restante/internal/chat"
)

// Wire is the part of an AMQP message that this package reads or writes.
type Wire struct {
	ID          string         // message_id
	ContentType string         // content_type
	Headers     map[string]any // the values that AMQP knows: texts, numbers, booleans, times; bytes are read as text
	Body        []byte
	Time        time.Time // timestamp; AMQP keeps whole seconds
}

// What an announcement says of itself.
const (
	StoredType = "restante.message.stored" // CloudEvents type
	jsonType   = "application/json"
)

// The header names of the AMQP binding of CloudEvents. Every version of the binding has the first prefix. The second
// came later, for clients of JMS; it is understood in the inbox.
const (
	prefix      = "cloudEvents:"
	otherPrefix = "cloudEvents_"
)

// Encode returns a stored message as a CloudEvent in binary mode. Its body is the envelope of the message, which
// chat.ReadStored reads, and its headers are enough to select by. The id of the event is that of the message, or ID.SEQ if
// another sender's message has the same id in the room: source and id together name one event. The caller may add headers;
// Encode keeps nothing of the result.
func Encode(m chat.Message) Wire {
	seq := strconv.FormatInt(m.Seq, 10)
	id := m.ID
	if m.IDTaken {
		id += "." + seq
	}
	w := Wire{
		ID:          id,
		ContentType: jsonType,
		Headers: map[string]any{
			prefix + "specversion": "1.0",
			prefix + "type":        StoredType,
			prefix + "source":      "/rooms/" + m.Room,
			prefix + "id":          id,
			prefix + "subject":     seq, // a text: an integer of CloudEvents has 32 bits
			prefix + "time":        m.StoredAt.UTC().Format(chat.TimeFormat),
			prefix + "room":        m.Room,
		},
		Body: m.AppendEnvelope(make([]byte, 0, len(m.Msg)+besidesText)),
		Time: m.StoredAt,
	}
	if chat.IsEpoch(m.Epoch) {
		w.Headers[prefix+"epoch"] = m.Epoch
	}
	return w
}

// Passed returns what the headers of an announcement say of its message: Room, Seq, ID and Epoch. It reports false if they are
// not those of a stored message of the room. Nothing is decoded, so it is cheap.
func Passed(headers map[string]any, room string) (chat.Message, bool) {
	id, _, _ := strings.Cut(text(headers, "id"), ".") // without the number of an ID.SEQ
	m := chat.Message{ID: id, Room: room, Epoch: text(headers, "epoch")}
	seq, err := strconv.ParseInt(text(headers, "subject"), 10, 64)
	m.Seq = seq
	return m, err == nil && seq > 0 && m.ID != "" && text(headers, "type") == StoredType && text(headers, "room") == room
}

// text returns an attribute, "" if it is not there or no text.
func text(headers map[string]any, attribute string) string {
	s, _ := headers[prefix+attribute].(string)
	return s
}

// besidesText is how many bytes an envelope has besides the text, with names of usual length.
const besidesText = 288
