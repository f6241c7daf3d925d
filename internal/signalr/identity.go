package signalr

import (
	"io"
	"net/http"
	"time"
)

// Identity is who sends a request, as far as the protocol needs to know: enough to tell whose a connection is, and when
// it must end.
type Identity struct {
	Name    string    // requests of another name do not find what this one has opened; "" is nobody in particular
	Expires time.Time // when a connection that the request opens has ended; zero: never
}

// expiryGrace is how long a call in progress when its connection expires may still take.
const expiryGrace = 2 * time.Second

// expiredText is what a client learns about a connection that has expired. It is let in again with a new token.
const expiredText = "The token has expired"

// overdue reports whether the connection must end with the identity that opened it. It does so one look of the sweeper
// before its time: a client whose requests are refused already, because it shows the same token, would not come back with
// a new one before it has seen the end. The clock is that of the wall: a machine that was asleep prolongs nothing.
func (c *Conn) overdue() bool {
	if c.expires.IsZero() {
		return false
	}
	late := time.Since(c.expires)
	return late >= expiryGrace || late > -c.server.cfg.tick() && !c.busy.Load()
}

// expire ends the connection if it is overdue.
func (c *Conn) expire() bool {
	if !c.overdue() {
		return false
	}
	c.stopSaying(causeExpired, expiredText, true)
	return true
}

// Refusal is why a request is not served, as its sender gets it.
type Refusal struct {
	Status int
	Text   string      // the body; stock clients show it to nobody but the developer
	Header http.Header // what the answer has besides; default: none
}

// write answers the request.
func (e *Refusal) write(w http.ResponseWriter) {
	h := w.Header()
	if e.Status == http.StatusServiceUnavailable || e.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", "1")
	}
	for name, values := range e.Header {
		h[name] = values
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(e.Status)
	_, _ = io.WriteString(w, e.Text) //nolint:gosec // plain text, and said to be; a client that has gone away needs no answer
}

// The refusals that several requests get. errNoConnection is also for connections of others: that there is one is
// nobody's business.
var (
	errNoID         = &Refusal{Status: http.StatusBadRequest, Text: "Connection ID required"}
	errNoConnection = &Refusal{Status: http.StatusNotFound, Text: "No Connection with that ID"}
	errGoingDown    = &Refusal{Status: http.StatusServiceUnavailable, Text: "The server is going down"}
	errIsOpen       = &Refusal{Status: http.StatusConflict, Text: "The connection is open already"}
	errForeignPage  = &Refusal{Status: http.StatusForbidden, Text: "Pages of this origin may not connect; the operator can allow it"}
)

func notAllowed(w http.ResponseWriter, allow, text string) {
	(&Refusal{Status: http.StatusMethodNotAllowed, Text: text, Header: http.Header{"Allow": {allow}}}).write(w)
}
