package chat

import (
	"cmp"
	"strconv"
	"strings"

	"restante/internal/errs"
)

// Now as the number of a cursor means from the next message on.
const Now int64 = -1

// Cursor is a position in a room's log, as a client names it.
type Cursor struct {
	Room string
	Seq  int64 // the number of the last message that was seen; 0 at the beginning; Now
	// Epoch is the id of the epoch that the number is of. "" says that the client names none: then the cursor is of the present
	// epoch, or of the store's first one if the server wrote it (Written).
	Epoch   string
	Written bool // it is the id of an event
}

const maxEpoch = 64 // bytes

// ParseEventID reads the id of an event, which a client sends back to go on after it: SEQ[.REV][;EPOCH]. REV is the number of a
// change; this version of the server has no changes and ignores it. Errors name the field.
func ParseEventID(field, text string) (Cursor, error) {
	number, epoch, named := strings.Cut(text, ";")
	seq, rev, changes := strings.Cut(number, ".")
	c := Cursor{Epoch: epoch, Written: true}
	var err error
	if c.Seq, err = ParseSeq(field, seq); err == nil && changes {
		_, err = ParseSeq(field, rev)
	}
	if err != nil || named && !IsEpoch(epoch) {
		return c, errs.Field(field, "must be the id of an event, SEQ[.REV][;EPOCH], or the number of a message")
	}
	return c, nil
}

// ParseSeq reads the number of a message, or 0. Errors name the field.
func ParseSeq(field, text string) (int64, error) {
	seq, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seq < 0 || text[0] == '+' || text[0] == '-' {
		return 0, errs.Field(field, "must be the number of a message, or 0")
	}
	return seq, nil
}

// IsEpoch reports whether a text may be the id of an epoch.
func IsEpoch(id string) bool {
	if id == "" || len(id) > maxEpoch {
		return false
	}
	for i := range len(id) {
		c := id[i] | 0x20
		if (c < 'a' || c > 'z') && (id[i] < '0' || id[i] > '9') {
			return false
		}
	}
	return true
}

// AppendEventID appends the id of the event of a message: its number, and the epoch unless that is the store's first one.
func AppendEventID(dst []byte, seq int64, e Epoch) []byte {
	dst = strconv.AppendInt(dst, seq, 10)
	if e.First {
		return dst
	}
	return append(append(dst, ';'), e.ID...)
}

// Reason says why a reader does not go on where its cursor is. Reasons are part of the API.
type Reason string

// The reasons of a Reset.
const (
	ReasonEpoch Reason = "epoch" // the cursor is of another epoch: its number may stand for another message now
	ReasonFloor Reason = "floor" // the next messages after the cursor have been removed
)

// Reset tells a reader that it does not go on where its cursor is, and where it goes on.
type Reset struct {
	Room    string `json:"room"`
	Reason  Reason `json:"reason"`
	Epoch   string `json:"epoch"`          // the present one
	LastSeq int64  `json:"last_seq"`       // of the room
	After   int64  `json:"after"`          // reading goes on after this number
	FromSeq int64  `json:"from,omitempty"` // with ReasonFloor: the messages from this number to After have been removed
}

// Resume returns the number after which a reader with cursor c goes on, in a room that is as the store knows it. It returns a
// Reset that the reader must be told if it cannot go on where it is, nil otherwise. beginning is called for a cursor of another
// epoch only: it returns the least number with which the room began an epoch after the given one ("": the store's first one),
// or any epoch if the store does not know the given one. A number beyond the room's last one is an error that names the field
// after; other errors are those of beginning.
func Resume(known Room, c Cursor, beginning func(epoch string) (int64, error)) (after int64, reset *Reset, err error) {
	if c.Seq == Now {
		return known.LastSeq, nil, nil
	}
	after = c.Seq
	if c.isOf(known.Epoch) {
		if c.Seq < 0 || c.Seq > known.LastSeq {
			return 0, nil, errs.Field("after", "must be from 0 to the number of the newest message, %d, is %d", known.LastSeq, c.Seq)
		}
	} else {
		begun, err := beginning(c.Epoch)
		if err != nil {
			return 0, nil, err
		}
		after = min(c.Seq, begun, known.LastSeq)
		reset = &Reset{Reason: ReasonEpoch}
	}
	if oldest := known.Oldest(); after+1 < oldest {
		if reset == nil {
			reset = &Reset{Reason: ReasonFloor, FromSeq: after + 1}
		}
		after = oldest - 1
	}
	if reset != nil {
		reset.Room, reset.Epoch, reset.LastSeq, reset.After = known.Name, known.Epoch.ID, known.LastSeq, after
	}
	return after, reset, nil
}

// isOf reports whether the cursor is of the present epoch.
func (c Cursor) isOf(present Epoch) bool {
	if c.Epoch == "" && c.Written {
		return present.First
	}
	return cmp.Or(c.Epoch, present.ID) == present.ID
}

// Oldest returns the number of the oldest message that is or will be kept: after the last one in a room whose messages have all
// been removed.
func (r Room) Oldest() int64 {
	if r.OldestSeq == 0 {
		return r.LastSeq + 1
	}
	return r.OldestSeq
}
