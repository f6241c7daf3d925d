package rabbitmq

import (
	"context"
	"errors"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
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

// read reads what was delivered from the queue. Any user of the broker may have put it there.
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
// never later ones before them. It returns false when the rest is in hand: the registration is over, ctx is done, the
// partition is to be given up, or the batch was in hand for too long.
func (w *worker) work(ctx context.Context, r *registration, arrivals []arrival) (done bool, err error) {
	batch := w.read(arrivals)
	defer func() {
		w.leave(batch)
		for i := range batch {
			w.hand = append(w.hand, arrival{Delivery: *batch[i].Delivery})
		}
	}()
	pauses := retry.NewBackoff(minRetry, maxRetry)
	clear(w.verdicts)
	for progress := time.Now(); ; {
		n, v := w.attempt(ctx, r, batch)
		if n > 0 {
			w.finish(batch[:n])
			w.leave(batch[:n])
			last := batch[n-1].Delivery
			batch = batch[n:]
			if err := r.acknowledge(last); err != nil {
				return false, err
			}
			progress = time.Now()
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
		case time.Since(progress) > w.d.cfg.HoldLimit && r.ch != nil:
			return false, errHeld
		}
		if release, _ := w.release(r, time.Now()); r.ch != nil && !release.IsZero() && !time.Now().Before(release) {
			w.noteRelease(ctx, r)
			return false, nil
		}
		select {
		case <-time.After(pauses.Next()):
		case <-r.over:
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

// errHeld ends a registration whose batch cannot be stored for long. Then all of it is in the queue again at once, in its
// order, before the broker would take it back piece by piece.
var errHeld = errors.New("the batch was in hand for too long")

// finish notes up to which numbers the messages of each publishing node are done.
func (w *worker) finish(batch []entry) {
	clear(w.numbers)
	for i := range batch {
		d := batch[i].Delivery
		if n, ok := peer.ReadNumber(d.AppId, d.CorrelationId); ok {
			w.numbers[d.AppId] = max(w.numbers[d.AppId], n)
		}
	}
	if len(w.numbers) > 0 {
		w.d.progress.Finish(w.q, w.numbers)
	}
}

// attempt handles the first entries of a batch once: those that can be handled together, or those that are not known. It
// returns how many are done, from the first on, and how to go on: at once, or after what the verdict says.
func (w *worker) attempt(ctx context.Context, r *registration, batch []entry) (done int, v verdict) {
	if batch[0].unknown != nil {
		return w.attemptUnknown(ctx, r, batch)
	}
	end, messages := 0, 0
	for end < len(batch) && batch[end].unknown == nil && (end == 0 || messages+batch[end].size() <= maxBatch) {
		messages += batch[end].size()
		end++
	}
	// What is begun is finished even if ctx ends meanwhile.
	if done = w.store(r, batch[:end], messages); done < end {
		return done, keep
	}
	return done, proceed
}

// attemptUnknown dead-letters the entries, from the first on, that no node has ever known, and those that are in no queue any
// more.
func (w *worker) attemptUnknown(ctx context.Context, r *registration, batch []entry) (done int, v verdict) {
	for done < len(batch) && batch[done].unknown != nil {
		unknown := batch[done].unknown
		f := unknown.Feature()
		reason := unknownReason(unknown, w.d.cfg.UnknownLimit)
		v, judged := w.verdicts[f]
		if r.ch == nil {
			v, judged, reason = discard, true, errDestroyed
		}
		if !judged {
			v = w.d.unknowns.judge(ctx, f)
			w.verdicts[f] = v
		}
		if v != discard {
			return done, v
		}
		if w.d.deadLetter(context.WithoutCancel(ctx), batch[done].Delivery, reason, deadletter.FromIntake) != nil {
			return done, keep
		}
		done++
	}
	return done, proceed
}

// errDestroyed is the reason of the dead letter of an entry that is in no queue any more and that this node cannot read.
var errDestroyed error = &errs.Error{Code: errs.Invalid, Msg: "queue destroyed: its kind or version is not known to the node that had it in hand"}

// store handles entries once and returns how many of them, from the first on, are done: stored, or dead-lettered because
// one of their messages can never be stored. The other messages of such an entry may be stored already, and are stored
// only once when it is replayed.
func (w *worker) store(r *registration, batch []entry, size int) (done int) {
	ctx := r.handling
	messages := make([]chat.Message, 0, size)
	for i := range batch {
		if batch[i].fault == nil {
			origin := chat.Origin{Partition: w.q, Generation: r.origin(batch[i].Delivery)}
			for _, m := range batch[i].messages {
				m.Origin = origin
				messages = append(messages, m)
			}
		}
	}
	results := w.handleAll(ctx, r, messages)
	for i := range batch {
		err, sender := batch[i].fault, ""
		if err == nil {
			n := len(batch[i].messages)
			if k := worst(results[:n]); k >= 0 {
				err, sender = results[k], batch[i].messages[k].ClientID
			}
			results = results[n:]
		}
		switch {
		case err == nil:
		case !isFinal(err):
			return i
		case errors.Is(err, chat.ErrConflict):
			err = w.d.conflict(ctx, &batch[i], sender)
		default:
			err = w.d.deadLetter(ctx, batch[i].Delivery, err, deadletter.FromIntake)
		}
		if err != nil {
			return i
		}
	}
	return len(batch)
}

// handleAll passes messages to the handler, at most maxBatch at once, and returns an error for each, nil for those that are
// stored.
func (w *worker) handleAll(ctx context.Context, r *registration, messages []chat.Message) []error {
	if len(messages) == 0 {
		return nil
	}
	handle := w.raising(r)
	if len(messages) <= maxBatch {
		return driver.Isolate(ctx, messages, handle)
	}
	var results []error
	for part := range slices.Chunk(messages, maxBatch) {
		results = append(results, driver.Isolate(ctx, part, handle)...)
		if err := results[len(results)-1]; err != nil && !isFinal(err) {
			return append(results, slices.Repeat([]error{err}, len(messages)-len(results))...)
		}
	}
	return results
}

// worst returns the index of the error that decides what becomes of an entry: one that may pass before one that stays, and a
// conflict last. It returns -1 if there is no error.
func worst(results []error) int {
	found := -1
	for i, err := range results {
		switch {
		case err == nil:
		case !isFinal(err):
			return i
		case found < 0 || errors.Is(results[found], chat.ErrConflict):
			found = i
		}
	}
	return found
}

// isFinal reports whether a message that has failed with err fails always.
func isFinal(err error) bool {
	return errs.CodeOf(err) == errs.Invalid || errors.Is(err, chat.ErrConflict)
}
