package signalr

import (
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
	token := queryValue(r.URL.Query(), "id")
	switch {
	case token == "":
		refuseRefresh(w, http.StatusBadRequest, noTokenNamed)
		return
	case sender.Name == "":
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		refuseRefresh(w, http.StatusUnauthorized, invalidToken)
		return
	}
	if s.refreshHere(w, r, token, sender) {
		return
	}
	place, err := s.locate(r, token, false)
	switch {
	case err != nil:
		refuseRefresh(w, http.StatusServiceUnavailable, notAnsweredNow)
	case place.Open:
		s.refreshThere(w, r, place.Node)
	case s.refreshUnused(w, r, token, sender):
	case place.Unused:
		s.refreshThere(w, r, place.Node)
	default:
		refuseRefresh(w, http.StatusNotFound, unknownToken)
	}
}

// refreshHere answers if the connection is on this node, and reports whether it has answered.
func (s *Server) refreshHere(w http.ResponseWriter, r *http.Request, token string, sender Identity) bool {
	c := s.registry.opened(token)
	switch {
	case c == nil:
		return false
	case c.owner != sender.Name:
		refuseRefresh(w, http.StatusForbidden, anotherUser)
	case c.present(r.Context(), sender) != nil:
		refuseRefresh(w, http.StatusNotFound, unknownToken)
	default:
		writeJSON(w, s.lifetimeOf(c.expiry()))
	}
	return true
}

// refreshUnused answers if this node has issued the token and it has opened nothing yet. What the client shows then counts when
// it opens the connection, unless it shows something newer there.
func (s *Server) refreshUnused(w http.ResponseWriter, r *http.Request, token string, sender Identity) bool {
	expires, owner, found := s.registry.presentUnused(token, r.Context(), sender)
	switch {
	case !found:
		return false
	case owner != sender.Name:
		refuseRefresh(w, http.StatusForbidden, anotherUser)
	default:
		writeJSON(w, s.lifetimeOf(expires))
	}
	return true
}

// refreshThere has another node answer, which identifies the sender again.
func (s *Server) refreshThere(w http.ResponseWriter, r *http.Request, node string) {
	to := s.cfg.Forward(node)
	if to == nil {
		refuseRefresh(w, http.StatusNotFound, unknownToken)
		return
	}
	out := withoutOrigin(r)
	out.Body, out.ContentLength, out.TransferEncoding = http.NoBody, 0, nil
	to.ServeHTTP(w, out)
}

// asRefresh returns why the sender of a refresh was not identified, in the form of the other errors.
func asRefresh(e *Refusal) *Refusal {
	code := notAnsweredNow
	switch e.Status {
	case http.StatusUnauthorized:
		code = invalidToken
	case http.StatusForbidden:
		code = "forbidden"
	case http.StatusTooManyRequests:
		code = "rate_limited"
	}
	return &Refusal{Status: e.Status, Text: errorJSON(code), Type: "application/json", Header: e.Header}
}

func errorJSON(code string) string { return `{"error":"` + code + `"}` }

// refuseRefresh answers that nothing was refreshed, as stock clients read it.
func refuseRefresh(w http.ResponseWriter, status int, code string) {
	(&Refusal{Status: status, Text: errorJSON(code), Type: "application/json"}).write(w)
}
