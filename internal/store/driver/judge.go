package driver

import (
	"context"

	"restante/internal/chat"
)

// Judge decides whether a database that a node has connected to still holds the log that the node knows. The driver of many
// machines asks it before it appends or reads anything: at the start, and whenever a new connection shows another fingerprint,
// another epoch or an unknown mark, or lacks the newest message that the node knows. Meanwhile all calls of the driver fail with class errs.Unavailable. Methods are called
// concurrently.
type Judge interface {
	// Judge says how to go on with a database. It blocks until the other nodes have said what they find, for some seconds at
	// most. An error says why the database must not be used; the driver shows it to its callers and asks again later.
	Judge(ctx context.Context, l Look) (Verdict, error)
	// KnowsMark reports whether a mark is the present one, as far as this node knows, or the one before. It does not block.
	KnowsMark(mark string) bool
	// Remembered returns messages of an epoch that this node has stored or delivered: the newest one of each of the rooms with the
	// newest messages, at most so many rooms, the newest first. It remembers one epoch. It does not block.
	Remembered(epoch string, most int) []Seen
	// Entered tells which epoch the driver works in from now on: at the start, and whenever another one has begun. It does not
	// block for long.
	Entered(e chat.Epoch)
}

// Look is what a database shows of itself.
type Look struct {
	Epoch       chat.Epoch // the present one
	Epochs      []string   // the ids of all, oldest first
	Fingerprint string     // of the server, the timeline and the schema that the connection has reached
	Confirmed   string     // the fingerprint that nodes have confirmed for the present epoch, "" if none has
	Mark        string     // the mark that stands in it, "" if none was written yet
	Messages    bool       // it has messages, or had some
	// Missing returns those of the messages that the database does not have: its room has no such number, or another id there. A
	// message whose number is below the room's oldest one counts as found.
	Missing func(ctx context.Context, seen []Seen) ([]Seen, error)
	// Had reports whether the database has, or once had, a mark: then a record that names it is not ahead of the database. Every
	// database once had "". It returns an error if Mark does not stand in the database any more.
	Had func(ctx context.Context, mark string) (bool, error)
}

// Seen is a message that a node has stored or delivered.
type Seen struct {
	Room string
	Seq  int64
	ID   string
}

// Verdict says how to go on with a database.
type Verdict struct {
	// End is why the present epoch ends: a sentence without a full stop. "" lets it go on.
	End string
	// Missing are messages that the database should have. A room that has grown past one of them begins the new epoch with 0,
	// because nobody knows where it was cut off.
	Missing []Seen
}
