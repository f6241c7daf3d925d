package signalr

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/memory"
)

// Conn is one client's connection, over whichever transport. Its methods may be called concurrently.
type Conn struct {
	server    *Server
	id        string
	token     string          // opens the connection; "" when negotiation was skipped
	owner     string          // Identity.Name of the opening request, and of all later ones
	held      *memory.Holding // what the connection itself takes
	transport Transport
	out       outlet // set before the connection is live
	query     string // of the opening request, until the hub has seen it
	openedAt  int64  // as Server.now

	// Messages also arrive in requests of their own (POST), so no single call lasts as long as the connection and could
	// pass a context down. The contexts of the hub's calls come from this one.
	ctx    context.Context
	cancel context.CancelFunc

	rights  sync.Mutex   // held while the rights change, and while the session is set; see present
	issued  time.Time    // Identity.Issued of the newest token that was shown
	expires time.Time    // Identity.Expires of that token
	expired bool         // the connection is ending because that token does
	renewed *callContext // of the hub's calls after a newer token was shown; nil before

	phase    sync.Mutex // held while the handshake is answered, and while the last bytes are chosen and sent
	turn     sync.Mutex // held while received bytes are handled, and when the session is closed
	inbox    inbox
	due      int64         // when the client's messages are within their rate again, as Server.now; see pace
	partial  memory.Level  // of the message in inbox, or in hand; guarded by turn
	session  Session       // set under turn and rights
	protocol Protocol      // set before handshakeDone
	accepted chan struct{} // closed when the handshake has been answered

	checked         int64        // the Recheck for which the sweeper has looked at it; the sweeper's alone
	live            bool         // the sweeper checks it; guarded by the registry
	handshakeDone   atomic.Bool  // the handshake has been answered
	pinged          atomic.Bool  // the client has pinged before, so its silence is a timeout
	busy            atomic.Bool  // a message is being handled, so silence is no timeout
	stopped         atomic.Bool  // the end has begun
	over            atomic.Bool  // the end is complete
	posts           atomic.Int32 // POST requests that are being handled, or wait
	received        atomic.Int64 // when bytes last came, as Server.now
	incompleteSince atomic.Int64 // since when a message, or a frame, is incomplete; 0: none is
	sent            atomic.Int64 // when a payload was last accepted
	endedAt         atomic.Int64 // when the end began
	cause           atomic.Int32 // why; set after stopped
}

// outlet is the writing half of a transport. Nothing in it blocks.
type outlet interface {
	// write accepts payload unless (too many) bytes are pending. With force it always accepts it. It does not keep payload.
	// run says what it consists of: the zero Run is what no client numbers, such as a Ping.
	write(payload []byte, run Run, force bool) outcome
	// idle, congested and stuckSince are those of backlog.
	idle() (written <-chan struct{}, ended bool)
	congested() <-chan struct{}
	stuckSince() (since int64, ok bool)
	// finish accepts the last payload, which may be empty, and ends the transport when that is written.
	finish(lastBytes []byte)
	// abort ends the transport at once and drops pending bytes.
	abort()
}

type outcome int

const (
	full  outcome = iota // nothing was accepted
	taken                // everything was accepted
	ended                // everything was dropped: the connection has ended
)

// ID returns the public name of the connection. It may be shown and logged: it opens nothing.
func (c *Conn) ID() string { return c.id }

// Protocol returns the encoding that the client chose in its handshake.
func (c *Conn) Protocol() Protocol { return c.protocol }

// Transport returns the transport.
func (c *Conn) Transport() Transport { return c.transport }

// TryWrite sends payload (one whole hub message in the connection's Protocol) without ever blocking. It reports false, and accepts nothing, while earlier bytes are pending and until the
// handshake is answered. Otherwise it accepts all of payload and reports true: it copies what the socket did not accept at
// once, and writes it in the background. It does not keep payload. After the connection has ended it reports true and
// drops the payload. It may be called concurrently with everything.
func (c *Conn) TryWrite(payload []byte) bool { return c.TryWriteRun(payload, own) }

// TryWriteRun is TryWrite for messages of a log, up to 64 KiB or one larger message, which run names. A connection that may
// outlive its WebSocket keeps no copy of them: if they do not arrive, they are asked for again (Session.Replay).
func (c *Conn) TryWriteRun(payload []byte, run Run) bool {
	if !c.handshakeDone.Load() && !c.stopped.Load() {
		return false
	}
	return c.out.write(payload, run, false) != full
}

