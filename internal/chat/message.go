// Package chat has the types of the domain: message, room, cursor and their limits. Everything else imports it; it
// imports only the standard library, a JSON library and errs.
package chat

import (
	"bytes"
	"encoding/json"
	"time"
)

// Message is one message of a room. Until it is stored, Seq and StoredAt are zero.
type Message struct {
	ID       string    // UUID in canonical lower-case form; with Room and ClientID, the idempotency key
	Room     string    // see ValidateRoom
	Seq      int64     // the number in the room: 1, 2, 3, … without gaps
	ClientID string    // the name of the sender, see ValidateName
	Msg      string    // the text, unchanged
	SentAt   time.Time // when it was accepted; UTC, microseconds
	StoredAt time.Time // when it was stored: strictly increasing within a room; UTC, microseconds

	// Trace is the W3C traceparent of the trace that the message belongs to, empty without tracing. It is neither
	// stored nor shown to clients.
	Trace string

	// Origin says which queue of the broker the message was delivered from. A store compares it, and neither stores nor
	// returns it.
	Origin Origin

	// IDTaken says that a message of another sender, with a lower number, has the same id in the room. Only the messages that a
	// store returns from an append have it: readers tell messages apart by their numbers.
	IDTaken bool

	// Epoch is the id of the store's epoch in which the message was stored or read; "" until it is stored, and in announcements
	// of earlier versions. It is not shown with the message: pages and answers name it once.
	Epoch string
}

// Passed returns what is told of a stored message to a node on which nobody reads its room.
func (m *Message) Passed() Message {
	return Message{Room: m.Room, Seq: m.Seq, ID: m.ID, Epoch: m.Epoch}
}

// Origin is a partition of the broker in one of its generations. A partition gets another generation when its queue was
// destroyed and made again, or when the store has seen a later one than the broker. A store refuses new messages of a
// generation once it has seen a later one of the partition: a consumer that still holds them stores them no more, because
// newer messages of the same rooms may be stored already. The zero value is of a broker without partitions, and is never
// refused.
type Origin struct {
	Partition  int
	Generation int64 // 1, 2, 3, …; 0 without partitions
}

// TimeFormat is the format of all times: RFC 3339 in UTC with microseconds, so that texts sort like times.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// Micros returns t as it is stored and sent: in UTC, truncated to microseconds.
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

// AppendJSON appends the message as a JSON object, in the form that every client sees. Fields that are not known yet
// are left out. It is safe for concurrent use, as long as m does not change.
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
	_ = enc.Encode(w) // encoding strings and an integer cannot fail
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

// Room is the state of a room. A room exists from its first message on; before that, all fields but the name are zero.
type Room struct {
	Name         string
	LastSeq      int64     // number of the newest message
	OldestSeq    int64     // number of the oldest message that is still kept; 0 in an empty room
	LastStoredAt time.Time // when the newest message was stored
	Epoch        Epoch     // of the store when the room was read
}
