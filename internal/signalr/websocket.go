package signalr

import (
	"bytes"
	"context"
	"net/http"

	"github.com/gobwas/ws"
)

// serveWebSocket upgrades the request and serves the connection in a new goroutine, so that net/http's buffers and the
// grown stack of the request are freed. Without an id in the query, the client has skipped the negotiation, and it makes a
// new connection. It also does so for the token of another node.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request, sender Identity) {
	if refused := checkUpgrade(r); refused != nil {
		refused.write(w)
		return
	}
	c, refused := s.claimWebSocket(r, sender)
	if refused != nil {
		refused.write(w)
		return
	}
	conn, rw, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
	if err != nil {
		s.log.Debug("websocket upgrade failed", "connection", c.id, "error", err)
		if conn != nil {
			_ = conn.Close()
		}
		s.registry.remove(c)
		return
	}
	if tcp, ok := conn.(interface{ SetWriteBuffer(int) error }); ok && s.cfg.SendBuffer > 0 {
		_ = tcp.SetWriteBuffer(s.cfg.SendBuffer) // a hint: the system's default works, too
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	early = bytes.Clone(early)
	socket := newSocket(c, conn)
	s.open(c, r, socket, &socket.backlog)
	s.running.Go(func() { socket.run(early) })
}

func (s *Server) claimWebSocket(r *http.Request, sender Identity) (*Conn, *Refusal) {
	token := queryValue(r.URL.Query(), "id")
	if _, foreign := s.foreign(token); token == "" || foreign && s.registry.find(token, sender.Name) == nil {
		return s.adopt(token, sender)
	}
	c, _, refused := s.claim(r, sender, WebSockets)
	return c, refused
}

// adopt makes a connection for a WebSocket that has no token, or the token of another node. It does not need to ask that
// node: a token gives no permission, it only tells which requests belong to one connection, and a WebSocket is one request
// and may come without a token. On this node the token opens one connection at a time. The other node forgets it after
// IdleTimeout, and the client may use it here even after that.
func (s *Server) adopt(token string, sender Identity) (*Conn, *Refusal) {
	c := s.newConn(token, sender, WebSockets)
	return c, s.registry.add(s, c)
}

// claim finds the connection that a request names, or opens it. first says that this request has opened it.
func (s *Server) claim(r *http.Request, sender Identity, t Transport) (c *Conn, first bool, refused *Refusal) {
	token := queryValue(r.URL.Query(), "id")
	if token == "" {
		return nil, false, errNoID
	}
	return s.registry.claim(s, token, sender, t)
}

// open makes a claimed connection live.
func (s *Server) open(c *Conn, r *http.Request, out outlet, lag *backlog) {
	c.out, c.lag = out, lag
	c.query, c.openedAt = r.URL.RawQuery, s.now()
	c.received.Store(c.openedAt)
	c.sent.Store(c.openedAt)
	c.due = c.openedAt - int64(rateBurst)
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(r.Context()))
	s.metrics.opened(c.transport)
	s.log.Debug("connection opened", "connection", c.id, "transport", c.transport.String(), "remote", r.RemoteAddr)
	c.turn.Lock() // released by receiveEarly
	before, draining := s.registry.activate(c)
	if len(before) > 0 {
		s.running.Go(func() { c.receiveEarly(before) }) // the answers may need the transport, which is not served yet
	} else {
		c.turn.Unlock()
	}
	if draining {
		c.closeWith(causeDrain, "", true)
	}
}
