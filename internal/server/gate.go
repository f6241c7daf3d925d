package server

import (
	"context"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/inflight"
	"restante/internal/journey"
)

// acceptTimeout is how long accepting one message may take. The broker has a shorter limit (10 s), so its error comes first.
// Clients and load balancers wait longer than this.
const acceptTimeout = 15 * time.Second

// gate counts the messages that are being accepted, so that a server that stops refuses new ones and finishes the others.
type gate struct {
	calls  inflight.Calls
	ended  context.Context // done when the messages behind the gate get no more time
	giveUp context.CancelFunc
}

// newGate returns an open gate.
func newGate() *gate {
	g := &gate{}
	g.ended, g.giveUp = context.WithCancel(context.Background())
	return g
}

// Admit returns the gate before next: once the gate is closed it refuses every message, with errs.Unavailable. What it admits is
// accepted in a time of its own (acceptTimeout), whatever becomes of the request or connection that has brought it: the store
// may already have the message when its sender ends.
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptTimeout)
	defer cancel()
	defer context.AfterFunc(a.gate.ended, cancel)()
	return a.next.Accept(ctx, m)
}

// check returns nil while the gate is open.
func (g *gate) check(context.Context) error {
	if g.calls.Closed() {
		return errStopping()
	}
	return nil
}

// close closes the gate and waits for the messages behind it until ctx is done. Then it ends their time: their senders are told
// that the outcome is not known.
func (g *gate) close(ctx context.Context) error {
	defer g.giveUp()
	g.calls.Close()
	return g.calls.WaitContext(ctx)
}

func errStopping() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the server is stopping", NotDone: true}
}
