// Package journey is the way of a message from its sender to every reader, in three steps:
//
//	sender ─► Accept ─► broker ─► Persist ─► broker ─► Deliver ─► readers
//	                                 └─► store ──────────┘ (catch-up)
//
// Read it first. It names no mechanism: package server chooses the implementations of its interfaces.
package journey

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
)

// Accepter accepts the message of a sender. Accept is the last link of a chain. The links before it (rights, limits, the
// gate of a server that stops) implement Accepter, too. Package server composes the chain in entry.go.
type Accepter interface {
	// Accept returns the message as it was accepted: complete, valid, stamped, and safe with the broker. Errors are
	// classified (package errs); after one that is neither errs.Invalid nor errs.Conflict, accepting the returned message again with its id is
	// safe, and errs.IsUnknown says whether the broker may have it all the same. It blocks until the broker has answered or ctx
	// is done, and is called concurrently.
	Accept(ctx context.Context, m chat.Message) (chat.Message, error)
}

// Publisher is the broker's work queue. Publish returns nil once the message can no longer be lost.
type Publisher interface {
	Publish(ctx context.Context, m chat.Message) error
}

// Appender is the store: it numbers the messages of a batch, drops repeats and conflicts by room, sender and id, and returns every
// message of the batch as stored once they are on stable storage, all or none.
type Appender interface {
	Append(ctx context.Context, batch []chat.Message) (chat.Appended, error)
}

// Announcer is the broker's fan-out of stored messages to every node.
type Announcer interface {
	Announce(ctx context.Context, stored []chat.Message) error
}

// Deliverer wakes the readers of rooms. It does not block.
type Deliverer interface {
	// Deliver wakes the readers of the rooms that stored belongs to. It keeps nothing of the slice.
	Deliver(stored []chat.Message)
	// Listens reports whether a room has readers on this node.
	Listens(room string) bool
	// Passed notes that a message was stored in a room without readers. Only its Room, Seq, ID and Epoch are set.
	Passed(m chat.Message)
	// Changed forgets what was read of a room.
	Changed(room string)
	// Resync forgets what was read of all rooms, compares every room that has readers with the store, and wakes the readers that
	// are behind.
	Resync()
}

// Accept is the first step: after it a message is complete, valid, stamped, and safe with the broker.
type Accept struct {
	Broker Publisher
	Now    func() time.Time // default time.Now
}

// Accept implements Accepter. It gives m an id if it has none, trims its client_id, stamps and validates it, and returns it when the broker has
// confirmed it.
func (a *Accept) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	if m.ID == "" {
		m.ID = uuid.Must(uuid.NewV7()).String()
	} else if id, err := chat.ParseID(m.ID); err == nil {
		m.ID = id
	}
	if m.Room == "" {
		m.Room = chat.DefaultRoom
	}
	m.ClientID = chat.TrimName(m.ClientID)
	m.Seq, m.SentAt, m.StoredAt = 0, chat.Micros(now()), time.Time{}
	if err := m.Validate(); err != nil {
		return m, err
	}
	if err := a.Broker.Publish(ctx, m); err != nil {
		return m, fmt.Errorf("accept message %s: %w", m.ID, err)
	}
	return m, nil
}

// Persist is the second step, the handler of the work queue: store first, then announce, then (by returning nil)
// acknowledge.
type Persist struct {
	Store  Appender
	Broker Announcer
}

// Persist appends a batch to the store and announces all of it. Repeats are announced, too: the node that stored them may
// have ended before it announced them. A repeated batch appends nothing. If all is done except that some messages are not kept,
// because they are conflicts, the error is a chat.ConflictsError.
func (p *Persist) Persist(ctx context.Context, batch []chat.Message) error {
	done, err := p.Store.Append(ctx, batch)
	if err != nil {
		return fmt.Errorf("persist batch of %d: %w", len(batch), err)
	}
	if err := p.Broker.Announce(ctx, done.Messages); err != nil {
		return fmt.Errorf("announce batch of %d: %w", len(batch), err)
	}
	return done.Err()
}

// Deliver is the last step, the subscriber of announcements.
type Deliver struct {
	Hub Deliverer
}

// Listens reports whether a room has readers on this node. Announcements of other rooms are not decoded.
func (d *Deliver) Listens(room string) bool { return d.Hub.Listens(room) }

// Deliver wakes the readers of the rooms that stored belongs to.
func (d *Deliver) Deliver(stored []chat.Message) { d.Hub.Deliver(stored) }

// Passed is called for a stored message of a room without readers.
func (d *Deliver) Passed(m chat.Message) { d.Hub.Passed(m) }

// Changed is called when messages of a room may have changed.
func (d *Deliver) Changed(room string) { d.Hub.Changed(room) }

// Missed is called when announcements may have been lost. The store has all messages.
func (d *Deliver) Missed() { d.Hub.Resync() }
