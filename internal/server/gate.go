package server

import (
	"context"
	"sync"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
)

// gate stands before Accept and is shut when the server stops.
type gate struct {
	next *journey.Accept

	mu     sync.Mutex
	closed bool
	inside sync.WaitGroup // messages on their way; added to under mu, and not once closed
}

// Accept is journey.Accept while the gate is open.
func (g *gate) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return m, errStopping()
	}
	g.inside.Add(1)
	g.mu.Unlock()
	defer g.inside.Done()
	return g.next.Accept(ctx, m)
}

// check returns nil while the gate is open.
func (g *gate) check(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errStopping()
	}
	return nil
}

// shut lets nothing in any more and waits for what is inside until ctx is done.
func (g *gate) shut(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	empty := make(chan struct{})
	go func() {
		g.inside.Wait()
		close(empty)
	}()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errStopping() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the server is stopping; try again, with the same id"}
}
