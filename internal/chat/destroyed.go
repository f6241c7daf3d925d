package chat

import (
	"fmt"

	"restante/internal/errs"
)

// DestroyedError is the error of appending new messages of a generation after messages of a later one of the same partition.
// It is in a chain of class errs.Invalid, see Destroyed. It is final if the queue of the messages is deleted. On a new broker it
// may not be, and then they can be appended as of a later generation than Seen.
type DestroyedError struct {
	Origin Origin // of the messages that were refused
	Seen   int64  // the latest generation of the partition that the store has seen
}

// Error says which generations they are.
func (e *DestroyedError) Error() string {
	return fmt.Sprintf("partition %d: generation %d, the store has generation %d", e.Origin.Partition, e.Origin.Generation, e.Seen)
}

// Destroyed returns the classified error for a DestroyedError. Its text begins with "queue destroyed".
func Destroyed(of Origin, seen int64) error {
	return errs.Wrap(errs.Invalid, &DestroyedError{of, seen}, "queue destroyed: newer messages of its partition may be stored already")
}
