// Package driver is the contract between the concrete broker.Broker and the brokers behind it. The suite in
// broker/drivertest is its specification: every sentence here is tested there.
package driver

import (
	"context"
	"time"

	"restante/internal/chat"
)

// Handler stores and announces a batch. It keeps nothing of the batch after it has returned. A chat.ConflictsError means that
// all of the batch is done, except that the messages which it names are conflicts and not kept. An error of class
// errs.Invalid means that some message of the batch can never be stored; any other error that it cannot be done now.
type Handler func(ctx context.Context, batch []chat.Message) error

// Subscriber hears what has been stored. Its methods do not block for long. An announcement of a room that the subscriber does
// not listen to is not decoded: then Passed is called instead of Deliver.
type Subscriber interface {
	// Listens reports whether the subscriber needs the messages of a room whole. A driver asks after announcements have
	// arrived, and may use an answer for all announcements that had arrived by then. It may be called at any time.
	Listens(room string) bool
	// Deliver is called with stored messages, those of a room in the order of their numbers, with repeats. It keeps nothing
	// of the slice.
	Deliver(stored []chat.Message)
	// Passed is called with a stored message of which only Room, Seq, ID and Epoch are set (chat.Message.Passed), in the order of Deliver and with
	// repeats.
	Passed(m chat.Message)
	// Changed is called when something was announced of a room that is no stored message, of a kind that this version does not
	// know: the messages that the subscriber has read before may have changed.
	Changed(room string)
	// Missed is called when announcements may have been lost, so that the subscriber looks elsewhere for what it was not told:
	// when the subscription begins, and within MissedWithin after a loss, whatever the reason. An interruption, a queue that was
	// full, an announcement that cannot be read, and a broker that sends nothing any more are such reasons. While nothing can be
	// heard Missed is called again and again. It is called once more when later announcements will be heard. It may be called
	// when nothing was lost, but not more often than about once a second. A broker whose Announce calls the subscribers
	// itself loses nothing, however slow they are.
	Missed()
}

// MissedWithin is how soon Missed is called after an announcement was lost.
const MissedWithin = 5 * time.Second

// Check is a condition of readiness.
type Check struct {
	Name string
	// Do returns nil while the condition holds, and otherwise an error of class errs.Unavailable that says what is wrong. It
	// does not block for long and may be called concurrently.
	Do func(ctx context.Context) error
}

// The names of checks. Only nodes that call Consume and Subscribe need Consuming and Hearing.
const (
	Consuming = "consuming" // Consume gets messages when there are some
	Hearing   = "hearing"   // Subscribe hears what is announced
	Beating   = "beating"   // the nodes hear each other
	Topology  = "topology"  // everything that must be on the broker is there
	Policies  = "policies"  // no setting of the broker can make it drop what it has confirmed
)

// Driver is a work queue of accepted messages and a fan-out of stored ones. All methods may be called concurrently.
type Driver interface {
	// Publish queues a message and returns nil once it can no longer be lost. After an error the queue may or may not have
	// the message, unless errs.IsUnknown says that it has not: publish it again with the same id. It blocks while the queue is full, until ctx is done.
	Publish(ctx context.Context, m chat.Message) error

	// Consume calls handle with the published messages, in batches, the messages of a room in the order in which their
	// publishers got their answers. Over all nodes, one batch of a room is handled at a time; batches of other rooms may be
	// handled meanwhile. A batch is done only when handle has returned nil or a chat.ConflictsError. A message that fails alone with errs.Invalid
	// or is a conflict is dead-lettered, where an operator finds it, and does not stop its room; a sender gets a bounded number
	// of letters for conflicts. If there are no dead letters, Publish returns its error, chat.ErrConflict for a conflict. A driver with partitions sets the Origin of the
	// messages. Consume blocks until ctx is done, finishes the
	// batches in hand, and returns nil. It is called again only after it has returned.
	Consume(ctx context.Context, handle Handler) error

	// Announce sends what has been stored to every subscriber of every node. It does not keep stored.
	Announce(ctx context.Context, stored []chat.Message) error

	// Subscribe calls s for what is announced, one call at a time. It blocks until ctx is done and returns nil; after that
	// it calls s no more.
	Subscribe(ctx context.Context, s Subscriber) error

	// Check returns nil when the broker can accept a message now.
	Check(ctx context.Context) error

	// Checks returns what else must work on a node that uses the driver fully, without publishing. Their names are below.
	Checks() []Check

	// Retryable reports whether the same Publish or Announce may succeed at once.
	Retryable(err error) bool

	// Close ends the driver: publishers that wait get an error of class errs.Unavailable, as do later ones. It waits for the
	// batch in hand and may be called more than once.
	Close() error
}
