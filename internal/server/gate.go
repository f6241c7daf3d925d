package server

import (
	"context"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/inflight"
	"restante/internal/journey"
)

// gate counts the messages that are being accepted, so that a server that stops refuses new ones and finishes the others.
// The zero value is open.
type gate struct{ calls inflight.Calls }

// Admit returns the gate before next: once the gate is closed it refuses every message, with errs.Unavailable.
func (g *gate) Admit(next journey.Accepter) journey.Accepter { return admitted{g, next} }

type admitted struct {
	gate *gate
	next journey.Accepter
}

// Accept implements journey.Accepter.
func (a admitted) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	if !a.gate.calls.Begin() {
		return m, errStopping()
	}
	defer a.gate.calls.End()
	return a.next.Accept(ctx, m)
}

// check returns nil while the gate is open.
func (g *gate) check(context.Context) error {
	if g.calls.Closed() {
		return errStopping()
	}
	return nil
}

// close closes the gate and waits for the messages behind it until ctx is done.
func (g *gate) close(ctx context.Context) error {
	g.calls.Close()
	return g.calls.WaitContext(ctx)
}

func errStopping() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the server is stopping; try again, with the same id"}
}
