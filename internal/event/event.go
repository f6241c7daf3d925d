// Package event is how messages travel between restante and other services: as CloudEvents 1.0 in AMQP messages. Persist
// announces stored messages in the form that Encode gives them and hubs read them back with Decode; what other services
// send to the inbox becomes a message by DecodeInbox, on its way to Accept. It knows no AMQP library.
package event

import (
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Wire is an AMQP message, as far as this package has to do with it.
type Wire struct {
	ID          string         // message_id
	ContentType string         // content_type
	Headers     map[string]any // the values that AMQP knows: texts, numbers, booleans, times; bytes are taken for text
	Body        []byte
	Time        time.Time // timestamp; AMQP keeps whole seconds
}

// What a stored message says of itself.
const (
	StoredType = "restante.message.stored" // CloudEvents type
	jsonType   = "application/json"
)

// The header names of the AMQP binding of CloudEvents. The first prefix is in every version of the binding; the second
// came later, for clients of JMS, and is understood in what others send.
const (
	prefix      = "cloudEvents:"
	otherPrefix = "cloudEvents_"
)

// Encode returns a stored message as a CloudEvent in binary mode. Its body is the message as every client sees it, and
// its headers are enough to select by. The caller may add headers; Encode keeps nothing of the result.
func Encode(m chat.Message) Wire {
	return Wire{
		ID:          m.ID,
		ContentType: jsonType,
		Headers: map[string]any{
			prefix + "specversion": "1.0",
			prefix + "type":        StoredType,
			prefix + "source":      "/rooms/" + m.Room,
			prefix + "id":          m.ID,
			prefix + "subject":     strconv.FormatInt(m.Seq, 10), // a text: an integer of CloudEvents has 32 bits
			prefix + "time":        m.StoredAt.UTC().Format(chat.TimeFormat),
			prefix + "room":        m.Room,
		},
		Body: m.AppendJSON(make([]byte, 0, len(m.Msg)+encodedRoom)),
		Time: m.StoredAt,
	}
}

// encodedRoom is what the JSON form of a message takes besides its text, for names of usual length.
const encodedRoom = 256

// wireMessage is a stored message as Encode has written it. A newer node may have written more.
type wireMessage struct {
	ID       string    `json:"id"`
	Room     string    `json:"room"`
	Seq      int64     `json:"seq"`
	ClientID string    `json:"client_id"`
	Msg      string    `json:"msg"`
	SentAt   time.Time `json:"sent_at"`
	StoredAt time.Time `json:"stored_at"`
}

// Decode returns the message that Encode has written; it reads the body alone. Anything else is an error of class
// errs.Invalid.
func Decode(w Wire) (chat.Message, error) {
	var b wireMessage
	if err := json.Unmarshal(w.Body, &b); err != nil {
		return chat.Message{}, errs.Wrap(errs.Invalid, err, "the body is not a stored message")
	}
	m := chat.Message{
		ID: b.ID, Room: b.Room, Seq: b.Seq, ClientID: b.ClientID, Msg: b.Msg,
		SentAt: chat.Micros(b.SentAt), StoredAt: chat.Micros(b.StoredAt),
	}
	err := m.Validate()
	if m.Seq < 1 {
		err = errors.Join(err, errs.Field("seq", "must be at least 1, is %d", m.Seq))
	}
	if m.SentAt.IsZero() || m.StoredAt.IsZero() {
		err = errors.Join(err, errs.Field("stored_at", "must be there, as sent_at must"))
	}
	if err != nil {
		return chat.Message{}, err
	}
	return m, nil
}
