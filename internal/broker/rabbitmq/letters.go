package rabbitmq

import (
	"context"
	"crypto/sha256"
	"fmt"
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

// conflict dead-letters an entry because one of its messages is a conflict, whose sender could make any number of them. So a
// sender gets one letter for the same entry and a bounded number of letters in all; an entry beyond that is dropped and counted.
// An entry that comes from a letter always becomes one again. It returns nil when the entry is done.
func (d *Driver) conflict(ctx context.Context, e *entry, sender string) error {
	if deadletter.IsReplay(e.Headers) {
		return d.deadLetter(ctx, e.Delivery, errConflict, deadletter.FromIntake)
	}
	key := keyOf(e)
	switch d.conflicts.take(sender, key, time.Now()) {
	case newLetter:
		err := d.deadLetter(ctx, e.Delivery, errConflict, deadletter.FromIntake)
		if err != nil {
			d.conflicts.giveBack(sender, key)
		}
		return err
	case sameLetter:
		return nil
	case firstDrop:
		d.cfg.Log.WarnContext(ctx, "conflicts get no more dead letters for up to an hour, and are dropped", slog.String("client", sender))
	}
	d.metrics.conflictsDropped.Inc()
	return nil
}

// entryKey stands for the messages of an entry.
type entryKey [sha256.Size]byte

func keyOf(e *entry) entryKey {
	var b []byte
	for i := range e.messages {
		m := &e.messages[i]
		b = fmt.Appendf(b, "%q %q %q %q ", m.Room, m.ClientID, m.ID, m.Msg)
	}
	return sha256.Sum256(b)
}

const (
	// senderLetters is how many dead letters the conflicts of one sender get in an hour, on one node.
	senderLetters = 100
	// allLetters is how many the conflicts of all senders get: names are free where there is no authentication.
	allLetters = 10_000
	// lettersWindow is the hour.
	lettersWindow = time.Hour
)

// conflicts knows the dead letters that conflicts have got. Its methods may be called concurrently.
type conflicts struct {
	mu      sync.Mutex
	since   time.Time // when the hour began
	senders map[string]map[entryKey]bool
	all     int             // letters of all senders
	told    map[string]bool // senders with as many letters as a sender gets of whose drop the log says something
	toldAll bool            // the log says that there are no more letters for anybody
}

// outcome is what becomes of a conflict.
type outcome int

const (
	newLetter  outcome = iota // it gets a dead letter
	sameLetter                // it has one already
	firstDrop                 // it is dropped, and the log has not said so yet
	drop                      // it is dropped
)

// take returns what becomes of a conflict of sender, and counts its letter.
func (c *conflicts) take(sender string, key entryKey, now time.Time) outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.senders == nil || now.Sub(c.since) >= lettersWindow {
		c.since, c.senders, c.all = now, map[string]map[entryKey]bool{}, 0
		c.told, c.toldAll = map[string]bool{}, false
	}
	letters := c.senders[sender]
	switch {
	case letters[key]:
		return sameLetter
	case c.all >= allLetters && c.toldAll, len(letters) >= senderLetters && c.told[sender]:
		return drop
	case c.all >= allLetters:
		c.toldAll = true
		return firstDrop
	case len(letters) >= senderLetters:
		c.told[sender] = true
		return firstDrop
	}
	if letters == nil {
		letters = map[entryKey]bool{}
		c.senders[sender] = letters
	}
	letters[key] = true
	c.all++
	return newLetter
}

// giveBack undoes a take whose letter could not be sent.
func (c *conflicts) giveBack(sender string, key entryKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.senders[sender][key] { // not if another hour has begun
		delete(c.senders[sender], key)
		c.all--
	}
}
