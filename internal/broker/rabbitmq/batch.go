package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/retry"
)

// The pauses between two attempts at a batch that has failed.
const (
	minRetry = 50 * time.Millisecond
	maxRetry = 2 * time.Second
)

// entry is one delivery of the intake, which holds an envelope of one or more messages.
type entry struct {
	*amqp.Delivery
	messages []chat.Message
	unknown  *chat.UnknownError // why this version of the server cannot read it, nil if it can
	fault    error              // why no version can, an error of class errs.Invalid
}

// maxRoom is the longest name of a room that fits into a routing key with roomKey. No version accepts a longer one.
const maxRoom = 255 - len(roomKey)

// size is how many messages the entry counts for.
func (e *entry) size() int { return max(1, len(e.messages)) }

// read reads what was delivered. Any user of the broker may have put it into the queue.
func (w *worker) read(arrivals []arrival) []entry {
	batch := make([]entry, len(arrivals))
	messages := 0
	for i := range arrivals {
		e := &batch[i]
		e.Delivery = &arrivals[i].Delivery
		e.messages, e.fault = chat.ReadAccepted(e.Body)
		if unknown, ok := errors.AsType[*chat.UnknownError](e.fault); ok {
			e.unknown, e.fault = unknown, nil
			w.d.unknowns.meet(unknown.Feature())
			w.d.metrics.keep(unknown.Feature(), 1)
		}
		trace := link.HeaderText(e.Headers, traceHeader)
		for j := range e.messages {
			m := &e.messages[j]
			if m.Trace = trace; len(m.Room) > maxRoom {
				e.fault = errs.Field("room", "must be at most %d bytes long to be announced, is %d", maxRoom, len(m.Room))
			}
		}
		if e.Redelivered {
			w.d.metrics.redelivered.Inc()
		}
		messages += e.size()
	}
	w.d.metrics.batch.Observe(float64(messages))
	w.d.metrics.unacked.Add(float64(messages))
	return batch
}

// leave undoes what read has counted, for entries that are acknowledged or left to the broker.
func (w *worker) leave(batch []entry) {
	for i := range batch {
		e := &batch[i]
		w.d.metrics.unacked.Sub(float64(e.size()))
		if e.unknown != nil {
			w.d.metrics.keep(e.unknown.Feature(), -1)
		}
	}
}

// work handles a batch until all of it is stored or dead-lettered, and acknowledges it. It tries the same entries again and
// never later ones before them. It returns false when the rest was left to the broker: ctx is done or the partition is to
// be given up.
func (w *worker) work(ctx context.Context, r *registration, arrivals []arrival) (done bool, err error) {
	batch := w.read(arrivals)
	defer func() { w.leave(batch) }()
	pauses := retry.NewBackoff(minRetry, maxRetry)
	clear(w.verdicts)
	for {
		n, v := w.attempt(ctx, batch)
		if n > 0 {
			if err := r.ch.Ack(batch[n-1].DeliveryTag, true); err != nil {
				return false, fmt.Errorf("acknowledge: %w", err)
			}
			w.leave(batch[:n])
			batch = batch[n:]
			pauses.Reset()
		}
		switch {
		case len(batch) == 0:
			return true, nil
		case v == giveUp:
			w.declined = batch[0].unknown.Feature()
			return false, nil
		case v == proceed:
			continue
		}
		if release, _ := w.release(r, time.Now()); !release.IsZero() && !time.Now().Before(release) {
			w.noteRelease(ctx, r)
			return false, nil
		}
		select {
		case <-time.After(pauses.Next()):
		case <-r.backlog.over:
			return false, errInterrupted
		case <-ctx.Done():
			return false, nil
		}
		clear(w.verdicts)
		if batch[0].unknown != nil { // so that the clocks of the kinds behind it start
			batch = append(batch, w.read(r.backlog.take(maxBatch, maxBatchBytes))...)
		}
	}
}

// attempt handles the first entries of a batch once: those that can be handled together, or those that are not known. It
// returns how many are done, from the first on, and how to go on: at once, or after what the verdict says.
func (w *worker) attempt(ctx context.Context, batch []entry) (done int, v verdict) {
	if batch[0].unknown != nil {
		return w.attemptUnknown(ctx, batch)
	}
	end, messages := 0, 0
	for end < len(batch) && batch[end].unknown == nil && (end == 0 || messages+batch[end].size() <= maxBatch) {
		messages += batch[end].size()
		end++
	}
	// What is begun is finished even if ctx ends meanwhile.
	if done = w.store(context.WithoutCancel(ctx), batch[:end], messages); done < end {
		return done, keep
	}
	return done, proceed
}

// attemptUnknown dead-letters the entries, from the first on, that no node has ever known.
func (w *worker) attemptUnknown(ctx context.Context, batch []entry) (done int, v verdict) {
	for done < len(batch) && batch[done].unknown != nil {
		unknown := batch[done].unknown
		f := unknown.Feature()
		v, judged := w.verdicts[f]
		if !judged {
			v = w.d.unknowns.judge(ctx, f)
			w.verdicts[f] = v
		}
		if v != discard {
			return done, v
		}
		reason := unknownReason(unknown, w.d.cfg.UnknownLimit)
		if w.d.deadLetter(context.WithoutCancel(ctx), batch[done].Delivery, reason, deadletter.FromIntake) != nil {
			return done, keep
		}
		done++
	}
	return done, proceed
}

// store handles entries once and returns how many of them, from the first on, are done: stored, or dead-lettered because
// one of their messages can never be stored. The other messages of such an entry may be stored already, and are stored
// only once when it is replayed.
func (w *worker) store(ctx context.Context, batch []entry, size int) (done int) {
	messages := make([]chat.Message, 0, size)
	for i := range batch {
		if batch[i].fault == nil {
			messages = append(messages, batch[i].messages...)
		}
	}
	results := w.handleAll(ctx, messages)
	for i := range batch {
		err := batch[i].fault
		if err == nil {
			n := len(batch[i].messages)
			err, results = worst(results[:n]), results[n:]
		}
		switch {
		case err == nil:
		case errs.CodeOf(err) != errs.Invalid:
			return i
		case w.d.deadLetter(ctx, batch[i].Delivery, err, deadletter.FromIntake) != nil:
			return i
		}
	}
	return len(batch)
}

// handleAll passes messages to the handler, at most maxBatch at once, and returns an error for each, nil for those that are
// stored.
func (w *worker) handleAll(ctx context.Context, messages []chat.Message) []error {
	if len(messages) == 0 {
		return nil
	}
	if len(messages) <= maxBatch {
		return driver.Isolate(ctx, messages, w.handle)
	}
	var results []error
	for part := range slices.Chunk(messages, maxBatch) {
		results = append(results, driver.Isolate(ctx, part, w.handle)...)
		if err := results[len(results)-1]; err != nil && errs.CodeOf(err) != errs.Invalid {
			return append(results, slices.Repeat([]error{err}, len(messages)-len(results))...)
		}
	}
	return results
}

// worst returns the error that decides what becomes of an entry: one that may pass before one that stays.
func worst(results []error) (err error) {
	for _, r := range results {
		if r != nil && (err == nil || errs.CodeOf(r) != errs.Invalid) {
			err = r
		}
	}
	return err
}

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
