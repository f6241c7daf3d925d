package signalr

import (
	"net/http"
	"sync"
)

// registry holds the connections, from negotiation or upgrade to the end, and decides what a token may open.
type registry struct {
	mu        sync.Mutex
	conns     map[*Conn]struct{}
	tokens    map[string]*Conn
	unused    int // negotiated and not opened
	maxUnused int
	sweeping  bool
	closed    bool          // no new connections
	empty     chan struct{} // closed when closed and no connection is left
}

func (g *registry) init(maxUnused int) {
	g.conns, g.tokens, g.empty = map[*Conn]struct{}{}, map[string]*Conn{}, make(chan struct{})
	g.maxUnused = maxUnused
}

// add admits a new connection, and sees to it that the sweeper runs.
func (g *registry) add(s *Server, c *Conn) *refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return &refusal{http.StatusServiceUnavailable, "The server is going down"}
	}
	if c.transport == noTransport {
		if g.unused >= g.maxUnused {
			return &refusal{http.StatusServiceUnavailable, "Too many negotiated connections wait to be opened"}
		}
		g.unused++
	}
	if c.token != "" {
		g.tokens[c.token] = c
	}
	g.conns[c] = struct{}{}
	if !g.sweeping {
		g.sweeping = true
		s.running.Go(s.sweep)
	}
	return nil
}

func (g *registry) find(token string) *Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tokens[token]
}

// claim gives the connection its transport. WebSockets and Server-Sent Events are claimed once; long polling with each
// poll.
func (g *registry) claim(c *Conn, t Transport) (first bool, refused *refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.conns[c]
	switch {
	case !known:
		return false, errNoConnection
	case c.transport == noTransport && g.closed:
		return false, &refusal{http.StatusServiceUnavailable, "The server is going down"}
	case c.transport == noTransport:
		c.transport = t
		g.unused--
		return true, nil
	case c.transport != t:
		return false, &refusal{http.StatusBadRequest, "Cannot change transports mid-connection"}
	case t == LongPolling:
		return false, nil
	case c.stopped.Load():
		return false, errNoConnection
	default:
		return false, &refusal{http.StatusConflict, "The connection is open already"}
	}
}

// activate makes a connection that has all it needs visible to the sweeper and to requests. draining says that it came
// too late.
func (g *registry) activate(c *Conn) (draining bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.live = true
	return g.closed
}

// state returns the connection's transport, and whether it has been opened completely.
func (g *registry) state(c *Conn) (Transport, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return c.transport, c.live
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
	g.forget(c)
}

// forget removes c if it is there. mu is held.
func (g *registry) forget(c *Conn) {
	if _, known := g.conns[c]; !known {
		return
	}
	delete(g.conns, c)
	delete(g.tokens, c.token)
	if c.transport == noTransport {
		g.unused--
	}
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

// close lets in no more connections, forgets the unopened ones, and returns those that are live.
func (g *registry) close() []*Conn {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for c := range g.conns {
		if c.transport == noTransport {
			g.forget(c)
		}
	}
	g.announceEmpty()
	return g.liveConns(nil)
}

// liveConns appends the live connections. mu is held.
func (g *registry) liveConns(dst []*Conn) []*Conn {
	for c := range g.conns {
		if c.live {
			dst = append(dst, c)
		}
	}
	return dst
}

// inspect forgets tokens not used since the time given and appends the live connections. It returns nil, and the
// sweeper must end, when there is none of either.
func (g *registry) inspect(dst []*Conn, usedBefore int64) (live []*Conn, more bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		if c.transport == noTransport && c.openedAt < usedBefore {
			g.forget(c)
		}
	}
	g.sweeping = len(g.conns) > 0
	return g.liveConns(dst), g.sweeping
}
