// Package lifecycle starts the parts of a program in order and stops them in reverse. A part is a Step with a name; the
// list of steps is the program's table of contents. Package server has one.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Step is one part of a program. It has Start, Run, or both.
type Step struct {
	Name string
	Skip bool // the program does without this step

	// Start returns once the part has started, with the function that stops it: nil when nothing needs to be stopped. ctx
	// limits the start only. After an error nothing of the part runs.
	Start func(ctx context.Context) (Stop, error)

	// Run is a loop, called in a goroutine after Start. It ends when ctx does, and returns nil then. If it returns earlier,
	// or with an error, the program has failed, see Group.Failed. It ends before the part's Stop is called.
	Run func(ctx context.Context) error
}

// Stop stops a part. It should return soon after ctx is done.
type Stop func(ctx context.Context) error

// ErrStopped is the error of Start when Stop was called before all steps had started.
var ErrStopped = errors.New("stopped before everything had started")

// Group is a list of steps that start and stop together, once. Its methods may be called concurrently.
type Group struct {
	steps  []Step
	failed chan error // buffered: the first failure

	mu       sync.Mutex
	starting context.CancelFunc // ends a Start in progress
	started  chan struct{}      // closed when Start has returned; nil before it is called
	stopping bool

	running  []part // in the order of their start; written by Start, read by Stop after that
	stopOnce sync.Once
	stopErr  error
}

// part is a step that was started.
type part struct {
	name string
	stop Stop
}

// New returns a group of which nothing has started.
func New(steps ...Step) *Group { return &Group{steps: steps, failed: make(chan error, 1)} }

// Start starts the steps, one after the other, and returns the first error as it is. Call it once. The parts outlive ctx.
// After an error, too, Stop stops what has started.
func (g *Group) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	started := make(chan struct{})
	defer close(started)
	g.mu.Lock()
	if g.stopping {
		g.mu.Unlock()
		return ErrStopped
	}
	g.starting, g.started = cancel, started
	g.mu.Unlock()
	for _, step := range g.steps {
		if step.Skip {
			continue
		}
		if g.isStopping() {
			return ErrStopped
		}
		if err := g.startStep(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) isStopping() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopping
}

func (g *Group) startStep(ctx context.Context, step Step) error {
	if step.Start != nil {
		stop, err := step.Start(ctx)
		if err != nil {
			return err
		}
		if stop != nil {
			g.running = append(g.running, part{step.Name, stop})
		}
	}
	if step.Run != nil {
		g.running = append(g.running, part{step.Name, g.runInBackground(ctx, step)})
	}
	return nil
}

// runInBackground calls step.Run in a goroutine and returns what ends it.
func (g *Group) runInBackground(ctx context.Context, step Step) Stop {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := step.Run(ctx); err != nil {
			g.Fail(fmt.Errorf("%s has ended: %w", step.Name, err))
		} else if ctx.Err() == nil {
			g.Fail(fmt.Errorf("%s has ended", step.Name))
		}
	}()
	return func(context.Context) error {
		cancel()
		<-done
		return nil
	}
}

// Fail reports the failure of a part. Only the first counts: those that follow are its consequences.
func (g *Group) Fail(err error) {
	select {
	case g.failed <- err:
	default:
	}
}

// Failed receives the first failure of a part that has started. The program is of no use then; stop it.
func (g *Group) Failed() <-chan error { return g.failed }

// Stop stops the parts that have started, in reverse order, and returns their errors, joined. It waits for each part until
// ctx is done, and no longer. A Start in progress is ended first, by its context. Further calls wait for the same outcome.
func (g *Group) Stop(ctx context.Context) error {
	g.stopOnce.Do(func() { g.stopErr = g.stopAll(ctx) })
	return g.stopErr
}

func (g *Group) stopAll(ctx context.Context) (err error) {
	g.mu.Lock()
	g.stopping = true
	started := g.started
	if started != nil {
		g.starting()
	}
	g.mu.Unlock()
	if started != nil {
		<-started
	}
	for _, p := range slices.Backward(g.running) {
		err = errors.Join(err, p.stopWithin(ctx))
	}
	return err
}

// grace is how long a part may take to stop when ctx is done already, because an earlier one has used up the time.
const grace = 100 * time.Millisecond

// stopWithin stops the part, but does not wait for it beyond ctx: the program must end.
func (p part) stopWithin(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- p.stop(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(grace):
			err = fmt.Errorf("not done in time: %w", ctx.Err())
		}
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	return nil
}
