package signalr

import (
	"net/http"
	"slices"
	"strings"
)

// allowedHeaders are those that stock clients set in a browser.
const allowedHeaders = "Authorization, Cache-Control, Content-Type, X-Requested-With, X-SignalR-Connection-Token, X-SignalR-User-Agent"

// cors allows web pages of the allowed origins to read the answers, errors included, with credentials, and rejects all
// other pages. Browsers do not apply CORS to WebSockets, so without this check any page could read a server that its
// visitor can reach. It reports whether it has answered the request: a preflight, or a rejected page.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false // not a browser, or a page of the server
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

// originAllowed reports whether a page of this origin may use the hub: the hub's own pages may, and the configured ones.
// Most browsers say which pages are the hub's own (Sec-Fetch-Site), and a page cannot change what they say.
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
