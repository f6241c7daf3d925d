package topology

import (
	"context"
	"fmt"
	"log/slog"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// Raise gives the queue of a partition a generation after seen, and keeps the queue with everything in it. It is for a consumer
// with messages of the generation of, when the store has seen a later one: the broker is new, or was set up anew, and the store is
// not. Publishers may go on with the keys of the earlier generations.
//
// Raise changes nothing if the partition's generation is not less than seen, or if the generation of is of a queue that was
// deleted. The caller finds that out with Record.IsPresent from the record that Raise returns, which was read on the broker
// during the call. It blocks while another node has the lock. An error of class errs.Conflict says that the queue is deleted.
func (k *Keeper) Raise(ctx context.Context, partition int, of, seen int64) (Record, error) {
	err := k.locked(ctx, func(ctx context.Context, s *link.Session, l *lock) error {
		if !l.record.IsPresent(partition, of) || l.record.Generation(partition) >= seen {
			return nil
		}
		return k.raise(ctx, s, l, partition, seen+1)
	})
	r, _ := k.Record()
	if err != nil {
		return r, fmt.Errorf("raise queue %s: %w", intakeName(partition), err)
	}
	return r, nil
}

// raise is Raise with the lock. The queue is bound first, so that no publisher knows a key that leads nowhere.
func (k *Keeper) raise(ctx context.Context, s *link.Session, l *lock, q int, to int64) error {
	c := &caller{s: s}
	defer c.end()
	name := intakeName(q)
	next := l.record.Generations[q]
	if next.Refilling != "" {
		return &errs.Error{Code: errs.Unavailable, Msg: "the queue is being refilled"}
	}
	_, exists, err := c.hasQueue(name)
	switch {
	case err != nil:
		return err
	case !exists:
		return &errs.Error{Code: errs.Conflict, Msg: "the queue is deleted"}
	}
	if err := c.bind(name, binding{link.IntakeExchange, IntakeKey(q, to)}); err != nil {
		return err
	}
	next.Number, next.Kept = to, l.record.Since(q)
	if err := k.writeGeneration(ctx, l, q, next); err != nil {
		return err
	}
	k.cfg.Log.WarnContext(ctx, "the store knows a later generation of a partition than this broker, it is raised",
		slog.String("queue", name), slog.Int64("generation", to))
	return nil
}
