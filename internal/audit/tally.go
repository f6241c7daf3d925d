package audit

import (
	"net/netip"
	"time"

	"restante/internal/remote"
)

// The bounds of the log. Events with the same name, outcome, reason and owner are of one kind. The owner is the client, or
// the network of the address when the client is not known.
const (
	window     = time.Minute
	perKind    = 10   // lines of one kind in a window; the others are counted, and the count is a line at the window's end
	fromKnown  = 6000 // lines in a window for events of known clients and users, and as many kinds
	fromOthers = 600  // the same for events of everybody else
)

// kind is what events have in common that are counted together.
type kind struct {
	what    What
	outcome Outcome
	reason  string
	owner   string // "" beyond the bounds: all the owners for which there was no line left
}

type count struct {
	lines int   // that were written
	more  int   // events beyond them
	last  Event // of those
}

// tally decides which events get a line of their own. It is not safe for concurrent use.
type tally struct {
	kinds         map[kind]*count
	known, others int // lines that are left in this window
}

func newTally() *tally {
	return &tally{kinds: map[kind]*count{}, known: fromKnown, others: fromOthers}
}

// take reports whether the event gets a line; otherwise it is counted.
func (t *tally) take(e Event) bool {
	owner, left := e.Who+e.User, &t.known
	if owner == "" {
		owner, left = remote.Network(e.From).String(), &t.others
	}
	key := kind{e.What, e.Outcome, e.Reason, owner}
	c := t.kinds[key]
	if c == nil {
		if *left == 0 {
			key.owner = ""
			e.Who, e.User, e.TokenID, e.From, e.Room, e.Subject, e.RequestID = "", "", "", netip.Addr{}, "", "", ""
			if c = t.kinds[key]; c == nil {
				c = &count{lines: perKind}
				t.kinds[key] = c
			}
		} else {
			c = &count{}
			t.kinds[key] = c
		}
	}
	if c.lines < perKind && *left > 0 {
		c.lines++
		*left--
		return true
	}
	c.more++
	c.last = e
	return false
}

// rest returns an event for each kind that had more events than lines, with their number, and begins a new window.
func (t *tally) rest() []repeated {
	var all []repeated
	for _, c := range t.kinds {
		if c.more > 0 {
			e := c.last
			e.RequestID, e.TokenID = "", ""
			all = append(all, repeated{e, c.more})
		}
	}
	*t = *newTally()
	return all
}

// repeated is an event and how many like it had no line of their own.
type repeated struct {
	Event
	more int
}
