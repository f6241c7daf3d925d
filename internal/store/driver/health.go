package driver

import (
	"context"
	"errors"
	"sync"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Health knows whether a database takes appends, for Driver.Check. A driver reports each append to it, and gives it a probe: a
// write by the same way and with the same rights as an append, which leaves nothing. Its methods may be called concurrently.
type Health struct {
	interval time.Duration
	probe    func(ctx context.Context, size int) error

	mu      sync.Mutex
	err     error     // of the last append or probe; nil: it has succeeded
	at      time.Time // when that ended
	size    int       // what the append that failed would have written; 0: none has failed since one has succeeded
	appends int       // how many have ended
	probed  time.Time // when the last probe ended
	running *probing  // nil: no probe is running
}

// probing is a probe that is running. The outcome is set before done is closed.
type probing struct {
	start   time.Time
	appends int // Health.appends at the start
	done    chan struct{}
	outcome error
}

const (
	// checkTime is how long Health.Check waits for a probe: less than store.Config.CheckTimeout, so that a caller gets a reason.
	checkTime = 1800 * time.Millisecond
	// maxProbe bounds the size of a probe, in bytes.
	maxProbe = 1 << 20
)

// NewHealth returns a Health that knows nothing yet, so that the first Check probes. A driver probes at most once in each
// interval, and one probe at a time. The probe writes at least size bytes where a full disk would refuse them; 0 asks for no
// more than it takes to insert one message. Its context has no deadline and is never cancelled: the driver limits the time.
func NewHealth(interval time.Duration, probe func(ctx context.Context, size int) error) *Health {
	return &Health{interval: interval, probe: probe}
}

// Succeeded reports an append that has succeeded.
func (h *Health) Succeeded() { h.ended(nil, 0) }

// Failed reports an append of batch that has failed. Errors that say nothing about the database are ignored: a message that
// it can never hold, a caller that gave up.
func (h *Health) Failed(batch []chat.Message, err error) {
	switch code := errs.CodeOf(err); {
	case code == errs.Invalid, code == errs.Conflict, errors.Is(err, context.Canceled):
		return
	case errors.Is(err, context.DeadlineExceeded):
		err = noAnswer(err)
	}
	size := 64 << 10 // whole pages are written, of several tables and indexes
	for i := range batch {
		size += 1024 + len(batch[i].Room) + len(batch[i].ClientID) + len(batch[i].Msg)
	}
	h.ended(err, min(size, maxProbe))
}

func (h *Health) ended(err error, size int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.at, h.size = err, time.Now(), size
	h.appends++
}

// Check returns nil when an append has succeeded within the interval and none has failed since, or when a probe succeeds. A
// failed append stays a fault until another one or a probe succeeds. If a probe takes long, Check returns what is known, an
// error in any case; the probe goes on, and later calls wait for it.
func (h *Health) Check(ctx context.Context) error {
	p, err := h.current(ctx)
	if p == nil {
		return err
	}
	patience := time.NewTimer(time.Until(p.start.Add(checkTime)))
	defer patience.Stop()
	select {
	case <-p.done:
		return p.outcome
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.err != nil {
			return h.err
		}
		return noAnswer(context.DeadlineExceeded)
	}
}

// current returns what is known without a probe, or else the probe that is running. It starts one if none is.
func (h *Health) current(ctx context.Context) (*probing, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	fresh := h.at
	if h.err != nil {
		fresh = h.probed
	}
	if h.running == nil && !fresh.IsZero() && now.Sub(fresh) < h.interval || h.err == nil && now.Sub(h.at) < h.interval {
		return nil, h.err
	}
	if h.running == nil {
		h.running = &probing{start: now, appends: h.appends, done: make(chan struct{})}
		go h.run(context.WithoutCancel(ctx), h.running, h.size)
	}
	return h.running, nil
}

// run makes a probe. If an append has ended meanwhile, that one counts.
func (h *Health) run(ctx context.Context, p *probing, size int) {
	err := h.probe(ctx, size)
	if errs.CodeOf(err) == errs.Invalid {
		err = nil // the database works, and refuses this message
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running, h.probed = nil, time.Now()
	if h.appends == p.appends {
		h.err, h.at = err, h.probed
		if err == nil {
			h.size = 0
		}
	}
	p.outcome = h.err
	close(p.done)
}

func noAnswer(err error) error {
	return errs.Wrap(errs.Unavailable, err, "the database does not answer")
}
