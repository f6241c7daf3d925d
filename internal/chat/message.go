// Package chat holds the words of the domain: message, room, cursor and their limits. Everything else imports it; it
// imports only the standard library and errs.
package chat

import (
	"bytes"
	"encoding/json"
	"time"
)

// Message is one message of a room. Until it is stored, Seq and StoredAt are zero.
type Message struct {
	ID       string    // UUID in canonical lower-case form; with Room, the idempotency key
	Room     string    // see ValidateRoom
	Seq      int64     // the number in the room: 1, 2, 3, … without gaps
	ClientID string    // who sent it
	Msg      string    // the text, kept exactly as sent
	SentAt   time.Time // when it was accepted; UTC, microseconds
	StoredAt time.Time // when it was stored: strictly increasing within a room; UTC, microseconds

	// Trace is the trace that the message is part of on its way, as a W3C traceparent, empty when nobody traces it. It
	// is neither stored nor shown to clients.
	Trace string
}

// TimeFormat is how times are written everywhere: RFC 3339 in UTC with microseconds, so that texts sort as times do.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// Micros returns t as it is stored and sent: UTC, cut to microseconds.
func Micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

type wireMessage struct {
	ID       string `json:"id"`
	Room     string `json:"room"`
	Seq      int64  `json:"seq,omitempty"`
	ClientID string `json:"client_id"`
	Msg      string `json:"msg"`
	SentAt   string `json:"sent_at,omitempty"`
	StoredAt string `json:"stored_at,omitempty"`
}

// AppendJSON appends the message as a JSON object, the form that every client sees. Fields that are not known yet are
// left out. It is safe for concurrent use, as long as nobody changes m.
func (m *Message) AppendJSON(dst []byte) []byte {
	w := wireMessage{ID: m.ID, Room: m.Room, Seq: m.Seq, ClientID: m.ClientID, Msg: m.Msg}
	if !m.SentAt.IsZero() {
		w.SentAt = m.SentAt.UTC().Format(TimeFormat)
	}
	if !m.StoredAt.IsZero() {
		w.StoredAt = m.StoredAt.UTC().Format(TimeFormat)
	}
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(w) // strings and an integer always encode
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
}

// MarshalJSON implements json.Marshaler.
func (m Message) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (m *Message) UnmarshalJSON(b []byte) error {
	var w struct {
		wireMessage
		SentAt   time.Time `json:"sent_at"`
		StoredAt time.Time `json:"stored_at"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*m = Message{
		ID: w.ID, Room: w.Room, Seq: w.Seq, ClientID: w.ClientID, Msg: w.Msg,
		SentAt: w.SentAt, StoredAt: w.StoredAt,
	}
	return nil
}

// Room is what is known of a room. A room comes into being with its first message; one that has none yet is all zero
// but for its name.
type Room struct {
	Name         string
	LastSeq      int64     // number of the newest message
	OldestSeq    int64     // number of the oldest message that is still kept; 0 in an empty room
	LastStoredAt time.Time // when the newest message was stored
}

// Cursor is a place in a room's log: Seq is the number of the last message that was seen, 0 at the beginning.
type Cursor struct {
	Room string
	Seq  int64
}
