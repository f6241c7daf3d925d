package signalr

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"time"

	"restante/internal/memory"
)

// Some clients send their handshake before they open the transport that carries the answer. Those bytes are kept with the
// token until the transport is open, as stock servers do.
const earlyBound = 8 << 10 // bytes that are kept for a token: a handshake and a few calls

var errEarlyTooLarge = &Refusal{
	Status: http.StatusRequestEntityTooLarge,
	Text:   "The connection has no transport yet, and more than 8 KiB would wait for it; open the transport first",
}

// early is the bytes that were sent with tokens whose connection is not open yet. The registry guards it.
type early struct {
	of   map[string]*earlyBytes // by token
	size int                    // of all of them
}

type earlyBytes struct {
	data []byte
	held *memory.Holding
	by   context.Context // of the last request that has sent bytes with the token
}

// add appends bytes to those of a token, within the bounds. held is where they are counted if they are the first of the token.
func (e *early) add(ctx context.Context, token string, data []byte, held *memory.Holding) *Refusal {
	if len(data) == 0 {
		return nil
	}
	b := e.of[token]
	if b == nil {
		b = &earlyBytes{held: held}
	}
	if len(b.data)+len(data) > earlyBound {
		return errEarlyTooLarge
	}
	if b.held.Grow(len(data)) != nil {
		return errNoMemory
	}
	e.of[token] = b
	b.data, b.by = append(b.data, data...), ctx
	e.size += len(data)
	return nil
}

// take removes and returns the bytes of a token. What was sent with a token of the client that does not count any more is dropped.
func (e *early) take(s *Server, token string) []byte {
	b := e.remove(token)
	if b == nil || !s.cfg.Valid(b.by) {
		return nil
	}
	return b.data
}

// remove removes and returns what is kept for a token, nil if that is nothing.
func (e *early) remove(token string) *earlyBytes {
	b := e.of[token]
	if b == nil {
		return nil
	}
	b.held.Release()
	delete(e.of, token)
	e.size -= len(b.data)
	return b
}

// keep keeps bytes that the sender has sent with a token of its own before its connection is open. If the connection is open, keep
// returns it, and keeps nothing.
func (g *registry) keep(ctx context.Context, s *Server, token string, sender Identity, data []byte) (*Conn, *Refusal) {
	owner := sender.Name
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
	refused := g.early.add(context.WithoutCancel(ctx), token, data, s.cfg.Memory.Hold(memory.Negotiated, sender.Owner))
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
	c, refused := s.registry.keep(r.Context(), s, token, sender, body)
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
