// Package driver is the contract between the concrete store.Store and the databases behind it. The suite in
// store/drivertest is its specification: it tests every sentence of the contract. What both drivers need is here, too:
// their common settings, the rules for migrations and switches, the comparison of logs.
package driver

import (
	"context"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/revocation"
)

// Driver keeps the rooms' logs in one database. All methods may be called concurrently and block until the database has
// answered or ctx is done. Errors are classified (errs.CodeOf): Invalid for a message that this database can never hold,
// Unavailable for a database that cannot do it now (full, read-only, locked, disconnected), Conflict as Restore says,
// Internal for what should not happen, such as corruption. A cancelled call returns the context's error.
//
// A driver does not check the names of rooms and senders, nor texts: it stores whatever some version has accepted.
type Driver interface {
	// Append stores a batch in one transaction and returns when that is on stable storage. It stores all of the batch, or
	// nothing when it returns an error (after a lost connection: nothing or all; appending again is always safe). Under
	// the lock of each room it drops the messages whose (Room, ClientID, ID) is stored already, also within the batch, and gives
	// the others the next numbers of their room in batch order, without gaps, and a StoredAt of now in microseconds, or
	// one microsecond after the room's newest if the clock is not past that. A dropped message is a repeat if its Msg is that of
	// the stored one, otherwise a conflict, see Appended; neither makes the batch fail. It neither changes batch nor reads it after
	// it has returned, even when ctx ended first; then the commit in flight may still take place.
	//
	// A batch with a message that is not stored yet, and whose Origin has a lower generation than one that was appended for
	// its partition before, is refused as chat.Destroyed says; a batch of repeats never is. A higher generation is noted in the
	// same transaction, whether or not its messages are repeats. Of two concurrent batches of one partition, the one of the
	// lower generation is before the other in every room that both have, or refused. All this holds for each message of a
	// batch with several origins. A database of one machine has no partitions: its driver ignores origins. Messages are
	// returned without an Origin.
	Append(ctx context.Context, batch []chat.Message) (Appended, error)

	// Restore stores messages with the numbers and times that another store gave them, in one transaction: log is of one
	// room, ascending without gaps, and follows the room's last message. Messages up to that one must equal the stored
	// ones and are skipped, so that a log that was restored in part can be given again. Anything else is an error of class
	// Conflict, and then nothing is stored: another message under a number or the same id under two, a gap, a StoredAt
	// that does not rise. Append continues after the last restored message.
	Restore(ctx context.Context, log []chat.Message) error

	// RestoreRoom creates a room whose messages up to r.LastSeq have been removed, so that Restore and Append go on after that
	// number. It uses Name, LastSeq and LastStoredAt. It changes nothing in a room that is like that or has later messages; a
	// room that ends before r.LastSeq is an error of class Conflict.
	RestoreRoom(ctx context.Context, r chat.Room) error

	// After returns up to limit messages of the room with Seq > seq, ascending, and no more of them than fit into
	// chat.MaxPageBytes of text, but at least one. The database reads and sends no more than that. An unknown room has none, and
	// a limit below 1 returns none; the same holds for Before and Rooms. Every call that begins after an Append has returned
	// sees its messages, and no call ever sees a message without those before it. Messages have their Epoch.
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)

	// Before returns the up to limit newest messages of the room with Seq < seq, ascending, bounded in bytes like After.
	Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)

	// Page returns the page that holds the message seq, ascending, or without it when it does not exist: then the messages of the
	// block that are before it may be returned, or those that follow. Pages have the same borders for every reader: the numbers
	// are cut into blocks of PageMessages, and each block into pages of PageBytes of text, see PageOf. The last page of a room
	// grows. The database reads and sends no text of other pages.
	Page(ctx context.Context, room string, seq int64) ([]chat.Message, error)

	// SeqAt returns the greatest Seq of the room whose StoredAt is not later than t, or 0: the cursor for "since t".
	SeqAt(ctx context.Context, room string, t time.Time) (int64, error)

	// Room returns what is known of one room: zero but for the name and the epoch when it has no messages.
	Room(ctx context.Context, name string) (chat.Room, error)

	// Rooms returns up to limit rooms whose name sorts after one text and before another ("": there is no end), bytewise and
	// ascending. The database reads no other rooms, however many there are.
	Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error)

	// RoomsNamed returns those rooms of the given names that exist, each once, ascending by name (bytewise). The database looks each
	// one up by its name. It is one query in one snapshot for up to MaxNames names; more are refused as Invalid.
	RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error)

	// LastSeqs returns the number of the newest message of each room, in the order of the names: 0 for an unknown room. A
	// name may stand there twice. It is one query in one snapshot for up to MaxNames names; more are refused as Invalid.
	LastSeqs(ctx context.Context, rooms []string) ([]int64, error)

	// Epoch returns the present epoch. It does not block. It fails with class Unavailable while that is not known, because the
	// database was not reached yet, or is not known to be the one that it was; then all other methods fail, too. No call answers
	// with what it read in another epoch than the one that Epoch returned before or after the call, and Append stores nothing in
	// an epoch that has ended.
	Epoch() (chat.Epoch, error)

	// Epochs returns the store's epochs, oldest first, the present one last.
	Epochs(ctx context.Context) ([]Epoch, error)

	// Beginning returns the least number with which the room began an epoch after the given one ("": the store's first one), or
	// any epoch if the store does not know the given one. The room began the first epoch, and every epoch that is older than the
	// room, with 0. It is 0 for the present epoch, too, which none follows; chat.Resume does not ask for that.
	Beginning(ctx context.Context, room, epoch string) (int64, error)

	// RestoreEpochs gives a store that was made new the id and the epochs of another one, with the numbers with which the rooms
	// began them, so that it goes on as that one. It changes nothing in a store that has them already. A store with messages or
	// other epochs is an error of class Conflict.
	RestoreEpochs(ctx context.Context, l Lineage) error

	// Lineage returns what RestoreEpochs needs. It reads a row per room and epoch.
	Lineage(ctx context.Context) (Lineage, error)

	// Switches returns the features that are switched on, ascending by feature (bytewise). A store that was made new has
	// those of chat.AddedFeatures from the start: no older version has ever used it.
	Switches(ctx context.Context) ([]Switch, error)

	// SwitchOn switches a feature on, and returns when that is on stable storage. If the feature is on already it changes
	// nothing: the first release and time stay. A feature is never switched off.
	SwitchOn(ctx context.Context, f chat.Feature, release string) error

	// Revoke merges revocations into the list of the database, in one transaction, and returns when that is on stable storage: of two
	// entries of one key holds what revocation.Merge says, whatever their order. It removes entries whose Until has passed, and does
	// not add such. An entry that ends nothing new changes nothing.
	Revoke(ctx context.Context, entries []revocation.Entry) error

	// Revocations returns up to limit revocations with a number above after, ascending by number. An entry that has changed has a
	// new number, above all that any call has returned before. Expired entries may be among them.
	Revocations(ctx context.Context, after int64, limit int) ([]revocation.Stored, error)

	// Check returns nil when Append works now: with the rights, the locks and the space that it needs. It may answer with the
	// outcome of an Append that is younger than Config.CheckInterval, or else with that of a probe, see Health: after a failed
	// Append it returns an error until an Append or a probe has succeeded, and after the cause has ended it succeeds without
	// an Append. It answers within two seconds, with a reason that a person can act on. However many call it, at most one
	// probe is made in an interval. A probe stores nothing.
	Check(ctx context.Context) error

	// Retryable reports whether the same call may succeed at once, such as after a serialization failure.
	Retryable(err error) bool

	// Close ends the driver, after the calls in progress. Later calls return ErrClosed, which is of class Unavailable;
	// later calls of Close do nothing.
	Close() error
}

