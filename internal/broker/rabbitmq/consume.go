package rabbitmq

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/peer"
)

const (
	// maxBatch is the most messages that are handled at once, and the most that the broker delivers ahead.
	maxBatch = 500
	// maxBatchBytes bounds their texts: beyond it a batch ends, but it has one message at least.
	maxBatchBytes = 4 << 20
	// maxGather is how long a batch is gathered at most. A batch is a transaction, and many small ones cost more.
	maxGather = 20 * time.Millisecond
)

// Consume implements driver.Driver. Every node that consumes has a consumer on every partition. The broker makes one of
// them the active one; the others stand by.
func (d *Driver) Consume(ctx context.Context, handle driver.Handler) error {
	ctx, end, ok := d.begin(ctx)
	if !ok {
		return link.ErrClosed()
	}
	defer end()
	record, err := d.keeper.Await(ctx)
	if err != nil {
		return nil //nolint:nilerr // ctx is done before the broker could be reached
	}
	d.balance.Consuming(record.Partitions)
	defer d.balance.Consuming(0)
	handling, release := outlast(ctx, finishLimit)
	defer release()
	var workers sync.WaitGroup
	workers.Go(func() { d.countRemoved(ctx) })
	busy := &busy{last: make([]atomic.Int64, record.Partitions)}
	for q := range record.Partitions {
		workers.Go(func() {
			w := &worker{
				d: d, q: q, queue: link.IntakeQueue + strconv.Itoa(q), handle: handle, handling: handling, busy: busy,
				verdicts: map[chat.Feature]verdict{}, numbers: map[string]int64{},
			}
			w.run(ctx)
		})
	}
	workers.Wait()
	return nil
}

// finishLimit is how long a batch in hand may take after the context of Consume has ended. What is not done then is
// delivered again.
const finishLimit = 5 * time.Second

// outlast returns a context that lasts longer than ctx does.
func outlast(ctx context.Context, by time.Duration) (longer context.Context, release func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(by):
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() {
		stop()
		cancel()
	}
}

// worker consumes one partition, one batch after the other.
type worker struct {
	d        *Driver
	q        int
	queue    string
	handle   driver.Handler
	handling context.Context // of all batches; it outlasts that of Consume
	busy     *busy

	generation int64     // of the queue that was consumed last, or looked for
	hand       []arrival // what was delivered over the last registration and is not stored, in its order
	handOf     int64     // the generation of hand

	version   int       // of the members, as known to this worker
	versionAt time.Time // when it came to know it
	released  int       // how often it has given up the partition since

	verdicts map[chat.Feature]verdict // on features that the batch in hand needs, until the next pause
	declined chat.Feature             // why the last registration ended, if it was given up to a node that knows this
	numbers  map[string]int64         // for numbersOf
}

// run consumes until ctx is done, over one registration after the other.
func (w *worker) run(ctx context.Context) {
	w.d.progress.Consuming(w.queue, w.q)
	defer w.d.progress.Stopped(w.queue)
	w.d.consuming.Again(ctx, "consuming "+w.queue, func(s *link.Session) error {
		w.declined = ""
		err := w.consume(ctx, s)
		if w.declined != "" {
			w.decline(ctx)
		}
		return err
	})
}

// decline leaves the partition to nodes that know a feature which the first entry of its queue needs. It returns when the
// feature is neither switched on nor known to a node that is alive, or when ctx is done. The heartbeats say that this node
// declines the partition until it has a consumer on it again.
func (w *worker) decline(ctx context.Context) {
	w.hand = nil // the broker has it again
	w.d.progress.Stopped(w.queue)
	w.d.balance.Decline(w.q)
	w.d.metrics.declined.Inc()
	defer w.d.metrics.declined.Dec()
	log := w.d.cfg.Log.With(slog.String("queue", w.queue), slog.String("feature", string(w.declined)))
	log.WarnContext(ctx, "partition left to nodes that know its entries")
	tick := time.NewTicker(peer.Interval)
	defer tick.Stop()
	for w.d.unknowns.inUse(ctx, w.declined) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	log.InfoContext(ctx, "no node knows the entries of the partition any more, consuming it again")
}

