package chat

import (
	"fmt"

	"restante/internal/errs"
)

// Appended is the outcome of one append to a store.
type Appended struct {
	// Messages has one entry per message of the batch, in its order: as stored, with Seq, StoredAt and IDTaken. For a repeat or
	// a conflict it is the message that was stored first.
	Messages []Message
	// Fresh counts the messages that were stored by this call.
	Fresh int
	// Conflicts are the indexes, ascending, of the messages of the batch that are not stored and never will be: their sender has
	// used their id in the room for another text, in the store or earlier in the batch.
	Conflicts []int
}

// Err returns a ConflictsError if some messages of the batch are conflicts, and nil if there are none.
func (a *Appended) Err() error {
	if len(a.Conflicts) == 0 {
		return nil
	}
	return &ConflictsError{a.Conflicts}
}

// ConflictsError is the error of a batch that is done, except that some of its messages are not kept: their senders have used
// their ids in their rooms for other texts. The batch must not be handled again, neither whole nor in parts.
type ConflictsError struct {
	Indexes []int // of those messages in the batch, ascending
}

// Error says how many they are.
func (e *ConflictsError) Error() string {
	return fmt.Sprintf("%d messages have ids that their senders have used for other texts", len(e.Indexes))
}

// ErrConflict is the error of a single message that is a conflict, of class errs.Conflict. Its text is for the sender, and shows
// neither of the two texts.
var ErrConflict error = &errs.Error{
	Code: errs.Conflict,
	Msg:  "this sender has used the id for another text in the room, and that text is kept; a new text needs a new id",
}