// Epoch is an epoch of a store.
type Epoch struct {
	ID     string
	At     time.Time // when it began; UTC, microseconds
	Reason string    // why the one before ended: a sentence without a full stop, "" in the first
}

// Lineage is the identity of a store: its id, its epochs, oldest first, and where its rooms began them.
type Lineage struct {
	Store  string
	Epochs []Epoch
	Begins []Begin // without those of number 0; ascending by epoch as in Epochs, then by room (bytewise)
	Mark   string  // the present mark, which tells an older copy of a store from the store; "" if there is none
}

// Begin is the last number that a room had when an epoch began.
type Begin struct {
	Epoch string // the id
	Room  string
	Seq   int64
}

// The borders of pages, see Driver.Page.
const (
	PageMessages = 128       // numbers in a block: 1 to 128, 129 to 256, …
	PageBytes    = 256 << 10 // bytes of text in a page of a block, unless its first message is larger
)

// PageOf returns the bounds, as indexes, of the page that holds the message at index i of a block, given the sizes in bytes of
// the texts of the block from its first message on. A page ends before the message whose text would make it larger than
// PageBytes. In a block whose first messages were removed, the first page begins with the oldest one.
func PageOf(sizes []int, i int) (from, to int) {
	total := 0
	for at, size := range sizes {
		if total += size; total > PageBytes && at > from {
			if i < at {
				return from, at
			}
			from, total = at, size
		}
	}
	return from, len(sizes)
}

// MaxNames is how many rooms one call of LastSeqs or RoomsNamed may name.
const MaxNames = 10_000

// CheckNames returns the error of LastSeqs and RoomsNamed for a list of names that is too long, or nil.
func CheckNames(rooms []string) error {
	if len(rooms) > MaxNames {
		return errs.Field("rooms", "must be at most %d, are %d", MaxNames, len(rooms))
	}
	return nil
}

// Appended is the outcome of one Append.
type Appended = chat.Appended

// ErrClosed is the error of a call after Close.
var ErrClosed error = &errs.Error{Code: errs.Unavailable, Msg: "the store is closed"}
