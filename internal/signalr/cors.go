package signalr

import (
	"net/http"

	"restante/internal/origin"
)

// allowedHeaders are those that stock clients set in a browser, and those of tracing.
const allowedHeaders = "Authorization, Cache-Control, Content-Type, traceparent, tracestate, X-Requested-With, " +
	"X-SignalR-Connection-Token, X-SignalR-User-Agent"

// cors allows web pages of the allowed origins to read the answers, errors included, with credentials, and rejects all
// other pages. Browsers do not apply CORS to WebSockets, so without this check any page could read a server that its
// visitor can reach. It reports whether it has answered the request: a preflight, or a rejected page.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	page := r.Header.Get("Origin")
	if page == "" {
		return false // not a browser, or a page of the server
	}
	if !s.originAllowed(r, page) {
		s.refusals.Note(s.log, page, r.Host)
		s.cfg.Denied(r, "origin")
		errForeignPage.write(w)
		return true
	}
	h.Set("Access-Control-Allow-Origin", page)
	h.Set("Access-Control-Allow-Credentials", "true")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// originAllowed reports whether a page of this origin may use the hub: the hub's own pages may, and the configured ones.
// Most browsers say which pages are the hub's own (Sec-Fetch-Site), and a page cannot change what they say.
func (s *Server) originAllowed(r *http.Request, page string) bool {
	if s.origins.Has(page) || r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return true
	}
	secure, known := s.cfg.Secure(r)
	o, err := origin.Parse(page)
	return err == nil && o.IsOf(r.Host, secure, known)
}
