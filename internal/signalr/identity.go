package signalr

import (
	"cmp"
	"io"
	"net/http"
	"time"
)

// Identity is the sender of a request, as far as the protocol needs it: to know who owns a connection, and when it must
// end.
type Identity struct {
	Owner   string    // for whom the server keeps what the sender makes it keep, see Config.Memory; "": for itself
	Name    string    // requests of another name do not find the connections of this one; "" is anonymous
	Issued  time.Time // when its token was issued, which tells which of two tokens is newer; zero: not known
	Expires time.Time // when a connection that has shown nothing newer must have ended; zero: never
}

// expiryGrace is how long a call may still take that is in progress when its connection expires.
const expiryGrace = 2 * time.Second

// expiredText tells a client that its connection has expired. It may connect again with a new token.
const expiredText = "The token has expired"

// overdue reports whether the connection must end because its newest token does. It ends one check of the
// sweeper early: a client whose requests with the same token are refused already would not fetch a new token before it has
// seen the end of the connection. It uses the wall clock, so that a machine that was asleep does not prolong connections. The caller holds rights.
func (c *Conn) overdue() bool {
	if c.expires.IsZero() {
		return false
	}
	late := time.Since(c.expires)
	return late >= expiryGrace || late > -c.server.cfg.tick() && !c.busy.Load()
}

// expire ends the connection if it is overdue.
func (c *Conn) expire() bool {
	c.rights.Lock()
	overdue := c.overdue()
	c.expired = c.expired || overdue // from here on no token prolongs it
	c.rights.Unlock()
	if !overdue {
		return false
	}
	c.closeWith(causeExpired, expiredText, true)
	return true
}

// Refusal is the answer to a request that is not served.
type Refusal struct {
	Status int
	Text   string      // the body; stock clients show it only to developers
	Header http.Header // further headers; default: none
	Type   string      // of the body; default: plain text
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
	h.Set("Content-Type", cmp.Or(e.Type, "text/plain; charset=utf-8"))
	w.WriteHeader(e.Status)
	_, _ = io.WriteString(w, e.Text) //nolint:gosec // declared as plain text; a client that has disconnected needs no answer
}

// The refusals that several requests get. Requests for a connection of another client get errNoConnection, so that they do
// not learn that it exists.
var (
	errNoID         = &Refusal{Status: http.StatusBadRequest, Text: "Connection ID required"}
	errNoConnection = &Refusal{Status: http.StatusNotFound, Text: "No Connection with that ID"}
	errNoMemory     = &Refusal{Status: http.StatusServiceUnavailable, Text: "The server has no memory left for this; try again"}
	errGoingDown    = &Refusal{Status: http.StatusServiceUnavailable, Text: "The server is going down"}
	errUnknownYet   = &Refusal{Status: http.StatusServiceUnavailable, Text: "A node that may have the connection does not answer"}
	errIsOpen       = &Refusal{Status: http.StatusConflict, Text: "The connection is open already"}
	errForeignPage  = &Refusal{Status: http.StatusForbidden, Text: "Pages of this origin may not connect; the operator can allow it"}
)

func notAllowed(w http.ResponseWriter, allow, text string) {
	(&Refusal{Status: http.StatusMethodNotAllowed, Text: text, Header: http.Header{"Allow": {allow}}}).write(w)
}
