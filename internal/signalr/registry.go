package signalr

import (
	"context"
	"net/http"
	"sync"
	"time"

	"restante/internal/memory"
)

// registry has the connections, and the tokens that may open one. It decides what a token may open.
type registry struct {
	mu       sync.Mutex
	conns    map[*Conn]struct{}
	tokens   map[string]*Conn // that have opened a connection
	unused   map[string]unused
	waiting  map[string]int // how many unused tokens an owner of memory has
	early    early
	most     unusedLimits
	sweeping bool
	closed   bool          // no new connections
	empty    chan struct{} // closed when closed and no connection is left
}

// unused is a token that has opened nothing yet.
type unused struct {
	since int64  // when it was issued, as Server.now
	owner string // the client that got it
	payer string // Identity.Owner of that client
	held  *memory.Holding
	shown *shown // the newest token in a refresh; nil: there was none
}

// shown is what a request has shown before its connection was opened.
type shown struct {
	ctx    context.Context // has the values of the request
	sender Identity
}

// unusedLimits are Config.MaxUnused and Config.MaxUnusedPerClient.
type unusedLimits struct{ all, perClient int }

func (g *registry) init(most unusedLimits) {
	g.conns, g.tokens, g.unused = map[*Conn]struct{}{}, map[string]*Conn{}, map[string]unused{}
	g.early.of = map[string]*earlyBytes{}
	g.waiting = map[string]int{}
	g.empty = make(chan struct{})
	g.most = most
}

// priceOfUnused is about what an unused token takes, with what a refresh has shown, in bytes.
const priceOfUnused = 512

// reserve registers a token that may open a connection of the sender.
func (g *registry) reserve(s *Server, token string, sender Identity) *Refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return errGoingDown
	}
	most := g.most.perClient
	switch {
	case len(g.unused) >= g.most.all:
		return &Refusal{Status: http.StatusServiceUnavailable, Text: "Too many negotiated connections wait to be opened"}
	case most >= 0 && sender.Owner != "" && g.waiting[sender.Owner] >= most:
		return &Refusal{Status: http.StatusTooManyRequests, Text: "Too many negotiated connections of this client wait to be opened"}
	}
	held := s.cfg.Memory.Hold(memory.Negotiated, sender.Owner)
	if held.Grow(priceOfUnused) != nil {
		return errNoMemory
	}
	g.unused[token] = unused{since: s.now(), owner: sender.Name, payer: sender.Owner, held: held}
	g.waiting[sender.Owner]++
	g.watch(s)
	return nil
}

// spend forgets an unused token. The caller holds mu.
func (g *registry) spend(token string, u unused) {
	delete(g.unused, token)
	if g.waiting[u.payer]--; g.waiting[u.payer] == 0 {
		delete(g.waiting, u.payer)
	}
	u.held.Release()
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
	g.spend(token, u)
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
		c, refused = s.newConn(token, sender, t)
		if refused != nil {
			return nil, false, refused
		}
		g.spend(token, u)
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
	if token == "" || len(g.early.of) == 0 {
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
	c.held.Release()
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
	for token, u := range g.unused {
		g.spend(token, u)
	}
	for token := range g.early.of {
		g.early.remove(token)
	}
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
			g.spend(token, u)
			g.takeEarly(s, token)
		}
	}
	g.sweeping = len(g.conns)+len(g.unused) > 0
	return g.liveConns(dst), g.sweeping
}
