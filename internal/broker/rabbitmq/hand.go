package rabbitmq

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/retry"
)

// What a worker does with the deliveries in its hand when their queue is deleted. They exist nowhere else then.

const (
	// lookAgain is how long after it has cancelled a consumer a broker may still show the queue that is being deleted.
	lookAgain = 500 * time.Millisecond
	// lastRestore is how long the worker tries to make the queue again after the context of Consume has ended.
	lastRestore = 3 * time.Second
	// backPoll is how often a worker looks whether the record says that its queue is back, and backLimit how long, before it
	// looks for the queue itself.
	backPoll  = 100 * time.Millisecond
	backLimit = 2 * time.Second
)

// finishOlder decides, when there is a consumer again, on what is in hand from before. If the queue is the same one, the
// broker delivers it again. Otherwise the worker handles it first, as of its own generation.
func (w *worker) finishOlder(ctx context.Context, r *registration) {
	if len(w.hand) == 0 {
		return
	}
	if record, ok := w.refresh(ctx); ok {
		r.adopt(&record, w.q)
	}
	if !r.isOf(w.handOf) {
		w.finishHand(ctx)
	}
	w.hand = nil
}

// cancelled goes on after the broker has ended the consumer. The queue is deleted, or it was deleted and somebody has made
// another one, or the broker has its own reason and the queue still has everything.
func (w *worker) cancelled(ctx context.Context, s *link.Session, active bool) error {
	for late := time.Now().Add(lookAgain); ; {
		found, err := queueExists(s, w.queue)
		if err != nil {
			return err // the next registration finds out
		}
		if !found {
			return w.deleted(ctx, active)
		}
		if time.Now().After(late) {
			break
		}
		select {
		case <-time.After(lookAgain / 5):
		case <-s.Lost():
			return s.Why()
		}
	}
	w.finishHand(ctx)
	return nil
}

// deleted returns when nothing is in hand and the queue may exist again. The holder makes it again, which is the node with the
// active consumer, or one that has deliveries in hand from before.
func (w *worker) deleted(ctx context.Context, active bool) error {
	w.d.balance.Absent(w.q)
	w.dropFinished()
	holder := active || len(w.hand) > 0
	w.d.progress.Deleted(w.queue, w.q, holder)
	if holder && w.putBack(ctx) {
		return nil
	}
	w.d.progress.Deleted(w.queue, w.q, false)
	w.awaitQueue(ctx)
	return nil
}

// dropFinished removes from the hand what other nodes have told to have finished: the registration may have ended long ago.
func (w *worker) dropFinished() {
	if len(w.hand) == 0 {
		return
	}
	finished := w.d.finished(w.q)
	w.hand = slices.DeleteFunc(w.hand, func(a arrival) bool {
		n, ok := peer.ReadNumber(a.AppId, a.CorrelationId)
		return ok && n <= finished[a.AppId]
	})
}

// putBack makes the queue again with what is in hand. It returns false if another node has made it, or ctx has ended
// before: then it has handled what is in hand as of its generation. The store knows whether that is too late.
func (w *worker) putBack(ctx context.Context) bool {
	log := w.d.cfg.Log.With(slog.String("queue", w.queue), slog.Int("in_hand", len(w.hand)))
	log.WarnContext(ctx, "queue deleted, putting back what was delivered")
	pauses := retry.NewBackoff(minRetry, maxRetry)
	for failing := false; ; {
		last := ctx.Err() != nil
		err := w.restore(ctx)
		switch {
		case err == nil:
			log.InfoContext(ctx, "queue made again, with what was delivered")
			w.hand = nil
			return true
		case last, errs.CodeOf(err) == errs.Conflict:
			if len(w.hand) > 0 {
				log.WarnContext(ctx, "what was delivered from a deleted queue cannot be put back, storing it", slog.Any("error", err))
				w.finishHand(ctx)
			}
			return false
		case !failing:
			failing = true
			log.WarnContext(ctx, "what was delivered from a deleted queue cannot be put back yet, trying on", slog.Any("error", err))
		}
		_ = pauses.Wait(ctx) // if it has ended, there is one more attempt
	}
}

// restore tries once to make the queue again with what is in hand.
func (w *worker) restore(ctx context.Context) error {
	ctx, release := outlast(ctx, lastRestore)
	defer release()
	received := w.d.finished(w.q)
	outgoing := make([]*link.Outgoing, len(w.hand))
	for i := range w.hand {
		d := &w.hand[i].Delivery
		outgoing[i] = &link.Outgoing{Exchange: link.QueuesExchange, Key: w.queue, Mandatory: true, Publishing: link.Republishing(d)}
		if n, ok := peer.ReadNumber(d.AppId, d.CorrelationId); ok {
			received[d.AppId] = max(received[d.AppId], n)
		}
	}
	record, err := w.d.keeper.Restore(ctx, w.q, w.handOf, received, func(ctx context.Context, s *link.Session) error {
		sender, err := s.NewSender()
		if err != nil {
			return err
		}
		defer sender.Close()
		return publishAll(ctx, sender, outgoing)
	})
	if err == nil {
		w.generation = record.Generation(w.q)
	}
	return err
}

// publishAll publishes messages, many at once and in their order, and waits until the broker has confirmed all of them. After
// an error the broker may have any of them.
func publishAll(ctx context.Context, sender *link.Sender, messages []*link.Outgoing) error {
	waiting := make([]*link.Sent, 0, len(messages))
	for _, o := range messages {
		m, err := sender.TrySend(o)
		if m == nil && err == nil { // the window is full of ours
			if err = waitAll(ctx, waiting); err == nil {
				waiting = waiting[:0]
				m, err = sender.Send(ctx, o)
			}
		}
		if err != nil {
			return err
		}
		waiting = append(waiting, m)
	}
	return waitAll(ctx, waiting)
}

// finishHand handles what is in hand as of its generation, without acknowledging it, until it is done or ctx has ended.
func (w *worker) finishHand(ctx context.Context) {
	if len(w.hand) == 0 {
		return
	}
	r := &registration{
		generation: w.handOf, since: w.handOf, backlog: &backlog{}, over: make(chan struct{}), began: time.Now(), handling: w.handling,
	}
	hand := w.hand
	w.hand = nil
	_, _ = w.work(ctx, r, hand) // it fails only when an acknowledgement does
	if left := len(w.hand); left > 0 {
		w.d.cfg.Log.ErrorContext(ctx, "stopped before what was delivered from a deleted queue is stored",
			slog.String("queue", w.queue), slog.Int("in_hand", left))
	}
	w.hand = nil
}

// awaitQueue returns when the record says that the queue is back, or it is time to look, or ctx is done.
func (w *worker) awaitQueue(ctx context.Context) {
	w.d.keeper.Report(w.queue)
	tick := time.NewTicker(backPoll)
	defer tick.Stop()
	for late := time.After(backLimit); ; {
		record, known := w.d.keeper.Record()
		if known && record.Generation(w.q) > w.generation && record.Generations[w.q].Refilling == "" {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			return
		case <-ctx.Done():
			return
		}
	}
}
