package signalr

import (
	"cmp"
	"net/http"
	"time"
)

// lifetime is the part of an answer that tells the client of a token when to show a newer one.
type lifetime struct {
	Seconds *int64 `json:"tokenLifetimeSeconds,omitempty"` // whole seconds until the connection ends; nil: its token does not expire
}

// lifetimeOf returns how long a connection lasts whose newest token ends at expires: the sweeper ends it up to one check early.
func (s *Server) lifetimeOf(expires time.Time) lifetime {
	if expires.IsZero() {
		return lifetime{}
	}
	seconds := int64(max(0, time.Until(expires)-s.cfg.tick()) / time.Second)
	return lifetime{&seconds}
}

// The errors of a refresh, which stock clients show to developers.
const (
	noTokenNamed   = "missing_connection_token"
	invalidToken   = "invalid_token" // also where connections have no identity
	anotherUser    = "another_user"
	unknownToken   = "unknown_connection_token"
	notAnsweredNow = "unavailable" // a node that may have the connection has not answered
)

// serveRefresh takes over the newer token of a connection's client, on whichever node the connection is. The body is ignored.
// A refusal changes nothing: the connection lasts as long as its token.
func (s *Server) serveRefresh(w http.ResponseWriter, r *http.Request, sender Identity) {
	if r.Method != http.MethodPost {
		notAllowed(w, "POST, OPTIONS", "Method not allowed")
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.cfg.IdleTimeout)) // also for what net/http reads of the body
	token := refreshedToken(r)
	switch {
	case token == "":
		s.refuseRefresh(w, http.StatusBadRequest, noTokenNamed)
		return
	case sender.Name == "":
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		s.refuseRefresh(w, http.StatusUnauthorized, invalidToken)
		return
	}
	if s.refreshHere(w, r, token, sender) {
		return
	}
	place, err := s.locate(r, token, false)
	switch {
	case err != nil:
		s.refuseRefresh(w, http.StatusServiceUnavailable, notAnsweredNow)
	case place.Open:
		s.refreshThere(w, r, place.Node)
	case s.refreshUnused(w, r, token, sender):
	case place.Unused:
		s.refreshThere(w, r, place.Node)
	default:
		s.refuseRefresh(w, http.StatusNotFound, unknownToken)
	}
}

// connectionHeader is where clients of .NET 11 name the connection in a refresh.
const connectionHeader = "X-SignalR-Connection-Token"

// refreshedToken returns the token of the connection that a refresh names, in a header or as id in the query.
func refreshedToken(r *http.Request) string {
	return cmp.Or(r.Header.Get(connectionHeader), queryValue(r.URL.Query(), "id"))
}

// refreshHere answers if the connection is on this node, and reports whether it has answered.
func (s *Server) refreshHere(w http.ResponseWriter, r *http.Request, token string, sender Identity) bool {
	c := s.registry.opened(token)
	switch {
	case c == nil:
		return false
	case c.owner != sender.Name:
		s.cfg.Denied(r, "connection")
		s.refuseRefresh(w, http.StatusForbidden, anotherUser)
	case c.present(r.Context(), sender) != nil:
		s.refuseRefresh(w, http.StatusNotFound, unknownToken)
	default:
		s.refreshed(w, c.expiry())
	}
	return true
}

// refreshUnused answers if this node has issued the token and it has opened nothing yet. What the client shows then counts when
// it opens the connection, unless it shows something newer there.
func (s *Server) refreshUnused(w http.ResponseWriter, r *http.Request, token string, sender Identity) bool {
	expires, owner, found := s.registry.presentUnused(r.Context(), token, sender)
	switch {
	case !found:
		return false
	case owner != sender.Name:
		s.cfg.Denied(r, "connection")
		s.refuseRefresh(w, http.StatusForbidden, anotherUser)
	default:
		s.refreshed(w, expires)
	}
	return true
}

// refreshThere has another node answer, which identifies the sender again.
func (s *Server) refreshThere(w http.ResponseWriter, r *http.Request, node string) {
	to := s.cfg.Forward(node)
	if to == nil {
		s.refuseRefresh(w, http.StatusNotFound, unknownToken)
		return
	}
	out := withoutOrigin(r)
	out.Body, out.ContentLength, out.TransferEncoding = http.NoBody, 0, nil
	to.ServeHTTP(w, out)
}

// refreshed answers with what is left until the connection ends.
func (s *Server) refreshed(w http.ResponseWriter, expires time.Time) {
	s.metrics.refreshes[refreshOK].Inc()
	writeJSON(w, s.lifetimeOf(expires))
}

// refuseRefresh answers that nothing was refreshed, as stock clients read it.
func (s *Server) refuseRefresh(w http.ResponseWriter, status int, code string) {
	s.metrics.refreshes[refreshRefused].Inc()
	refusedRefresh(status, code).write(w)
}

func refusedRefresh(status int, code string) *Refusal {
	return &Refusal{Status: status, Text: `{"error":"` + code + `"}`, Type: "application/json"}
}

// refuseSender answers a refresh whose sender was not identified.
func (s *Server) refuseSender(w http.ResponseWriter, why *Refusal) {
	code := notAnsweredNow
	switch why.Status {
	case http.StatusUnauthorized:
		code = invalidToken
	case http.StatusForbidden:
		code = "forbidden"
	case http.StatusTooManyRequests:
		code = "rate_limited"
	}
	s.metrics.refreshes[refreshRefused].Inc()
	refused := refusedRefresh(why.Status, code)
	refused.Header = why.Header
	refused.write(w)
}

// refreshOutcome is how a refresh ended: a label of the metrics.
type refreshOutcome int

const (
	refreshOK refreshOutcome = iota
	refreshRefused
	refreshOutcomes
)

// String is the value of the metrics' label.
func (o refreshOutcome) String() string { return [refreshOutcomes]string{"ok", "refused"}[o] }