// Wait blocks until the handshake is answered and some of the pending bytes (over WebSockets: all) are written, so that
// TryWrite may accept more. While the client of a connection that outlives its WebSocket is away, it blocks until that is back. It does not block when no bytes are pending. It returns the error of ctx, or ErrClosed when the
// connection has ended.
func (c *Conn) Wait(ctx context.Context) error {
	select {
	case <-c.accepted:
	case <-c.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	written, ended := c.out.idle()
	if ended {
		return ErrClosed
	}
	if written == nil {
		return ctx.Err()
	}
	select {
	case <-written:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connection. It tells the client why, if reason is not empty, and whether to connect again. It returns at
// once; the last bytes are written in the background within five seconds. Only the first Close counts.
func (c *Conn) Close(reason string, allowReconnect bool) {
	c.closeWith(causeServer, reason, allowReconnect)
}

// Renew asks the client to connect again: it is Close with allowReconnect and without a reason, but not before the handshake has
// been answered. A client whose handshake fails does not connect again by itself. It returns at once.
func (c *Conn) Renew() {
	select {
	case <-c.accepted:
		c.closeWith(causeServer, "", true)
	case <-c.ctx.Done():
	default:
		c.server.running.Go(func() {
			select {
			case <-c.accepted:
				c.closeWith(causeServer, "", true)
			case <-c.ctx.Done():
			}
		})
	}
}

// closeWith is stop with a Close message. Before the handshake is answered, it answers that the handshake has failed,
// because the client understands nothing else then. A client of a node that ends gets no answer: it tries again when its
// transport ends, but the official one in JavaScript ends its whole process when a handshake fails over long polling.
func (c *Conn) closeWith(why cause, text string, allowReconnect bool) {
	c.phase.Lock()
	defer c.phase.Unlock()
	switch {
	case c.handshakeDone.Load():
		c.stop(why, c.protocol.appendClose(nil, text, allowReconnect))
	case why == causeDrain:
		c.stop(why, nil)
	default:
		c.stop(why, handshakeError("Handshake was canceled."))
	}
}

// begin starts the end of the connection, with its cause. It reports true only for the first caller.
func (c *Conn) begin(why cause) bool {
	if !c.stopped.CompareAndSwap(false, true) {
		return false
	}
	c.cause.Store(int32(why))
	c.endedAt.Store(c.server.now())
	c.cancel()
	return true
}

// stop ends the connection in good order: lastBytes are the last that the client gets.
func (c *Conn) stop(why cause, lastBytes []byte) {
	if c.begin(why) {
		c.out.finish(lastBytes)
		c.server.running.Go(c.release)
	}
}

// drop ends the connection at once, because the peer has disconnected or must be disconnected.
func (c *Conn) drop(why cause) {
	if c.begin(why) {
		c.server.running.Go(c.release)
	}
	c.out.abort()
}

// release closes the session when the last call has returned.
func (c *Conn) release() {
	c.turn.Lock()
	defer c.turn.Unlock()
	c.endSession()
	c.inbox = inbox{}
	c.partial.End()
}

// finished removes the connection. Its transport calls it when it has ended, after the connection was stopped. Calls after
// the first have no effect.
func (c *Conn) finished() {
	if !c.over.CompareAndSwap(false, true) {
		return
	}
	why := cause(c.cause.Load())
	c.server.metrics.closed(c.transport, why)
	c.server.log.Debug("connection closed", "connection", c.id, "transport", c.transport.String(), "reason", why.String(),
		"open_for", time.Duration(c.server.now()-c.openedAt))
	if q, ok := c.out.(*queue); ok {
		q.abort() // the client may not have fetched its last bytes
	}
	c.server.registry.remove(c)
}

// hubQuery returns what the hub needs of the opening request's query.
func (c *Conn) hubQuery() url.Values {
	query := parseQuery(c.query)
	c.held.Shrink(len(c.query))
	c.query = ""
	return query
}

// cause is why a connection ended: a label of the metrics.
type cause int32

const (
	causeClient     cause = iota // the client closed it
	causeGone                    // the client disconnected without closing it
	causeServer                  // Conn.Close, by the hub
	causeDrain                   // the server stops
	causeHandshake               // the handshake failed or did not come
	causeMalformed               // the bytes are not a message
	causeTooLarge                // a message beyond the limit
	causeTimeout                 // silence
	causeStalled                 // the peer accepts nothing
	causeRefused                 // by the hub's Connect
	causeExpired                 // the identity that opened it has expired
	causeUnfinished              // a message, or a frame, that did not end
	causeMemory                  // there was no space for the bytes that wait in it
	causeRevoked                 // what its client has shown does not count any more
	causes                       // the number of causes
)

// String is the value of the metrics' label.
func (c cause) String() string {
	return [causes]string{
		"client", "gone", "server", "drain", "handshake", "malformed", "too_large", "timeout", "stalled", "refused", "expired",
		"unfinished", "memory", "revoked",
	}[c]
}
