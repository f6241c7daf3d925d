package revocation

import (
	"slices"
	"time"
)

// Told is what a node tells the others about its list, in its heartbeats.
type Told struct {
	// Digest names the content of the list, "" for the empty one. Nodes with the same digest have the same list.
	Digest string `json:"digest,omitempty"`
	// Recent has what the list got in the last seconds, on whichever node it was revoked, so that it reaches nodes that have no access to
	// the store. It is cut off when there is much.
	Recent []Entry `json:"recent,omitempty"`
}

// has reports whether the node that has told this has an entry in force, given the digest of a list that has it.
func (t *Told) has(e Entry, digest string) bool {
	return t != nil && (t.Digest == digest || slices.ContainsFunc(t.Recent, func(recent Entry) bool { return recent.Covers(e) }))
}

const (
	recentFor = 10 * time.Second // how long an entry is told: some heartbeats may be lost
	maxRecent = 3 << 10          // bytes of them in a heartbeat, which has much else to tell
	maxNoted  = 64               // more than fit into maxRecent
)

// recent is what a list got lately. It is for one goroutine at a time.
type recent struct{ entries []learnt }

type learnt struct {
	entry Entry
	until time.Time // it is told so long
}

// add notes what the list got: of many the last ones, since more would not fit.
func (r *recent) add(entries []Entry, now time.Time) {
	for _, e := range entries[max(0, len(entries)-maxNoted):] {
		r.entries = append(r.entries, learnt{e, now.Add(recentFor)})
	}
	r.entries = r.entries[max(0, len(r.entries)-maxNoted):]
}

// told returns what is still told, the newest that fit.
func (r *recent) told(now time.Time) (told []Entry) {
	r.entries = slices.DeleteFunc(r.entries, func(l learnt) bool { return now.After(l.until) })
	size := 0
	for _, l := range slices.Backward(r.entries) {
		if size += encodedSize(l.entry); size > maxRecent {
			break
		}
		told = append(told, l.entry)
	}
	return told
}
