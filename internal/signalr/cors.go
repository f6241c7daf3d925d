package signalr

import (
	"net/http"
	"slices"
	"strings"
)

// allowedHeaders are those that stock clients set in a browser.
const allowedHeaders = "Authorization, Cache-Control, Content-Type, X-Requested-With, X-SignalR-User-Agent"

// cors lets web pages of the allowed origins read the answers, errors included, with credentials, and turns away those of
// all others: WebSockets are not covered by CORS, and without this any page that somebody looks at could read their
// server. It reports whether it has answered the request: a preflight, or such a page.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false // no browser, or a page of our own
	}
	if !s.originAllowed(r, origin) {
		errForeignPage.write(w)
		return true
	}
	h.Set("Access-Control-Allow-Origin", origin)
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

// originAllowed reports whether a page of this origin may use the hub: the hub's own pages, and the configured ones. Most
// browsers say themselves which pages are its own, and no page can make them lie.
func (s *Server) originAllowed(r *http.Request, origin string) bool {
	if slices.Contains(s.cfg.AllowedOrigins, strings.ToLower(origin)) || r.Header.Get("Sec-Fetch-Site") == "same-origin" {
		return true
	}
	scheme, host, ok := strings.Cut(strings.ToLower(origin), "://")
	if !ok || scheme != "http" && scheme != "https" || !strings.EqualFold(host, r.Host) {
		return false
	}
	secure, known := s.cfg.Secure(r)
	return !known || secure == (scheme == "https")
}
