package signalr

import (
	"fmt"
	"math"

	"restante/internal/errs"
	"restante/internal/memory"
)

// What a connection keeps is counted for the client that has opened it, see Config.Memory. What waits for a peer cannot be given back
// before the peer has taken it. So a connection for whose bytes there is no space ends, and its client, which knows what it has,
// connects again.

// follow says how large the bytes are that wait for the peer of c. The caller holds mu.
func (b *backlog) follow(c *Conn, size int) error {
	return b.level.To(c.server.cfg.Memory, memory.Pending, c.held.Owner(), size)
}

// reserve says how large the message is that is not complete yet, or is being handled. The caller holds turn.
func (c *Conn) reserve(size int) error {
	return c.partial.To(c.server.cfg.Memory, memory.Partial, c.held.Owner(), size)
}

// hold counts what a call of size bytes takes while it runs, which may be long: its arguments and the buffer that they came in. It
// returns the error of the call if there is no space. The caller holds turn.
func (c *Conn) hold(size int) error {
	if c.reserve(cap(c.inbox.partial)+readBuffer+size) == nil {
		return nil
	}
	return &HubError{Msg: fmt.Sprintf("%s: %s; try again in %.0f s", errs.CodeOf(memory.ErrRefused), errs.Public(memory.ErrRefused),
		math.Ceil(memory.RetryAfter.Seconds()))}
}

// sizeOfRun is about what a run takes, in bytes.
const sizeOfRun = 64

// follow counts what is remembered. If there is no space for it, it is forgotten, and the connection can be taken up again only after
// the client has acknowledged that. What must be sent again over the present socket is kept all the same. The caller holds mu.
func (r *resumable) follow() {
	c := r.c
	size := r.sent.bytes + sizeOfRun*cap(r.sent.runs)
	if r.level.To(c.server.cfg.Memory, memory.Kept, c.held.Owner(), size) == nil || r.replaying {
		return
	}
	r.sent.runs, r.sent.bytes = nil, 0
	r.level.End()
}
