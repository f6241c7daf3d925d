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

// Subscriber hears what has been stored. Its methods do not block for long.
type Subscriber interface {
	// Deliver is called with stored messages, those of a room in the order of their numbers, with repeats. It keeps nothing
	// of the slice.
	Deliver(stored []chat.Message)
	// Missed is called when the subscription begins, and each time after it was interrupted: later announcements will be
	// heard, but earlier ones may have been missed.
	Missed()
}

// Driver is a work queue of accepted messages and a fan-out of stored ones. All methods may be called concurrently.
type Driver interface {
	// Publish queues a message and returns nil once it can no longer be lost. After an error the queue may or may not have
	// the message: publish it again with the same id. It blocks while the queue is full, until ctx is done.
	Publish(ctx context.Context, m chat.Message) error

	// Consume calls handle with the published messages, in batches, the messages of a room in the order in which their
	// publishers got their answers. Over all nodes, one batch of a room is handled at a time; batches of other rooms may be
	// handled meanwhile. A batch is done only when handle has returned nil. A message that fails alone with errs.Invalid is
	// dead-lettered, where an operator finds it, and does not stop its room. A driver with partitions sets the Origin of the
	// messages. Consume blocks until ctx is done, finishes the
	// batches in hand, and returns nil; it is called once.
	Consume(ctx context.Context, handle Handler) error

	// Announce sends what has been stored to every subscriber of every node. It does not keep stored.
	Announce(ctx context.Context, stored []chat.Message) error

	// Subscribe calls s for what is announced, one call at a time. It blocks until ctx is done and returns nil; after that
	// it calls s no more.
	Subscribe(ctx context.Context, s Subscriber) error

	// Check returns nil when the broker can accept a message now.
	Check(ctx context.Context) error

	// Retryable reports whether the same Publish or Announce may succeed at once.
	Retryable(err error) bool

	// Close ends the driver: publishers that wait get an error of class errs.Unavailable, as do later ones. It waits for the
	// batch in hand and may be called more than once.
	Close() error
}