// consume handles batches over one registration. It returns nil when it has given up the partition or ctx is done, and an
// error when the registration was lost. The broker delivers what was not acknowledged again, in its order, to the next
// consumer. If the queue is deleted, consume returns when the worker has nothing in hand any more.
func (w *worker) consume(ctx context.Context, s *link.Session) error {
	r, err := w.register(ctx, s)
	switch {
	case isMissing(err):
		return w.deleted(ctx, false)
	case err != nil:
		w.d.balance.Register(w.q, false)
		return err
	}
	w.generation = r.generation
	w.d.balance.Register(w.q, true)
	w.finishOlder(ctx, r)
	err = w.batches(ctx, r)
	w.close(s, r)
	if !r.active.IsZero() {
		w.d.metrics.held.Dec()
	}
	w.hand, w.handOf = append(w.hand, r.backlog.take(math.MaxInt, math.MaxInt)...), r.generation
	if r.cancelled {
		return w.cancelled(ctx, s, !r.active.IsZero())
	}
	return err
}

// batches handles one batch after the other. What is left of the last one is in hand.
func (w *worker) batches(ctx context.Context, r *registration) error {
	for {
		batch, err := w.next(ctx, r)
		if err != nil || len(batch) == 0 {
			return err
		}
		w.learn(ctx, r, &batch[0].Delivery)
		if done, err := w.work(ctx, r, batch); !done || err != nil {
			return err
		}
	}
}

var errInterrupted = errors.New("the broker has closed the channel")

// next waits for a batch. It returns none when ctx is done, or the partition is to be given up.
func (w *worker) next(ctx context.Context, r *registration) ([]arrival, error) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := time.Now()
		n, since := r.backlog.waiting()
		if n > 0 && r.active.IsZero() {
			r.active = now
			w.d.metrics.held.Inc()
		}
		release, changed := w.release(r, now)
		if !release.IsZero() && !now.Before(release) {
			w.noteRelease(ctx, r)
			return nil, nil
		}
		ready := since.Add(w.busy.pause(w.q, now))
		if n >= maxBatch || n > 0 && !now.Before(ready) {
			w.busy.note(w.q, now)
			return r.backlog.take(maxBatch, maxBatchBytes), nil
		}
		wake := time.Hour
		arrived := r.backlog.arrived
		if n > 0 {
			wake, arrived = ready.Sub(now), nil // it is being gathered: each arrival changes nothing
		}
		if !release.IsZero() {
			wake = min(wake, release.Sub(now))
		}
		timer.Reset(wake)
		select {
		case <-arrived:
		case <-timer.C:
		case <-changed:
		case <-r.over:
			return nil, errInterrupted
		case <-ctx.Done():
			return nil, nil
		}
	}
}

const (
	// firstTime is how long an active consumer that is not the owner waits for the others to queue up behind the owner.
	firstTime = peer.Interval / 2
	// secondTime and thirdTime are when the others queue up once more after the members have changed. The owner may have
	// queued up anew, too, when it knew of fewer members, and on a busy machine that takes long.
	secondTime = 2 * peer.Interval
	thirdTime  = 10 * peer.Interval
)

// release returns from when on the partition is to be given up to its owner, zero for never, and a channel that is closed
// when the answer may be another. A worker that gets the partition again and again, because its owner does not consume it,
// waits longer each time.
func (w *worker) release(r *registration, now time.Time) (time.Time, <-chan struct{}) {
	c := w.d.balance.Claim(w.q)
	if c.Version != w.version {
		w.version, w.versionAt, w.released = c.Version, now, 0
	}
	switch {
	case c.Owner:
	case !r.active.IsZero():
		since := w.versionAt
		if r.active.After(since) {
			since = r.active
		}
		return since.Add(firstTime << min(w.released, 7)), c.Changed
	case c.Version != r.version:
		return now, c.Changed
	case r.began.Before(w.versionAt.Add(secondTime)):
		return w.versionAt.Add(secondTime), c.Changed
	case r.began.Before(w.versionAt.Add(thirdTime)):
		return w.versionAt.Add(thirdTime), c.Changed
	}
	return time.Time{}, c.Changed
}

func (w *worker) noteRelease(ctx context.Context, r *registration) {
	if !r.active.IsZero() {
		w.released++
		w.d.metrics.released.Inc()
		w.d.cfg.Log.DebugContext(ctx, "partition given up to its owner", slog.String("queue", w.queue))
	}
}
