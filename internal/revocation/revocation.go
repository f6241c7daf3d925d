// Package revocation knows which tokens were revoked before their end: all tokens of a client that were issued before a moment,
// or one token by its id. In the journey it stands before Accept and before every reader: package auth asks it about each client.
//
// Read revoker.go first: Revoker is the one list of a node. It reads the store, the broker's record and what the other nodes
// tell, and writes what is revoked here to all of them. list.go is the list in memory, record.go the part of it that stands in
// the broker's record, told.go what nodes tell each other.
package revocation

import (
	"strings"
	"time"
	"unicode/utf8"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Kind is what an Entry names.
type Kind string

// The kinds.
const (
	Sub Kind = "sub" // a client: its tokens that were issued before Entry.Before, and those that do not say when
	JTI Kind = "jti" // one token, by its id
)

// Key names what is revoked. A list has one entry for each.
type Key struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"` // the sub or the jti
}

// Entry is one revocation. All times are UTC.
type Entry struct {
	Key
	Before time.Time `json:"before,omitzero"` // tokens issued before this moment have ended, whole seconds; zero for JTI
	Until  time.Time `json:"until"`           // the entry may be forgotten then: every token that it ends has expired; whole seconds
	At     time.Time `json:"at"`              // when it was revoked, microseconds
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"` // the sub of the operator
}

// Limits of what is revoked.
const (
	MaxID      = 256     // bytes of a jti
	MaxReason  = 256     // bytes of a reason
	MaxEntries = 100_000 // revocations in force at a time
)

// Validate returns the fault of a request to revoke as an errs.Invalid error about the field sub, jti or reason.
func (e Entry) Validate() error {
	if e.Kind == Sub {
		if err := chat.ValidateName("sub", e.Name); err != nil {
			return err
		}
	} else if !isText(e.Name, MaxID) || e.Name == "" {
		return errs.Field("jti", "must be 1 to %d bytes of UTF-8 without control characters", MaxID)
	}
	if !isText(e.Reason, MaxReason) {
		return errs.Field("reason", "must be at most %d bytes of UTF-8 without control characters", MaxReason)
	}
	return nil
}

func isText(s string, limit int) bool {
	return len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Merge returns what holds when both entries of one key do. The moment of a client never goes back, and a token that is revoked
// again stays revoked for as long as before.
func Merge(a, b Entry) Entry {
	merged, other := a, b
	if later := b.At.After(a.At); later == (a.Kind == Sub) && !b.At.Equal(a.At) {
		merged, other = b, a
	}
	if other.Before.After(merged.Before) {
		merged.Before = other.Before
	}
	if other.Until.After(merged.Until) {
		merged.Until = other.Until
	}
	return merged
}

// Same reports whether two entries of one key end the same tokens for the same time.
func (e Entry) Same(other Entry) bool {
	return e.Before.Equal(other.Before) && e.Until.Equal(other.Until)
}

// Covers reports whether e ends every token that other does, for as long.
func (e Entry) Covers(other Entry) bool {
	return e.Key == other.Key && !e.Before.Before(other.Before) && !e.Until.Before(other.Until)
}

// Moment returns Entry.Before of what is revoked at a time. Tokens say in whole seconds when they were issued, rounded down, so
// those of the same second count as issued before.
func Moment(at time.Time) time.Time {
	return at.UTC().Truncate(time.Second).Add(time.Second)
}
