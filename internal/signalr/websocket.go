package signalr

import (
	"bytes"
	"context"
	"net/http"

	"github.com/gobwas/ws"
)

// serveWebSocket upgrades the request and hands the connection to a goroutine of its own, so that net/http's buffers and
// the stack that the request has grown are freed. Without an id in the query it makes a connection: the client has
// skipped the negotiation. So it does for the token of another node.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request, who Identity) {
	c, refused := s.claimWebSocket(r, who)
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
		_ = tcp.SetWriteBuffer(s.cfg.SendBuffer) // a hint: the system's default works as well
	}
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	early = bytes.Clone(early)
	socket := newSocket(c, conn)
	s.open(c, r, socket, &socket.backlog)
	s.running.Go(func() { socket.run(early) })
}

func (s *Server) claimWebSocket(r *http.Request, who Identity) (*Conn, *Refusal) {
	token := queryValue(r.URL.Query(), "id")
	if _, foreign := s.foreign(token); token == "" || foreign && s.registry.find(token, who.Name) == nil {
		return s.adopt(token, who)
	}
	c, _, refused := s.claim(r, who, WebSockets)
	return c, refused
}

// adopt makes a connection for a WebSocket that has no token, or one that another node has handed out. Asking that node
// would gain nothing: a token is no permission, it only tells the requests of one connection from those of others, and a
// WebSocket is one request; without a token it would be let in as well. Here it opens one connection at a time. The
// other node forgets it after IdleTimeout, and that it may be gone already is no reason to send the client back.
func (s *Server) adopt(token string, who Identity) (*Conn, *Refusal) {
	c := s.newConn(token, who, WebSockets)
	return c, s.registry.add(s, c)
}

// claim finds the connection that a request names, or opens it if nobody has. first says that this request has.
func (s *Server) claim(r *http.Request, who Identity, t Transport) (c *Conn, first bool, refused *Refusal) {
	token := queryValue(r.URL.Query(), "id")
	if token == "" {
		return nil, false, errNoID
	}
	return s.registry.claim(s, token, who, t)
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
	if draining := s.registry.activate(c); draining {
		c.stopSaying(causeDrain, "", true)
	}
}
