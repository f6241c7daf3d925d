package signalr

import (
	"context"
	"net/http"
	"time"
)

// revokedText tells a client that what it has shown does not count any more, although it has not expired. It may connect again with a
// new token.
const revokedText = "The token was revoked"

// errRevoked answers a request whose token was revoked while its body came.
var errRevoked = &Refusal{
	Status: http.StatusUnauthorized, Text: revokedText, Header: http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}},
}

// revokedWait is how long a connection whose token was revoked may take for its last bytes.
const revokedWait = time.Second

// Recheck ends the connections whose clients have shown nothing newer than what Config.Valid refuses now. It does not block: they
// end in the background, each at once.
func (s *Server) Recheck() {
	s.generation.Add(1)
	select {
	case s.recheck <- struct{}{}:
	default:
	}
}

// revoke ends the connection if what its client has shown last does not count any more. It looks once for each Recheck, and once
// for a new connection, whose request was let in before. Only the sweeper calls it.
func (c *Conn) revoke() bool {
	generation := c.server.generation.Load()
	if c.checked == generation {
		return false
	}
	c.checked = generation
	if c.server.cfg.Valid(c.callsContext()) {
		return false
	}
	c.rights.Lock()
	c.expired = true // from here on no token prolongs it
	c.rights.Unlock()
	c.closeWith(causeRevoked, revokedText, true)
	return true
}

// leave cuts a connection whose token was revoked and that takes too long for its last bytes.
func (c *Conn) leave(now int64) {
	if cause(c.cause.Load()) == causeRevoked && now-c.endedAt.Load() >= int64(revokedWait) {
		c.out.abort()
	}
}

// untilInvalid has a request's body end when what the request has shown does not count any more. The caller calls stop.
func (s *Server) untilInvalid(ctx context.Context, rc *http.ResponseController) (stop func()) {
	return s.cfg.WhenInvalid(ctx, func() { _ = rc.SetReadDeadline(revokedDeadline) }) // a recorder in tests has none
}

// revokedDeadline ends the reading of a body, also by net/http before it sends an answer.
var revokedDeadline = time.Unix(1, 0)

// refuseBody answers a request whose token was revoked while its body came. A message that has come in part ends the connection,
// as the rest will never come.
func (c *Conn) refuseBody(w http.ResponseWriter, rc *http.ResponseController) {
	_ = rc.SetReadDeadline(revokedDeadline)
	if c.incompleteSince.Load() != 0 {
		c.closeWith(causeGone, "", true)
	}
	errRevoked.write(w)
}
