// Package driver is the contract between the concrete broker.Broker and the brokers behind it. The suite in
// broker/drivertest is its specification: every sentence here is tested there.
package driver

import (
	"context"

	"restante/internal/chat"
)

// Handler stores and announces a batch. It keeps nothing of the batch after it has returned. An error of class
// errs.Invalid means that some message of the batch can never be stored; any other error that it cannot be done now.
type Handler func(ctx context.Context, batch []chat.Message) error

// Driver is a work queue of accepted messages and a fan-out of stored ones. All methods may be called concurrently.
type Driver interface {
	// Publish hands over a message and returns nil once it can no longer be lost. After an error the message may or may
	// not have been taken: publish it again with the same id. It blocks while the queue is full, until ctx is done.
	Publish(ctx context.Context, m chat.Message) error

	// Consume passes the published messages to handle, in batches, the messages of a room in the order in which their
	// publishers were answered, one batch of a room at a time. A batch counts as done only when handle has returned
	// nil. A message that fails alone with errs.Invalid is set aside and does not hold up its room. Consume blocks
	// until ctx is done, finishes the batch in hand, and returns nil; it is called once.
	Consume(ctx context.Context, handle Handler) error

	// Announce tells every subscriber of every node what has been stored. It does not keep stored.
	Announce(ctx context.Context, stored []chat.Message) error

	// Subscribe passes announced messages to handle, which does not block for long and keeps nothing of the slice,
	// one call at a time. It blocks until ctx is done and returns nil.
	Subscribe(ctx context.Context, handle func(stored []chat.Message)) error

	// Check returns nil when the broker can take a message now.
	Check(ctx context.Context) error

	// Retryable reports whether the same Publish or Announce may succeed at once.
	Retryable(err error) bool

	// Close ends the driver: publishers that are waiting get an error of class errs.Unavailable, as do later ones. It
	// waits for the batch in hand and may be called more than once.
	Close() error
}
