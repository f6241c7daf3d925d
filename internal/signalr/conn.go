package signalr

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is one client's connection, over whichever transport. Its methods may be called concurrently.
type Conn struct {
	server    *Server
	id        string
	token     string    // opens the connection; "" when negotiation was skipped
	owner     string    // Identity.Name of the opening request, and of all later ones
	expires   time.Time // Identity.Expires of the opening request; what later ones show does not prolong it
	transport Transport
	out       outlet   // set before the connection is live
	lag       *backlog // of out
	query     string   // of the opening request, until the hub has seen it
	openedAt  int64    // as Server.now

	// Messages also arrive in requests of their own (POST), so the connection's life is not a call that a context
	// could be passed down; what the hub is handed is made from these.
	ctx    context.Context
	cancel context.CancelFunc

	phase    sync.Mutex // held while the handshake is answered, and while a farewell is chosen and sent
	turn     sync.Mutex // held while received bytes are handled, and when the session is closed
	inbox    inbox
	due      int64 // when the rate of the client's messages is what it may be, as Server.now; see pace
	session  Session
	protocol Protocol      // set before shaken
	accepted chan struct{} // closed when the handshake has been answered

	live     bool         // the sweeper looks at it; guarded by the registry
	shaken   atomic.Bool  // the handshake has been answered
	armed    atomic.Bool  // the client has pinged once: its silence means something
	busy     atomic.Bool  // a message is being handled: silence means nothing
	stopped  atomic.Bool  // the end has begun
	over     atomic.Bool  // the end is complete
	posts    atomic.Int32 // requests with messages that are being handled, or wait
	received atomic.Int64 // when bytes last came, as Server.now
	begun    atomic.Int64 // since when a message, or a frame, is incomplete; 0: none is
	sent     atomic.Int64 // when a payload was last taken
	endedAt  atomic.Int64 // when the end began
	cause    atomic.Int32 // why; set after stopped
}

// outlet is the writing half of a transport. Nothing in it blocks.
type outlet interface {
	// write takes payload unless bytes wait already (or too many); forced, it takes it in any case. It keeps nothing of
	// payload.
	write(payload []byte, force bool) outcome
	// finish takes the last payload, which may be empty, and lets the transport end once it is written.
	finish(farewell []byte)
	// abort ends the transport at once and drops what waits.
	abort()
}

type outcome int

const (
	full  outcome = iota // nothing was taken
	taken                // everything was taken
	ended                // everything was dropped: the connection has ended
)

// ID returns the public name of the connection: it may be shown and logged, and opens nothing.
func (c *Conn) ID() string { return c.id }

// Protocol returns the encoding that the client chose in its handshake.
func (c *Conn) Protocol() Protocol { return c.protocol }

// Transport returns the transport.
func (c *Conn) Transport() Transport { return c.transport }

// TryWrite sends payload (one or more whole hub messages in the connection's Protocol, up to 64 KiB or one larger
// message) without ever blocking. It reports false, and takes nothing, while earlier bytes still wait for the peer, and
// until the handshake is answered;
// otherwise it takes all of payload (copying what the socket did not take at once, which is then flushed in the
// background) and reports true. It does not keep payload. After the connection has ended it reports true and drops the
// payload. Concurrent with everything.
func (c *Conn) TryWrite(payload []byte) bool {
	if !c.shaken.Load() && !c.stopped.Load() {
		return false
	}
	return c.out.write(payload, false) != full
}

// Wait blocks until the handshake is answered and some of the bytes that were written earlier are gone (over WebSockets:
// all), so that TryWrite may take more; it does not block when none wait. It returns the error of ctx, or ErrClosed when the connection has ended.
func (c *Conn) Wait(ctx context.Context) error {
	select {
	case <-c.accepted:
	case <-c.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	gone, over := c.lag.idle()
	if over {
		return ErrClosed
	}
	if gone == nil {
		return ctx.Err()
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close tells the client why, if reason is not empty, and whether it should connect again, and ends the connection. It
// returns at once; the last bytes are written in the background for at most five seconds. Only the first Close counts.
func (c *Conn) Close(reason string, allowReconnect bool) {
	c.stopSaying(causeServer, reason, allowReconnect)
}

// stopSaying is stop with a Close message or, before the handshake is answered, with the only thing that a client then
// understands: its failure.
func (c *Conn) stopSaying(why cause, text string, allowReconnect bool) {
	c.phase.Lock()
	defer c.phase.Unlock()
	if c.shaken.Load() {
		c.stop(why, c.protocol.appendClose(nil, text, allowReconnect))
	} else {
		c.stop(why, handshakeError("Handshake was canceled."))
	}
}

// begin claims the end of the connection for one cause; it is true for the first caller only.
func (c *Conn) begin(why cause) bool {
	if !c.stopped.CompareAndSwap(false, true) {
		return false
	}
	c.cause.Store(int32(why))
	c.endedAt.Store(c.server.now())
	c.cancel()
	return true
}

// stop ends the connection in good order: farewell is the last that the client gets.
func (c *Conn) stop(why cause, farewell []byte) {
	if c.begin(why) {
		c.out.finish(farewell)
		c.server.running.Go(c.release)
	}
}

// drop ends the connection at once: the peer is gone, or is to be rid of.
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
	if c.session != nil {
		c.session.Close()
	}
	c.inbox = inbox{}
}

// finished is called by the transport when it is through with the connection, which must have been stopped. Calls after
// the first have no effect.
func (c *Conn) finished() {
	if !c.over.CompareAndSwap(false, true) {
		return
	}
	why := cause(c.cause.Load())
	c.server.metrics.closed(c.transport, why)
	c.server.log.Debug("connection closed", "connection", c.id, "transport", c.transport.String(), "reason", why.String(),
		"open_for", time.Duration(c.server.now()-c.openedAt))
	c.server.registry.remove(c)
}

// hubQuery returns the opening request's query without the secrets in it.
func (c *Conn) hubQuery() url.Values {
	query, _ := url.ParseQuery(c.query) // malformed parts are left out, as net/http does
	for name := range query {
		if strings.EqualFold(name, "id") || strings.EqualFold(name, "access_token") {
			delete(query, name)
		}
	}
	c.query = ""
	return query
}

// cause is why a connection ended: a label of the metrics.
type cause int32

const (
	causeClient     cause = iota // the client said goodbye
	causeGone                    // the client went away without a word
	causeServer                  // Conn.Close, by the hub
	causeDrain                   // the server is going down
	causeHandshake               // the handshake failed or did not come
	causeMalformed               // bytes that are no message
	causeTooLarge                // a message beyond the limit
	causeTimeout                 // silence
	causeStalled                 // takes nothing
	causeRefused                 // by the hub's Connect
	causeExpired                 // the identity that opened it has expired
	causeUnfinished              // a message, or a frame, that did not end
	causes                       // the number of causes
)

// String is the value of the metrics' label.
func (c cause) String() string {
	return [causes]string{
		"client", "gone", "server", "drain", "handshake", "malformed", "too_large", "timeout", "stalled", "refused", "expired",
		"unfinished",
	}[c]
}
