package signalr

import (
	"context"
	"encoding/binary"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"restante/internal/memory"
)

// resumable is the outlet of a connection that may outlive its WebSocket (stateful reconnect, HubProtocol.md): it writes to
// the present socket, and remembers what the client has not acknowledged. When a socket ends without a Close message, the
// client is away: the hub's writes wait, calls go on, and their answers are kept. When the client comes back within the
// window, it gets what it lacks, and then what is new. See resume for how it comes back.
//
// mu is taken before the mutex of a socket.
type resumable struct {
	c  *Conn
	on atomic.Bool // the client knows that it may come back; before the handshake, and without it, the socket is all

	mu        sync.Mutex
	socket    *socket // the present one; nil while the client is away
	leftAt    int64   // since when it is away, as Server.now
	wait      time.Duration
	over      bool // nothing more is accepted
	sent      sent
	level     memory.Level       // of what is in sent
	replaying bool               // messages that the client may lack are being written; new ones wait
	replayed  int64              // number of the last one of them
	doubtful  bool               // the client may not have got all that was written again, whatever it acknowledges; see ack
	probing   bool               // a ping waits for its answer
	stop      context.CancelFunc // ends the reading of such messages for a socket that has ended; nil before the first
	back      chan struct{}      // closed when a socket accepts messages again, or nothing does any more; nil while no caller waits

	reader   *socket      // whose bytes are handled; guarded by Conn.turn
	received received     // guarded by Conn.turn
	handled  atomic.Int64 // number of the client's last message that was handled
	told     int64        // the last such number that the client was told over the present socket; guarded by mu
}

// cleanWait is how long a client may be away after a Close frame without a Close message. A client that comes back does so at
// once, since it has seen the frame, or sent it. A page that was left sends the same frame and does not come back.
const cleanWait = closeWait

func newResumable(c *Conn, s *socket) *resumable {
	return &resumable{c: c, socket: s, reader: s, received: received{next: 1}}
}

// resumable returns the outlet of a connection that may outlive its WebSocket; nil of others.
func (c *Conn) resumable() *resumable {
	if r, ok := c.out.(*resumable); ok && r.on.Load() {
		return r
	}
	return nil
}

// survives reports whether the connection outlives the end of its socket.
func (c *Conn) survives() bool { return c.resumable() != nil && !c.stopped.Load() }

// write implements outlet.
func (r *resumable) write(payload []byte, run Run, force bool) outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	numbered := r.on.Load() && run.Count > 0
	switch {
	case r.over:
		return ended
	case r.socket == nil, numbered && r.replaying:
		// It is written later, if at all.
	default:
		switch o := r.socket.write(payload, run, force); {
		case o == full, o == ended && !r.on.Load():
			return o
		case o == taken:
			r.number(run, payload, numbered)
			return taken
		}
	}
	if numbered && !force {
		return full
	}
	r.number(run, payload, numbered)
	return taken
}

// number remembers a numbered message. The caller holds mu.
func (r *resumable) number(run Run, payload []byte, numbered bool) {
	if !numbered {
		return
	}
	r.sent.add(run, payload)
	r.forget()
	if r.socket != nil && !r.replaying && r.sent.isLarge() {
		r.probe()
	}
}

// forget drops what the client has acknowledged and what is beyond the bounds, but nothing that it has not been sent again.
// The caller holds mu.
func (r *resumable) forget() {
	upTo := r.sent.last
	if r.replaying {
		upTo = r.replayed
	}
	r.sent.forget(upTo)
	r.follow()
}

// ack notes what the client has acknowledged. Stock clients acknowledge the last message that they have ever got, also while
// they get older ones again; if their WebSocket ends then, they refuse to go on after a later one than the last that they got
// again. So what was written again counts as acknowledged only when they have got all of it: when they acknowledge a
// message that followed, or answer the ping that followed.
func (r *resumable) ack(number int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doubtful && (r.replaying || r.socket == nil || number <= r.replayed) {
		return
	}
	r.settle(number)
}

// settle takes over an acknowledgement. The caller holds mu.
func (r *resumable) settle(number int64) {
	r.doubtful = false
	r.sent.ack(number)
	r.forget()
}

// probe pings the peer of the present socket. The answer says that it has got all that was written before. It is asked when
// much waits for an acknowledgement, since clients send those once a second. The caller holds mu.
func (r *resumable) probe() {
	if !r.probing {
		r.probing = true
		r.socket.ping(strconv.AppendInt(nil, r.sent.last, 10))
	}
}

// answered notes that the peer of s has answered a ping.
func (r *resumable) answered(s *socket, payload []byte) {
	number, err := strconv.ParseInt(string(payload), 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.socket == s && r.probing && !r.replaying {
		r.probing = false
		r.settle(number)
	}
}

// acknowledge tells the client which of its messages have been handled, if it does not know yet.
func (r *resumable) acknowledge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	number := r.handled.Load()
	if number <= r.told || r.socket == nil || r.over {
		return
	}
	if r.socket.write(r.c.protocol.appendNumber(nil, kindAck, number), Run{}, true) == taken {
		r.told = number
	}
}

// idle implements outlet.
func (r *resumable) idle() (written <-chan struct{}, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil, true
	}
	if r.socket != nil && !r.replaying {
		if written, gone := r.socket.idle(); !gone || !r.on.Load() {
			return written, gone
		}
	}
	return r.comesBack(), false
}

// congested implements outlet. While the client is away, nothing waits: its messages that have arrived are few.
func (r *resumable) congested() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over || r.socket == nil:
		return nil
	case r.replaying:
		if r.sent.bytes > keptBound {
			return r.comesBack()
		}
		return nil
	default:
		return r.socket.congested()
	}
}

