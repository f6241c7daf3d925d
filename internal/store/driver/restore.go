package driver

import (
	"fmt"

	"restante/internal/chat"
	"restante/internal/errs"
)

// NotRestored returns the part of log that Restore has to add to a room, after it has compared the rest with the stored
// messages. room is the state of the room under its lock, and read returns up to limit of its messages after seq, whatever their size. Errors other than
// those of read are of class errs.Conflict and name the room and the number.
func NotRestored(room chat.Room, log []chat.Message, read func(seq int64, limit int) ([]chat.Message, error)) ([]chat.Message, error) {
	first := log[0].Seq
	if first < 1 || first > room.LastSeq+1 {
		return nil, conflict(room.Name, first, "follows number %d", room.LastSeq)
	}
	for i := range log {
		if m := &log[i]; m.Room != room.Name || m.Seq != first+int64(i) || i > 0 && !m.StoredAt.After(log[i-1].StoredAt) {
			return nil, conflict(room.Name, m.Seq, "is out of order in the log")
		}
	}
	known := log[:min(room.LastSeq-first+1, int64(len(log)))]
	if len(known) > 0 {
		found, err := read(first-1, len(known))
		if err != nil {
			return nil, err
		}
		if i, same := Difference(found, known); !same {
			return nil, conflict(room.Name, known[i].Seq, "is another message in the store")
		}
	}
	fresh := log[len(known):]
	if len(fresh) > 0 && room.LastSeq > 0 && !fresh[0].StoredAt.After(room.LastStoredAt) {
		return nil, conflict(room.Name, fresh[0].Seq, "was stored before the message that it follows")
	}
	return fresh, nil
}

// Difference returns the first index at which two logs differ, and whether they are the same. It compares what is stored:
// times in microseconds, no traces, origins and epochs.
func Difference(a, b []chat.Message) (int, bool) {
	for i := range min(len(a), len(b)) {
		if stored(a[i]) != stored(b[i]) {
			return i, false
		}
	}
	return min(len(a), len(b)), len(a) == len(b)
}

// stored returns m as a store returns it.
func stored(m chat.Message) chat.Message {
	m.SentAt, m.StoredAt, m.Trace, m.Origin, m.Epoch = chat.Micros(m.SentAt), chat.Micros(m.StoredAt), "", chat.Origin{}, ""
	return m
}

// DoubleID returns the error of Restore for a message whose sender has its id in the room under another number, too.
func DoubleID(m chat.Message) error {
	return conflict(m.Room, m.Seq, "has the id %s, which its sender has in the room under another number", m.ID)
}

func conflict(room string, seq int64, format string, args ...any) error {
	return &errs.Error{
		Code: errs.Conflict,
		Msg:  fmt.Sprintf("room %q: number %d ", room, seq) + fmt.Sprintf(format, args...),
	}
}
