package signalr

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// registry has the connections, and the tokens that may open one. It decides what a token may open.
type registry struct {
	mu        sync.Mutex
	conns     map[*Conn]struct{}
	tokens    map[string]*Conn // that have opened a connection
	unused    map[string]unused
	early     early
	maxUnused int
	sweeping  bool
	closed    bool          // no new connections
	empty     chan struct{} // closed when closed and no connection is left
}

// unused is a token that has opened nothing yet.
type unused struct {
	since int64  // when it was issued, as Server.now
	owner string // the client that got it
	shown *shown // the newest token in a refresh; nil: there was none
}

// shown is what a request has shown before its connection was opened.
type shown struct {
	ctx    context.Context // has the values of the request
	sender Identity
}

func (g *registry) init(maxUnused int) {
	g.conns, g.tokens, g.unused = map[*Conn]struct{}{}, map[string]*Conn{}, map[string]unused{}
	g.early = newEarly()
	g.empty = make(chan struct{})
	g.maxUnused = maxUnused
}

// reserve registers a token that may open a connection of its owner.
func (g *registry) reserve(s *Server, token, owner string) *Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errGoingDown
	}
	if len(g.unused) >= g.maxUnused {
		return &Refusal{Status: http.StatusServiceUnavailable, Text: "Too many negotiated connections wait to be opened"}
	}
	g.unused[token] = unused{since: s.now(), owner: owner}
	g.watch(s)
	return nil
}

// add admits a new connection whose token, if it has one, was not reserved here.
func (g *registry) add(s *Server, c *Conn) *Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errGoingDown
	}
	if open := g.tokens[c.token]; open != nil {
		if open.owner != c.owner {
			return errNoConnection
		}
		return errIsOpen
	}
	g.insert(s, c)
	return nil
}

// insert adds a connection. The caller holds mu.
func (g *registry) insert(s *Server, c *Conn) {
	if c.token != "" {
		g.tokens[c.token] = c
	}
	g.conns[c] = struct{}{}
	g.watch(s)
}

// watch starts the sweeper unless it runs. The caller holds mu.
func (g *registry) watch(s *Server) {
	if !g.sweeping {
		g.sweeping = true
		s.running.Go(s.sweep)
	}
}

// isUnused reports whether a token of that owner has not been used yet.
func (g *registry) isUnused(token, owner string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	u, waits := g.unused[token]
	return waits && u.owner == owner
}

// find returns the connection that a token has opened for its owner. It returns nil for other owners, and if there is none.
func (g *registry) find(token, owner string) *Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.tokens[token]; c != nil && c.owner == owner {
		return c
	}
	return nil
}

// resumable returns the open connection of a token and its owner if it may outlive its WebSocket, or nil.
func (g *registry) resumable(token, owner string) *resumable {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.tokens[token]; c != nil && c.owner == owner && c.live && c.survives() {
		return c.resumable()
	}
	return nil
}

// opened returns the connection that a token has opened, also of another owner, or nil.
func (g *registry) opened(token string) *Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tokens[token]
}

// presentUnused notes the newest token that is shown before a connection is opened. It returns when that ends, and the owner, to
// whom alone it is noted. found is false if no such token of a connection waits here.
func (g *registry) presentUnused(ctx context.Context, token string, sender Identity) (expires time.Time, owner string, found bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	u, found := g.unused[token]
	if !found || u.owner != sender.Name {
		return expires, u.owner, found
	}
	if u.shown == nil || sender.newerThan(u.shown.sender) {
		u.shown = &shown{context.WithoutCancel(ctx), sender}
		g.unused[token] = u
	}
	return u.shown.sender.Expires, u.owner, true
}

// take forgets a token of that owner that has opened nothing yet, and reports whether there was one: only one caller gets it.
func (g *registry) take(s *Server, token, owner string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	u, waits := g.unused[token]
	if !waits || u.owner != owner {
		return false
	}
	delete(g.unused, token)
	g.takeEarly(s, token)
	return true
}

// waits reports whether a token has opened nothing yet, also of another owner.
func (g *registry) waits(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, waits := g.unused[token]
	return waits
}

// claim opens the connection of a token, or finds the one that the token has opened. WebSockets and Server-Sent Events
// claim it once; long polling claims it with each poll.
func (g *registry) claim(s *Server, token string, sender Identity, t Transport) (c *Conn, first bool, refused *Refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if u, waits := g.unused[token]; waits && u.owner == sender.Name {
		delete(g.unused, token)
		c = s.newConn(token, sender, t)
		if u.shown != nil {
			c.present(u.shown.ctx, u.shown.sender)
		}
		g.insert(s, c)
		return c, true, nil
	}
	c = g.tokens[token]
	switch {
	case c == nil || c.owner != sender.Name:
		return nil, false, errNoConnection
	case c.transport != t:
		return nil, false, &Refusal{Status: http.StatusBadRequest, Text: "Cannot change transports mid-connection"}
	case t == LongPolling:
		return c, false, nil
	case c.stopped.Load():
		return nil, false, errNoConnection
	default:
		return nil, false, errIsOpen
	}
}

// activate makes a complete connection visible to the sweeper and to requests. It returns the bytes that came before, and
// whether the server has begun to drain.
func (g *registry) activate(c *Conn) (before []byte, draining bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.live = true
	return g.takeEarly(c.server, c.token), g.closed
}

// takeEarly removes and returns the bytes that came early with a token. The caller holds mu.
func (g *registry) takeEarly(s *Server, token string) []byte {
	if token == "" || len(g.early.bytes) == 0 {
		return nil
	}
	before := g.early.take(s, token)
	s.metrics.early.Set(float64(g.early.size))
	return before
}

// isLive reports whether the connection has been opened completely.
func (g *registry) isLive(c *Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return c.live
}

// queue returns the outlet of an open connection over Server-Sent Events or long polling, otherwise nil.
func (g *registry) queue(c *Conn) *queue {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !c.live {
		return nil
	}
	q, _ := c.out.(*queue)
	return q
}

func (g *registry) remove(c *Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.conns[c]; !known {
		return
	}
	delete(g.conns, c)
	delete(g.tokens, c.token)
	g.takeEarly(c.server, c.token)
	g.announceEmpty()
}

func (g *registry) announceEmpty() {
	if !g.closed || len(g.conns) > 0 {
		return
	}
	select {
	case <-g.empty:
	default:
		close(g.empty)
	}
}

// close admits no more connections, forgets the unused tokens, and returns the live connections.
func (g *registry) close() []*Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	clear(g.unused)
	g.early = newEarly()
	g.announceEmpty()
	return g.liveConns(nil)
}

// liveConns appends the live connections. The caller holds mu.
func (g *registry) liveConns(dst []*Conn) []*Conn {
	for c := range g.conns {
		if c.live {
			dst = append(dst, c)
		}
	}
	return dst
}

// inspect forgets unused tokens that were issued before the time given, and appends the live connections. The sweeper must
// end when more is false: no connection and no unused token is left.
func (g *registry) inspect(s *Server, dst []*Conn, issuedBefore int64) (live []*Conn, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for token, u := range g.unused {
		if u.since < issuedBefore {
			delete(g.unused, token)
			g.takeEarly(s, token)
		}
	}
	g.sweeping = len(g.conns)+len(g.unused) > 0
	return g.liveConns(dst), g.sweeping
}
