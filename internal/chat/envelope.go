package chat

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"restante/internal/errs"
)

// Kind is the kind of an entry in a room's log.
type Kind string

// KindMessage is a message. An entry without a kind is a message too: versions before the envelope wrote no kind.
const KindMessage Kind = "message"

// envelopeVersion is the version of the envelope that this version of the server writes, and the newest that it reads.
const envelopeVersion = 1

// AppendEnvelope appends the message in the form that nodes and other services exchange: the JSON object that clients
// see, preceded by the members v (the version of the envelope), kind, and epoch if the message has one. It is safe for
// concurrent use, as long as m does not change.
func (m *Message) AppendEnvelope(dst []byte) []byte {
	dst = append(dst, `{"v":1,"kind":"message"`...)
	if IsEpoch(m.Epoch) {
		dst = append(append(append(dst, `,"epoch":"`...), m.Epoch...), '"')
	}
	object := len(dst)
	dst = m.AppendJSON(dst)
	dst[object] = ',' // replaces the object's opening brace
	return dst
}

// UnknownError is the error of an envelope whose version or kind this version of the server does not know. A newer
// version wrote it, or a foreign program. Its class is errs.Unavailable, because another node may be able to read it.
type UnknownError struct {
	Version int
	Kind    Kind
}

// Error says which feature is unknown.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("this version of the server does not know %s", e.Feature())
}

// Feature returns the feature that a node needs to read the envelope.
func (e *UnknownError) Feature() Feature {
	if e.Version > envelopeVersion {
		return Feature(fmt.Sprintf("envelope:%d", e.Version))
	}
	return OfKind(e.Kind)
}

// entry is one entry of an envelope.
type entry struct {
	V        int       `json:"v"`
	Kind     Kind      `json:"kind"`
	Epoch    string    `json:"epoch"`
	ID       string    `json:"id"`
	Room     string    `json:"room"`
	Seq      int64     `json:"seq"`
	ClientID string    `json:"client_id"`
	Msg      string    `json:"msg"`
	SentAt   time.Time `json:"sent_at"`
	StoredAt time.Time `json:"stored_at"`
}

// ReadAccepted reads the accepted messages of an envelope, which holds one entry or a list of entries. It checks only
// what a store needs, and no names, so that a message that any version has accepted is never refused later. It ignores
// unknown members, and drops numbers, epochs and times of storage. If the body is not an envelope of accepted messages the
// error has the class errs.Invalid. If another version may be able to read it, the error is an UnknownError of class
// errs.Unavailable.
func ReadAccepted(body []byte) ([]Message, error) {
	return readEnvelope(body, func(m *Message) error {
		m.Seq, m.StoredAt, m.Epoch = 0, time.Time{}, ""
		return nil
	})
}

// ReadStored reads the stored messages of an envelope, as ReadAccepted reads accepted ones. Each must have its number
// and its time of storage. A message of a version before epochs has no epoch.
func ReadStored(body []byte) ([]Message, error) {
	return readEnvelope(body, func(m *Message) error {
		var missing error
		if m.Seq < 1 {
			missing = errs.Field("seq", "must be at least 1, is %d", m.Seq)
		}
		if m.StoredAt.IsZero() {
			missing = errors.Join(missing, errs.Field("stored_at", "is missing"))
		}
		return missing
	})
}

// readEnvelope reads every entry, and calls finish for the message of each.
func readEnvelope(body []byte, finish func(*Message) error) ([]Message, error) {
	entries, err := readEntries(body)
	if err != nil {
		return nil, err
	}
	messages := make([]Message, len(entries))
	for i := range entries {
		var err error
		messages[i], err = entries[i].message()
		if err := errors.Join(err, finish(&messages[i])); err != nil {
			return nil, err
		}
	}
	return messages, nil
}

func readEntries(body []byte) ([]entry, error) {
	entries, err := decode[entry](body)
	if err != nil {
		// A newer version may have changed the type of a member. Then its version or kind, which are read alone, give
		// the error.
		if unknown := unknownIn(body); unknown != nil {
			return nil, unknown
		}
		return nil, errs.Wrap(errs.Invalid, err, "the body is not an envelope of messages")
	}
	if len(entries) == 0 {
		return nil, errs.Field("body", "is a list without entries")
	}
	for i := range entries {
		if err := known(entries[i].V, entries[i].Kind); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// decode decodes a JSON object or a list of them.
func decode[T any](body []byte) ([]T, error) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte{'['}) {
		return decodeList[T](body)
	}
	one := make([]T, 1)
	return one, json.Unmarshal(body, &one[0])
}

// decodeList is a function so that a single object, the usual case, costs no allocation more.
func decodeList[T any](body []byte) (list []T, err error) {
	err = json.Unmarshal(body, &list)
	return list, err
}

// unknownIn returns the error of the first entry whose version or kind is unknown, or nil if all are known.
func unknownIn(body []byte) error {
	type head struct {
		V    int  `json:"v"`
		Kind Kind `json:"kind"`
	}
	heads, err := decode[head](body)
	for i := 0; err == nil && i < len(heads); i++ {
		err = known(heads[i].V, heads[i].Kind)
	}
	if _, unknown := errors.AsType[*UnknownError](err); unknown {
		return err
	}
	return nil
}

// maxKind is the largest length of a kind's name, in bytes. Names of kinds appear in logs and in reasons.
const maxKind = 64

// known returns nil if this version of the server can read an entry of the given version and kind. An absent version or
// kind is the first one.
func known(v int, k Kind) error {
	switch {
	case v < 0:
		return errs.Field("v", "must be the version of an envelope, is %d", v)
	case len(k) > maxKind:
		return errs.Field("kind", "must be at most %d bytes long, is %d", maxKind, len(k))
	case v > envelopeVersion, k != "" && !Knows(OfKind(k)):
		return errs.Wrap(errs.Unavailable, &UnknownError{v, k}, "the message is of a newer version of the server")
	}
	return nil
}

// message returns the message of an entry. The trace is left out: it is sent beside the envelope.
func (e *entry) message() (Message, error) {
	m := Message{
		ID: e.ID, Room: e.Room, Seq: e.Seq, ClientID: e.ClientID, Msg: e.Msg,
		SentAt: Micros(e.SentAt), StoredAt: Micros(e.StoredAt), Epoch: e.Epoch,
	}
	err := validateID(m.ID)
	if e.Epoch != "" && !IsEpoch(e.Epoch) {
		err = errors.Join(err, errs.Field("epoch", "must be the id of an epoch"))
	}
	if m.Room == "" {
		err = errors.Join(err, errs.Field("room", "is missing"))
	}
	if e.SentAt.IsZero() {
		err = errors.Join(err, errs.Field("sent_at", "is missing"))
	}
	return m, err
}
