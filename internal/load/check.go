package load

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"restante/internal/chat"
)

// Evidence is what was sent, stored and read in one room.
type Evidence struct {
	Sends    []Send         // every send, accepted or not
	Stored   []chat.Message // the whole log of the room, as ReadRoom returns it
	Readings []Reading      // what the readers saw; each had the time to see everything
	Foreign  bool           // the room also has messages from others, which are not among Sends
}

// Report is what Check found. Each count is a number of broken promises: all are zero if the server kept its promises.
type Report struct {
	Accepted, Stored, Readers int
	Deliveries                int64 // messages that reached readers

	Lost       int // accepted but not stored
	Duplicated int // ids of a sender stored more than once
	Gaps       int // positions at which the numbers are not 1, 2, 3, …
	Altered    int // stored with other content than sent
	Unknown    int // stored but never sent
	Unordered  int // sent after the 2xx of another message, but with a lower number
	Unclocked  int // stored_at is not later than that of the message before

	Incomplete int   // readers that did not reach the end of the log
	Missed     int64 // numbers that a reader never saw, although it saw later ones
	Repeated   int64 // numbers that a reader saw more than once
	OutOfOrder int64 // numbers that a reader saw after a higher one
	Mistaken   int   // readers that saw other ids than the log has

	Examples []string // examples of broken promises, a few of each kind
}

// Check compares what was sent and what readers saw with what is stored. These are the promises; there is no other list
// of them:
//
//   - every accepted id of a sender is stored once, with the content that was sent, and nothing else is stored;
//   - numbers are dense from 1, in the order of stored_at;
//   - a message whose sending began after the 2xx of another one has the higher number;
//   - every reader saw each number after its cursor exactly once, in order, up to the last.
func Check(e Evidence) Report {
	r := Report{Stored: len(e.Stored), Readers: len(e.Readings)}
	r.checkLog(e.Stored)
	r.checkSends(e)
	r.checkOrder(e)
	for i := range e.Readings {
		r.checkReading(i, &e.Readings[i], e.Stored)
	}
	return r
}

// merge adds the report of another room.
func (r *Report) merge(other *Report) {
	for sum, more := range map[*int]int{
		&r.Accepted: other.Accepted, &r.Stored: other.Stored, &r.Readers: other.Readers,
		&r.Lost: other.Lost, &r.Duplicated: other.Duplicated, &r.Gaps: other.Gaps, &r.Altered: other.Altered,
		&r.Unknown: other.Unknown, &r.Unordered: other.Unordered, &r.Unclocked: other.Unclocked,
		&r.Incomplete: other.Incomplete, &r.Mistaken: other.Mistaken,
	} {
		*sum += more
	}
	r.Deliveries += other.Deliveries
	r.Missed += other.Missed
	r.Repeated += other.Repeated
	r.OutOfOrder += other.OutOfOrder
	r.Examples = append(r.Examples, other.Examples...)
}

// OK reports whether every promise was kept.
func (r *Report) OK() bool { return len(r.Examples) == 0 }

// Err returns nil when every promise was kept, else an error with the counts and examples.
func (r *Report) Err() error {
	if r.OK() {
		return nil
	}
	return fmt.Errorf("%s\n  %s", r, strings.Join(r.Examples, "\n  "))
}

// String returns the counts on one line.
func (r *Report) String() string {
	return fmt.Sprintf("accepted %d, stored %d: lost %d, duplicated %d, gaps %d, altered %d, unknown %d, unordered %d, unclocked %d; "+
		"%d readers, %d deliveries: incomplete %d, missed %d, repeated %d, out of order %d, mistaken %d",
		r.Accepted, r.Stored, r.Lost, r.Duplicated, r.Gaps, r.Altered, r.Unknown, r.Unordered, r.Unclocked,
		r.Readers, r.Deliveries, r.Incomplete, r.Missed, r.Repeated, r.OutOfOrder, r.Mistaken)
}

// examplesOfAKind bounds the examples of one kind in Report.Examples.
const examplesOfAKind = 5

// broken counts a broken promise, and adds an example unless there are enough of its kind.
func (r *Report) broken(count *int, format string, args ...any) {
	if *count++; *count <= examplesOfAKind {
		r.Examples = append(r.Examples, fmt.Sprintf(format, args...))
	}
}

