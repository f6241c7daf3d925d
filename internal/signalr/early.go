package signalr

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"
)

// Some clients send their handshake before they open the transport that carries the answer. Those bytes are kept with the
// token until the transport is open, as stock servers do.
const (
	earlyBound = 8 << 10  // bytes that are kept for a token: a handshake and a few calls
	earlyTotal = 16 << 20 // bytes that are kept for all tokens
)

var (
	errEarlyTooLarge = &Refusal{
		Status: http.StatusRequestEntityTooLarge,
		Text:   "The connection has no transport yet, and more than 8 KiB would wait for it; open the transport first",
	}
	errEarlyTooMany = &Refusal{Status: http.StatusServiceUnavailable, Text: "Too many bytes wait for connections without a transport"}
)

// early is the bytes that were sent with tokens whose connection is not open yet. The registry guards it.
type early struct {
	bytes map[string][]byte          // by token
	by    map[string]context.Context // of the last request that has sent bytes with a token
	size  int                        // of all of them
}

func newEarly() early { return early{bytes: map[string][]byte{}, by: map[string]context.Context{}} }

// add appends bytes to those of a token, within the bounds.
func (e *early) add(ctx context.Context, token string, data []byte) *Refusal {
	switch {
	case len(e.bytes[token])+len(data) > earlyBound:
		return errEarlyTooLarge
	case e.size+len(data) > earlyTotal:
		return errEarlyTooMany
	case len(data) == 0:
		return nil
	}
	e.bytes[token] = append(e.bytes[token], data...)
	e.by[token] = ctx
	e.size += len(data)
	return nil
}

// take removes and returns the bytes of a token. What was sent with a token of the client that does not count any more is dropped.
func (e *early) take(s *Server, token string) []byte {
	data, by := e.bytes[token], e.by[token]
	delete(e.bytes, token)
	delete(e.by, token)
	e.size -= len(data)
	if len(data) > 0 && !s.cfg.Valid(by) {
		return nil
	}
	return data
}

// keep keeps bytes that the owner of a token has sent before its connection is open. If the connection is open, keep
// returns it, and keeps nothing.
func (g *registry) keep(ctx context.Context, s *Server, token, owner string, data []byte) (*Conn, *Refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.tokens[token]
	u, waits := g.unused[token]
	switch {
	case c != nil && c.owner == owner && c.live:
		return c, nil
	case (c == nil || c.owner != owner) && (!waits || u.owner != owner):
		return nil, errNoConnection
	}
	refused := g.early.add(context.WithoutCancel(ctx), token, data)
	s.metrics.early.Set(float64(g.early.size))
	return nil, refused
}

// serveEarly answers a POST of a connection that is not open yet. The body is read before anything is kept, because a client
// may be slow, and may open the connection meanwhile.
func (s *Server) serveEarly(w http.ResponseWriter, r *http.Request, token string, sender Identity) {
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout)) // a recorder in tests has none
	stop := s.untilInvalid(r.Context(), rc)
	body, err := io.ReadAll(io.LimitReader(r.Body, earlyBound+1))
	stop()
	if !s.cfg.Valid(r.Context()) {
		errRevoked.write(w)
		return
	}
	if err != nil {
		(&Refusal{Status: http.StatusBadRequest, Text: "The body could not be read."}).write(w)
		return
	}
	c, refused := s.registry.keep(r.Context(), s, token, sender.Name, body)
	switch {
	case refused != nil:
		refused.write(w)
	case c != nil:
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		s.receivePost(w, r, c, sender)
	default:
		_ = rc.SetReadDeadline(time.Time{})
		w.WriteHeader(http.StatusOK)
	}
}

// receiveEarly handles the bytes that came before the connection was open. The caller holds turn, so that they are the first;
// receiveEarly releases it.
func (c *Conn) receiveEarly(data []byte) {
	defer c.turn.Unlock()
	c.receiveInTurn(data, false)
}
