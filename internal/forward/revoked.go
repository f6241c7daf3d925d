package forward

import (
	"fmt"
	"net/http"
	"time"

	"restante/internal/auth"
)

// revokedDeadline ends the reading of a body.
var revokedDeadline = time.Unix(1, 0)

// endWithToken has the body of the request end when its token is revoked, also on this node: the server reads what is left of a body
// before it passes on the other node's answer. The caller calls stop.
func (q *request) endWithToken(r *http.Request) (stop func()) {
	if r.ContentLength == 0 { // the other node ends it
		return func() {}
	}
	rc := http.NewResponseController(q.w)
	return auth.WhenRevoked(r.Context(), func() { _ = rc.SetReadDeadline(revokedDeadline) }) // a recorder in tests has none
}

// endRefusedBody has the body end when the other node has refused the token before it got the body: that node may know earlier than this
// one that it was revoked, and the server would read the rest of the body before it passes the answer on.
func (q *request) endRefusedBody(resp *http.Response) {
	if resp.StatusCode != http.StatusUnauthorized || resp.Request.ContentLength == 0 || q.whole.Load() {
		return
	}
	q.refused.Store(true)
	_ = http.NewResponseController(q.w).SetReadDeadline(revokedDeadline)
}

func (q *request) isRevoked() bool {
	_, err := auth.From(q.client)
	return auth.IsRevoked(err)
}

// refuseRevoked answers a request whose token was revoked before it was forwarded whole, as the other node would.
func (q *request) refuseRevoked() {
	q.outcome = aborted
	_, err := auth.From(q.client)
	h := q.w.Header()
	h.Set("WWW-Authenticate", auth.Challenge(err))
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	q.w.WriteHeader(http.StatusUnauthorized)
	_, _ = fmt.Fprintf(q.w, `{"type":"about:blank","title":%q,"status":%d,"code":"unauthenticated","detail":"the token was revoked"}`+"\n",
		http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized) // a client that has disconnected needs no answer
}