func (r *Report) checkLog(stored []chat.Message) {
	for i := range stored {
		m := &stored[i]
		if want := int64(i) + 1; i == 0 && m.Seq != want || i > 0 && m.Seq != stored[i-1].Seq+1 {
			r.broken(&r.Gaps, "position %d of the log has number %d", want, m.Seq)
		}
		if i > 0 && !m.StoredAt.After(stored[i-1].StoredAt) {
			r.broken(&r.Unclocked, "number %d stored at %s, the one before at %s", m.Seq,
				m.StoredAt.Format(chat.TimeFormat), stored[i-1].StoredAt.Format(chat.TimeFormat))
		}
	}
}

// identity is what a message of a room is known by: senders may use the same ids.
type identity struct{ sender, id string }

func sendsOf(e Evidence) map[identity]*Send {
	sent := make(map[identity]*Send, len(e.Sends))
	for i := range e.Sends {
		sent[identity{e.Sends[i].ClientID, e.Sends[i].ID}] = &e.Sends[i]
	}
	return sent
}

func (r *Report) checkSends(e Evidence) {
	sent := sendsOf(e)
	for i := range e.Sends {
		if !e.Sends[i].Accepted.IsZero() {
			r.Accepted++
		}
	}
	places := make(map[identity]int64, len(e.Stored))
	for i := range e.Stored {
		m := &e.Stored[i]
		key := identity{m.ClientID, m.ID}
		if first, again := places[key]; again {
			r.broken(&r.Duplicated, "id %s of %s has the numbers %d and %d", m.ID, m.ClientID, first, m.Seq)
			continue
		}
		places[key] = m.Seq
		s := sent[key]
		if s == nil {
			if !e.Foreign {
				r.broken(&r.Unknown, "number %d, id %s, was never sent", m.Seq, m.ID)
			}
			continue
		}
		if m.Room != s.Room || m.Msg != s.Text {
			r.broken(&r.Altered, "number %d, id %s: sent %.80q by %s, stored %.80q in %s", m.Seq, m.ID, s.Text, s.ClientID, m.Msg, m.Room)
		}
	}
	for i := range e.Sends {
		s := &e.Sends[i]
		if _, ok := places[identity{s.ClientID, s.ID}]; !ok && !s.Accepted.IsZero() {
			r.broken(&r.Lost, "id %s, accepted at %s after %d attempts, is not stored", s.ID, s.Accepted.Format(chat.TimeFormat), s.Attempts)
		}
	}
}

// checkOrder reads the log backwards and remembers the earliest 2xx of the messages that it has read. A message is out
// of order if its sending began after that 2xx: it has the lower number.
func (r *Report) checkOrder(e Evidence) {
	sent := sendsOf(e)
	earliest, of := time.Time{}, ""
	for _, m := range slices.Backward(e.Stored) {
		s := sent[identity{m.ClientID, m.ID}]
		if s == nil {
			continue
		}
		if of != "" && s.Begun.After(earliest) {
			r.broken(&r.Unordered, "number %d, id %s, began %v after the 2xx of id %s, which has a higher number", m.Seq, m.ID, s.Begun.Sub(earliest), of)
		}
		if !s.Accepted.IsZero() && (of == "" || s.Accepted.Before(earliest)) {
			earliest, of = s.Accepted, m.ID
		}
	}
}

func (r *Report) checkReading(n int, seen *Reading, stored []chat.Message) {
	r.Deliveries += seen.Seen
	last := seen.After
	if len(stored) > 0 {
		last = max(last, stored[len(stored)-1].Seq)
	}
	if !seen.Left && seen.Last != last {
		r.broken(&r.Incomplete, "reader %d stands at %d, the log ends with %d (%v)", n, seen.Last, last, seen.Err)
	}
	r.add(&r.Missed, seen.Lost, "reader %d never saw %d numbers before %d", n, seen.Lost, seen.Last)
	r.add(&r.Repeated, seen.Repeated, "reader %d saw %d numbers again", n, seen.Repeated)
	r.add(&r.OutOfOrder, seen.OutOfOrder, "reader %d saw %d numbers after higher ones", n, seen.OutOfOrder)
	if seen.sum == 0 || seen.Lost+seen.Repeated+seen.OutOfOrder > 0 || seen.Last > last {
		return
	}
	var sum uint64
	for i := range stored {
		if stored[i].Seq > seen.After && stored[i].Seq <= seen.Last {
			sum = chain(sum, []byte(stored[i].ID))
		}
	}
	if sum != seen.sum {
		r.broken(&r.Mistaken, "reader %d saw other ids than the log has", n)
	}
}

func (r *Report) add(total *int64, count int64, format string, args ...any) {
	if count == 0 {
		return
	}
	*total += count
	if len(r.Examples) < math.MaxInt8 {
		r.Examples = append(r.Examples, fmt.Sprintf(format, args...))
	}
}
