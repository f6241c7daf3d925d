package rabbitmq

import (
	"context"
	"log/slog"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// deadLetter moves a message that can never be stored to the dead letters, for an operator. It returns nil when the broker
// has confirmed the letter.
func (d *Driver) deadLetter(ctx context.Context, original *amqp.Delivery, why error, from string) error {
	letter, outgoing := deadletter.New(original, why, from)
	log := d.cfg.Log.With(slog.String("id", letter.MessageID), slog.String("room", letter.Room), slog.String("from", from))
	err := d.announcing.Attempt(ctx, d.ended, func(ctx context.Context, s *link.Session) error {
		return s.Senders()[0].Publish(ctx, outgoing)
	})
	if err != nil {
		log.ErrorContext(ctx, "a message that cannot be stored cannot be dead-lettered either, trying on", slog.Any("error", err))
		return err
	}
	d.metrics.dead.WithLabelValues(from).Inc()
	log.ErrorContext(ctx, "message dead-lettered", slog.String("letter", letter.ID), slog.Any("error", why))
	return nil
}

// errConflict is the reason of the dead letter of a conflict, for an operator. It begins with the word that programs look for.
var errConflict error = &errs.Error{Code: errs.Conflict, Msg: "conflict: its sender has used the id for another text in the room, and that text is kept"}

// conflict dead-letters a message whose sender has used its id for another text. A sender could make any number of them, so
// it gets a bounded number of letters; beyond that the message is dropped and counted. It returns nil when the message is
// done.
func (d *Driver) conflict(ctx context.Context, original *amqp.Delivery, sender string) error {
	verdict := d.conflicts.take(sender, time.Now())
	if verdict == letter {
		err := d.deadLetter(ctx, original, errConflict, deadletter.FromIntake)
		if err != nil {
			d.conflicts.giveBack(sender)
		}
		return err
	}
	d.metrics.conflictsDropped.Inc()
	if verdict == firstDrop {
		d.cfg.Log.WarnContext(ctx, "conflicts get no more dead letters for an hour", slog.String("client", sender),
			slog.Int("letters", senderLetters))
	}
	return nil
}

const (
	// senderLetters is how many dead letters the conflicts of one sender get in an hour, on one node.
	senderLetters = 100
	// allLetters is how many the conflicts of all senders get: names are free where there is no authentication.
	allLetters = 10_000
	// lettersWindow is the hour.
	lettersWindow = time.Hour
)

// conflicts counts the dead letters that conflicts have got. Its methods may be called concurrently.
type conflicts struct {
	mu      sync.Mutex
	since   time.Time      // when the hour began
	senders map[string]int // letters by sender, and one more when a message was dropped
	all     int            // letters of all senders, likewise
}

// outcome is what becomes of a conflict.
type outcome int

const (
	letter    outcome = iota // it gets a dead letter
	firstDrop                // it is dropped, as the first one of its sender, or of all senders, in this hour
	drop                     // it is dropped
)

// take returns what becomes of a conflict of sender, and counts it.
func (c *conflicts) take(sender string, now time.Time) outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.senders == nil || now.Sub(c.since) >= lettersWindow {
		c.since, c.senders, c.all = now, map[string]int{}, 0
	}
	switch n := c.senders[sender]; {
	case n > senderLetters || c.all > allLetters:
		return drop
	case n == senderLetters:
		c.senders[sender]++
		return firstDrop
	case c.all == allLetters:
		c.all++
		return firstDrop
	}
	c.senders[sender]++
	c.all++
	return letter
}

// giveBack undoes a take whose letter could not be sent.
func (c *conflicts) giveBack(sender string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.senders[sender] > 0 { // not if another hour has begun
		c.senders[sender]--
		c.all--
	}
}
