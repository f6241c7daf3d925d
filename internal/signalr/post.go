package signalr

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// servePost is the client-to-server half of Server-Sent Events and long polling. Bytes that come before the connection is
// open are kept for it, see serveEarly.
func (s *Server) servePost(w http.ResponseWriter, r *http.Request, sender Identity) {
	if isEncoded(r) {
		errEncoded.write(w)
		return
	}
	c, refused := s.lookup(r, sender, nil)
	if refused != nil {
		refused.write(w)
		return
	}
	if c == nil || !s.registry.isLive(c) {
		s.serveEarly(w, r, queryValue(r.URL.Query(), "id"), sender)
		return
	}
	s.receivePost(w, r, c, sender)
}

// receivePost answers when all messages in the body have been handled. Requests of one connection wait for each other. The
// body is handled as it arrives and may have any length; the length of each message is limited.
func (s *Server) receivePost(w http.ResponseWriter, r *http.Request, c *Conn, sender Identity) {
	switch {
	case c.transport == WebSockets:
		notAllowed(w, "GET", "POST requests are not allowed for WebSocket connections.")
		return
	case c.present(r.Context(), sender) != nil: // it has ended
		errNoConnection.write(w)
		return
	}
	if c.posts.Add(1) > maxPosts {
		c.posts.Add(-1)
		(&Refusal{Status: http.StatusTooManyRequests, Text: "Too many requests of this connection wait for each other"}).write(w)
		return
	}
	defer c.posts.Add(-1)
	s.readBody(w, r, c)
}

// postBuffer is small: a request has it while it waits for bytes that its client may never send.
const postBuffer = 4 << 10

// readBody handles the messages in the body of a request.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, c *Conn) {
	var buffer [postBuffer]byte
	rc := http.NewResponseController(w)
	defer s.untilInvalid(r.Context(), rc)()
	valid := func() bool { return s.cfg.Valid(r.Context()) }
	for !c.stopped.Load() {
		// The deadline also limits net/http, which reads the rest of a body that was not read to its end.
		_ = rc.SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout)) // a recorder in tests has none
		n, err := 0, error(nil)
		if valid() { // otherwise untilInvalid may have set its deadline before this one
			n, err = r.Body.Read(buffer[:])
		}
		if !valid() {
			c.refuseBody(w, rc)
			return
		}
		if n > 0 {
			c.receive(buffer[:n], false, nil)
		}
		if errors.Is(err, io.EOF) {
			_ = rc.SetReadDeadline(time.Time{})
			break
		}
		if err != nil { // the client may send messages again that were handled already
			c.closeWith(causeGone, "", true)
			(&Refusal{Status: http.StatusBadRequest, Text: "The body could not be read."}).write(w)
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}
