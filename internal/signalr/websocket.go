package signalr

import (
	"bytes"
	"context"
	"net"
	"net/http"

	"github.com/gobwas/ws"
)

// serveWebSocket upgrades the request and serves the connection in a new goroutine, so that net/http's buffers and the
// grown stack of the request are freed. Without an id in the query, the client has skipped the negotiation, and it makes a
// new connection. It also does so for the token of another node. Connections that may outlive their WebSockets are found on
// any node first.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request, sender Identity) {
	if refused := checkUpgrade(r); refused != nil {
		refused.write(w)
		return
	}
	if token := queryValue(r.URL.Query(), "id"); isStateful(token) && s.find(w, r, sender, token) {
		return
	}
	c, refused := s.claimWebSocket(r, sender)
	if refused != nil {
		refused.write(w)
		return
	}
	conn, early, ok := s.upgrade(w, r, c)
	if !ok {
		s.registry.remove(c)
		return
	}
	socket := newSocket(c, conn)
	if isStateful(c.token) && s.cfg.ReconnectWindow > 0 {
		s.open(c, r, newResumable(c, socket))
	} else {
		s.open(c, r, socket)
	}
	s.running.Go(func() { socket.run(early) })
}

// upgrade answers a request for a WebSocket of a connection. early are bytes that have come with the request.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, c *Conn) (conn net.Conn, early []byte, ok bool) {
	conn, rw, _, err := ws.HTTPUpgrader{}.Upgrade(r, w)
	if err != nil {
		s.log.Debug("websocket upgrade failed", "connection", c.id, "error", err)
		if conn != nil {
			_ = conn.Close()
		}
		return nil, nil, false
	}
	if tcp, ok := conn.(interface{ SetWriteBuffer(int) error }); ok && s.cfg.SendBuffer > 0 {
		_ = tcp.SetWriteBuffer(s.cfg.SendBuffer) // a hint: the system's default works, too
	}
	early, _ = rw.Reader.Peek(rw.Reader.Buffered())
	return conn, bytes.Clone(early), true
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
	c, refused := s.newConn(token, sender, WebSockets)
	if refused != nil {
		return nil, refused
	}
	if refused = s.registry.add(s, c); refused != nil {
		c.held.Release()
	}
	return c, refused
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
func (s *Server) open(c *Conn, r *http.Request, out outlet) {
	c.out = out
	c.query, c.openedAt = s.keepQuery(r.URL.RawQuery), s.now()
	c.held.Charge(len(c.query)) // until the hub has seen it
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
