package revocation

import (
	"encoding/json"
	"slices"
	"time"
)

// MaxRecord is how many bytes of revocations the broker's record has at most.
const MaxRecord = 32 << 10

// Summary is what the broker's record says about revoked tokens, so that a node that starts while the store is away knows them.
// The zero value says that nothing is revoked.
type Summary struct {
	Entries []Entry `json:"entries,omitempty"` // sorted by kind and name
	More    bool    `json:"more,omitempty"`    // there are more than fit: only the store has all
}

// IsZero reports whether nothing is revoked.
func (s Summary) IsZero() bool { return len(s.Entries) == 0 && !s.More }

// Equal reports whether two summaries say the same.
func (s Summary) Equal(other Summary) bool {
	return s.More == other.More && slices.EqualFunc(s.Entries, other.Entries, func(a, b Entry) bool { return a.Key == b.Key && a.Same(b) })
}

// with returns the summary with entries merged into it, without those that have expired. If they do not fit into MaxRecord, it has
// the newest ones. complete says that entries are all that there are: otherwise a summary that has not all stays so.
func (s Summary) with(entries []Entry, complete bool, now time.Time) Summary {
	l := newList(func() time.Time { return now })
	l.add(s.Entries...)
	l.add(entries...)
	all := l.all()
	slices.SortStableFunc(all, func(a, b Entry) int { return b.At.Compare(a.At) })
	size, fit := 0, 0
	for ; fit < len(all); fit++ {
		if size += encodedSize(all[fit]); size > MaxRecord {
			break
		}
	}
	next := Summary{Entries: all[:fit:fit], More: fit < len(all) || s.More && !complete}
	slices.SortFunc(next.Entries, func(a, b Entry) int { return a.compare(b.Key) })
	return next
}

// encodedSize returns the bytes of an entry as JSON, with a comma.
func encodedSize(e Entry) int {
	text, err := json.Marshal(e)
	if err != nil { // a year that JSON cannot have
		return MaxRecord + 1
	}
	return len(text) + 1
}
