package topology

import (
	"context"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
)

// Refresh reads the record on the broker, and begins to read after the call. It blocks until that is done or ctx is. Callers
// that wait at the same time share a read. Its error has the class errs.Unavailable.
func (k *Keeper) Refresh(ctx context.Context) (Record, error) {
	r := k.ask()
	select {
	case <-r.done:
		return r.record, r.err
	case <-k.ended:
		return Record{}, link.ErrClosed()
	case <-ctx.Done():
		return Record{}, errs.Wrap(errs.Unavailable, context.Cause(ctx), "the broker's record was not read in time")
	}
}

// ask returns the reading that begins next.
func (k *Keeper) ask() *reading {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next == nil {
		k.next = &reading{done: make(chan struct{})}
		select {
		case k.refresh <- struct{}{}:
		default:
		}
	}
	return k.next
}

// readings reads the record whenever somebody asks for it, until ctx is done.
func (k *Keeper) readings(ctx context.Context) {
	for {
		select {
		case <-k.refresh:
		case <-ctx.Done():
			return
		}
		k.mu.Lock()
		r := k.next
		k.next = nil
		k.mu.Unlock()
		err := k.locked(ctx, func(context.Context, *link.Session, *lock) error { return nil })
		r.err = errs.Wrap(errs.Unavailable, err, "the broker's record cannot be read now")
		r.record, _ = k.Record()
		close(r.done)
	}
}

// Hear says that another node knows a version of the record. The keeper reads the record if it knows only an older one.
func (k *Keeper) Hear(version int64) {
	if known, _ := k.Record(); version <= known.Version {
		return
	}
	k.mu.Lock()
	soon := version <= k.heard && time.Since(k.heardAt) < time.Second
	if !soon {
		k.heard, k.heardAt = max(version, k.heard), time.Now()
	}
	k.mu.Unlock()
	if !soon {
		k.ask()
	}
}

// laterThan reports whether another node has lately named a later version.
func (k *Keeper) laterThan(version int64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.heard > version && time.Since(k.heardAt) < heardFor
}

// locked calls do with the lock, after the record was read. It waits for the lock for lockLimit at most.
func (k *Keeper) locked(ctx context.Context, do func(context.Context, *link.Session, *lock) error) error {
	waiting, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-waiting.Done():
		return errs.Wrap(errs.Unavailable, context.Cause(waiting), "this node has the lock of the broker's record for something else")
	}
	s, err := k.link.Session(waiting)
	if err != nil {
		return err
	}
	l, err := k.acquire(waiting, s)
	if err != nil {
		return err
	}
	defer l.release()
	if err := k.settle(ctx, s, l); err != nil {
		return err
	}
	return do(ctx, s, l)
}

// acquire takes the lock. It makes the queue of the record if that is missing; a new process compares it first.
func (k *Keeper) acquire(ctx context.Context, s *link.Session) (*lock, error) {
	_, known := k.Record()
	if known {
		l, err := acquire(ctx, s, k.cfg.Log)
		if !link.IsNotFound(err) {
			return l, err
		}
	}
	c, p := &caller{s: s, doubtful: func(binding) bool { return known }}, plan{s.BrokerVersion()}
	defer c.end()
	if err := k.makeExchange(ctx, c, exchange{link.QueuesExchange, amqp.ExchangeDirect}); err != nil {
		return nil, err
	}
	if err := c.make(p, p.recordQueue()); err != nil {
		return nil, err
	}
	return acquire(ctx, s, k.cfg.Log)
}

// write writes the next version of the record, and takes it over.
func (k *Keeper) write(ctx context.Context, l *lock, r Record) error {
	if err := l.write(ctx, r); err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return k.adopt(l.record)
}
