package origin

import (
	"log/slog"
	"sync"
	"time"
)

// The limits of Refusals. An attacker can send any number of origins.
const (
	window    = time.Minute
	perWindow = 10  // lines
	maxLogged = 200 // bytes of an origin
)

// Refusals logs the origins of pages that were refused: each origin once a minute, ten of them at most. The zero value is
// ready. It is safe for concurrent use and does not block.
type Refusals struct {
	mu    sync.Mutex
	until time.Time // the end of the present window
	seen  map[string]bool
}

// Note logs that a page of the origin in the text of an Origin header was refused, on a server that was asked as host.
func (r *Refusals) Note(log *slog.Logger, text, host string) {
	text, host = cut(text), cut(host)
	if !r.isNews(text) {
		return
	}
	advice := "if it is to use this server: --cors-origin " + text +
		"; if it is a page of this server, the proxy in front must pass Host, and X-Forwarded-Proto with --trusted-proxy"
	if _, err := Parse(text); err != nil {
		advice = "pages without an origin, such as files and sandboxed frames, cannot be allowed: open the page from a web server"
	}
	log.Warn("a web page of another origin was refused", slog.String("origin", text), slog.String("host", host), slog.String("set", advice))
}

func (r *Refusals) isNews(text string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); !now.Before(r.until) {
		r.until, r.seen = now.Add(window), make(map[string]bool, perWindow)
	}
	if r.seen[text] || len(r.seen) == perWindow {
		return false
	}
	r.seen[text] = true
	return true
}

func cut(text string) string {
	if len(text) > maxLogged {
		return text[:maxLogged] + "…"
	}
	return text
}