// stuckSince implements outlet.
func (r *resumable) stuckSince() (since int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket == nil {
		return 0, false
	}
	return r.socket.stuckSince()
}

// comesBack returns the channel that wake will close. The caller holds mu.
func (r *resumable) comesBack() <-chan struct{} {
	if r.back == nil {
		r.back = make(chan struct{})
	}
	return r.back
}

// wake wakes all callers that wait. The caller holds mu.
func (r *resumable) wake() {
	if r.back != nil {
		close(r.back)
		r.back = nil
	}
}

// finish implements outlet.
func (r *resumable) finish(lastBytes []byte) {
	if s := r.end(); s != nil {
		s.finish(lastBytes)
	}
}

// abort implements outlet.
func (r *resumable) abort() {
	if s := r.end(); s != nil {
		s.abort()
	}
}

// end accepts nothing more, and returns the present socket. If there is none, the connection is over.
func (r *resumable) end() *socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket == nil && !r.over {
		r.c.server.metrics.stateful.suspended.Dec()
		r.c.server.running.Go(r.c.finished)
	}
	r.over = true
	r.sent.runs = nil
	r.level.End()
	r.wake()
	return r.socket
}

// suspend notes that a socket has ended, and reports whether the connection goes on without it: its client may come back.
func (r *resumable) suspend(s *socket) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.socket != s {
		return true // another socket has taken its place
	}
	if !r.c.survives() {
		return false
	}
	r.wait = r.c.server.cfg.ReconnectWindow
	if s.left {
		r.wait = min(r.wait, cleanWait)
	}
	r.socket, r.leftAt, r.replaying = nil, r.c.server.now(), false
	r.stopReplay()
	r.c.server.metrics.stateful.suspended.Inc()
	r.c.server.log.Debug("connection suspended", "connection", r.c.id)
	return true
}

// attach makes s the socket of the connection, in place of one that may seem to be alive. The first thing that it sends is
// the number of the first message that follows. It reports false if the connection cannot go on.
func (r *resumable) attach(s *socket) bool {
	old, ok := r.replace(s)
	if old != nil {
		old.shut()
	}
	return ok
}

func (r *resumable) replace(s *socket) (old *socket, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.c.stopped.Load() || !r.sent.whole() {
		return nil, false
	}
	r.stopReplay()
	old, now := r.socket, r.c.server.now()
	r.c.received.Store(now)
	r.c.sent.Store(now)
	r.c.incompleteSince.Store(0)
	r.socket, r.told = s, 0 // the last acknowledgement may be lost
	r.replaying, r.replayed = r.sent.oldest() <= r.sent.last, r.sent.acked
	r.doubtful, r.probing = r.replaying, false
	s.write(r.c.protocol.appendNumber(nil, kindSequence, r.sent.oldest()), Run{}, true)
	if old == nil {
		r.c.server.metrics.stateful.suspended.Dec()
	}
	if r.replaying {
		var ctx context.Context
		ctx, r.stop = context.WithCancel(r.c.ctx)
		r.c.server.running.Go(func() { r.replay(ctx, s) })
	} else {
		r.wake()
	}
	return old, true
}

// stopReplay ends the replay over a socket that is not the present one any more. The caller holds mu.
func (r *resumable) stopReplay() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// reads reports whether bytes of s are handled: those of the present socket, and what is left of the one before it until
// the present one gives the first. What s continues is then forgotten: the client sends it again. The caller holds turn.
func (r *resumable) reads(s *socket) bool {
	if s == r.reader {
		return true
	}
	r.mu.Lock()
	present := r.socket
	r.mu.Unlock()
	if s != present {
		return false
	}
	r.reader, r.c.inbox = s, inbox{}
	r.c.incompleteSince.Store(0)
	return true
}

// closesOnly reports whether a Close frame of the peer ends only the socket, so that its client may come back. A client that
// needs the connection no longer sends a Close message, or the code 1000. Proxies that stop use other codes, and clients that
// hear nothing from the server use none.
func (s *socket) closesOnly(payload []byte) bool {
	normal := len(payload) >= 2 && ws.StatusCode(binary.BigEndian.Uint16(payload)) == ws.StatusNormalClosure
	if normal && s.c.isPresent(s) || !s.c.survives() {
		return false
	}
	s.left = true
	s.end(nil, ws.StatusNormalClosure)
	return true
}

// isPresent reports whether s is the socket of the connection. It is not when another one has taken its place.
func (c *Conn) isPresent(s *socket) bool {
	r := c.resumable()
	if r == nil {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.socket == s
}

// closing returns the socket that is told why the connection ends, after s has found a reason; nil while the client is away.
func (s *socket) closing() *socket {
	if r, ok := s.c.out.(*resumable); ok {
		return r.end()
	}
	return s
}

// check applies the limits of time, and sends what is due. It reports whether the client is away.
func (r *resumable) check(now int64) (away bool) {
	r.mu.Lock()
	away = r.socket == nil
	late := away && now-r.leftAt >= int64(r.wait)
	r.mu.Unlock()
	if late {
		r.c.server.metrics.stateful.ended(reconnectLate)
		r.c.drop(causeGone)
	}
	if !away {
		r.acknowledge()
	}
	return away
}

// cut ends the present socket, whose peer has fallen silent. The client may come back.
func (r *resumable) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.socket; s != nil {
		r.c.server.running.Go(s.shut) // over TLS it may have to wait
	}
}
