package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/chat"
	"restante/internal/errs"
)

// raiseLimit is how long a worker waits at once for a later generation.
const raiseLimit = 10 * time.Second

// raising returns the handler for what was delivered over a registration. The store refuses messages of a generation when it has
// seen a later one of the partition. If their queue is deleted, that is final. If it is the present queue, the generation was
// seen on another broker, or on this one before it was set up anew. Then the handler gives the partition a later generation,
// and returns an error of class errs.Unavailable: the same messages are stored next time.
func (w *worker) raising(r *registration) driver.Handler {
	return func(ctx context.Context, batch []chat.Message) error {
		err := w.handle(ctx, batch)
		refused, ok := errors.AsType[*chat.DestroyedError](err)
		if !ok || refused.Origin.Generation <= r.late {
			return err
		}
		return w.raise(ctx, r, refused, err)
	}
}

// raise raises the generation of the partition if what the store has refused is of the present queue. It returns err if the
// refusal is final.
func (w *worker) raise(ctx context.Context, r *registration, refused *chat.DestroyedError, err error) error {
	limited, cancel := context.WithTimeout(ctx, raiseLimit)
	defer cancel()
	of := refused.Origin.Generation
	record, failed := w.d.keeper.Raise(limited, w.q, of, refused.Seen)
	switch {
	case failed != nil && (r.ch != nil || errs.CodeOf(failed) != errs.Conflict):
		if !r.waiting {
			r.waiting = true
			w.d.cfg.Log.WarnContext(ctx, "the generation of a partition cannot be raised yet, trying on",
				slog.String("queue", w.queue), slog.Any("error", failed))
		}
		return errs.Wrap(errs.Unavailable, failed, "the generation cannot be raised")
	case failed == nil && record.IsPresent(w.q, of):
		r.adopt(&record, w.q)
	}
	if !r.isOf(of) || r.generation < refused.Seen {
		r.late = of
		return err
	}
	w.generation = max(w.generation, r.generation)
	return errs.Wrap(errs.Unavailable, err, "the generation was raised to %d", r.generation)
}
