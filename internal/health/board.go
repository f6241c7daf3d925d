package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"restante/internal/errs"
)

// Check is one of the conditions of readiness.
type Check struct {
	Name string // such as storing
	// Do returns nil when the condition holds. Its ctx ends after Limit. The board calls it in a goroutine, and not again
	// before it has returned.
	Do func(ctx context.Context) error
	// Degrades reports whether the node is useful even while the check fails: the failure is reported then, but load
	// balancers go on using the node. It is called after a failure and must not block. Default: the node is not useful.
	Degrades func() bool
}

// Outcome is what a check has found.
type Outcome struct {
	Name     string
	Err      error // nil: the condition holds
	Degrades bool  // the node is useful nevertheless
}

// Reason returns what may be told about a failure: the text of a classified error, without its cause.
func (o Outcome) Reason() string {
	if o.Err == nil {
		return ""
	}
	if e, ok := errors.AsType[*errs.Error](o.Err); ok && e.Msg != "" {
		return e.Msg
	}
	if errors.Is(o.Err, context.DeadlineExceeded) {
		return "no answer within " + Limit.String()
	}
	return "it failed; the log has the cause"
}

// Limit is how long a check may take. One that takes longer has failed.
const Limit = 3 * time.Second

var errNotYet error = &errs.Error{Code: errs.Unavailable, Msg: "it has not been checked yet"}

const (
	fresh = 500 * time.Millisecond // for so long an outcome is used again, however often somebody asks
	every = time.Second            // how often Watch asks
	// settle is for how long new checks may fail without a line in the log: connections are made in that time.
	settle = 5 * time.Second
)

// Accepting is the name of the first check of every board: the node is not about to stop.
const Accepting = "accepting"

// Config configures a Board. The zero value is ready to use.
type Config struct {
	// Log gets a line when a check begins to fail, and when it succeeds again. Default: discarded.
	Log *slog.Logger
	// Report gets the names of the checks that fail, about once a second, while Watch runs. It must not block.
	Report func(failing []string)
}

// Board runs checks and keeps their outcomes. Its methods may be called concurrently.
type Board struct {
	cfg Config

	mu       sync.Mutex
	added    time.Time // when the newest check was added
	probes   []*probe
	stopping error
	running  sync.WaitGroup // calls of Check.Do
}

// NewBoard returns a board without checks of its own, but for Accepting. Close it in the end.
func NewBoard(cfg Config) *Board {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Board{cfg: cfg}
}

// Add adds checks. Their outcomes come in the order in which they were added.
func (b *Board) Add(checks ...Check) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added = time.Now()
	for _, c := range checks {
		b.probes = append(b.probes, &probe{Check: c, err: errNotYet})
	}
}

// Stop makes Accepting fail from now on, with this error. Outcomes then answers at once, with what the other checks have
// found last: load balancers must hear of a stop in time.
func (b *Board) Stop(reason error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopping = reason
}

// Close waits for the checks that still run, until ctx is done.
func (b *Board) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { defer close(done); b.running.Wait() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a check has not returned: %w", ctx.Err())
	}
}

// Outcomes returns an outcome for each check, Accepting first. They are not older than half a second. It runs the checks
// concurrently where that is needed and blocks for Limit at most. It does not wait for a check that has exceeded Limit
// already.
func (b *Board) Outcomes() []Outcome {
	for _, c := range b.start() {
		c.wait()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	outcomes := []Outcome{{Name: Accepting, Err: b.stopping}}
	for _, p := range b.probes {
		o := Outcome{Name: p.Name, Err: p.err}
		if p.call != nil && time.Since(p.call.began) >= Limit {
			o.Err = context.DeadlineExceeded
		}
		o.Degrades = o.Err != nil && p.Degrades != nil && p.Degrades()
		outcomes = append(outcomes, o)
		b.log(p, o)
	}
	return outcomes
}

// Watch asks for the outcomes about once a second and reports those that fail, until ctx is done. It returns nil.
func (b *Board) Watch(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		var failing []string
		for _, o := range b.Outcomes() {
			if o.Err != nil {
				failing = append(failing, o.Name)
			}
		}
		if b.cfg.Report != nil {
			b.cfg.Report(failing)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// probe is a check with its last outcome. The board's mutex guards all but Check.
type probe struct {
	Check
	asked  time.Time // when the last call began
	call   *call     // the call that has not returned yet, if there is one
	err    error     // of the last call that has returned
	failed bool      // as the log says
}

// call is a call of Check.Do.
type call struct {
	began time.Time
	ended chan struct{} // closed when it has returned
}

// wait returns when the call has returned, or has exceeded Limit.
func (c *call) wait() {
	timer := time.NewTimer(time.Until(c.began.Add(Limit)))
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
	}
}

// start calls the checks whose last outcome is not fresh, except those that are being called. It returns the calls that
// have not returned, none while the server stops.
func (b *Board) start() (calls []*call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping != nil {
		return nil
	}
	now := time.Now()
	for _, p := range b.probes {
		if p.call == nil && (p.asked.IsZero() || now.Sub(p.asked) >= fresh) {
			p.asked, p.call = now, &call{began: now, ended: make(chan struct{})}
			b.run(p, p.call)
		}
		if p.call != nil {
			calls = append(calls, p.call)
		}
	}
	return calls
}

func (b *Board) run(p *probe, c *call) {
	b.running.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Limit)
		defer cancel()
		err := p.Do(ctx)
		b.mu.Lock()
		defer b.mu.Unlock()
		p.call, p.err = nil, err
		close(c.ended)
	})
}

// log logs a check when its outcome has changed, because probes ask all the time. The caller has the mutex.
func (b *Board) log(p *probe, o Outcome) {
	failed := o.Err != nil
	if failed == p.failed || failed && time.Since(b.added) < settle {
		return
	}
	p.failed = failed
	switch {
	case !failed:
		b.cfg.Log.Info("ready again", slog.String("check", p.Name))
	case o.Degrades:
		b.cfg.Log.Warn("degraded", slog.String("check", p.Name), slog.Any("error", o.Err))
	default:
		b.cfg.Log.Warn("not ready", slog.String("check", p.Name), slog.Any("error", o.Err))
	}
}
