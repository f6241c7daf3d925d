package api

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/errs"
)

func TestAPI_EveryAnswerIsSafeInABrowser(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 1)
	say := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }
	a := newAPI(t, s, befriend, func(c *Config) {
		c.Hub, c.Site = http.HandlerFunc(say), handlerSite{say}
	})
	limited := newAPI(t, s, func(c *Config) {
		c.Allow = func(*http.Request) error { return &errs.Error{Code: errs.RateLimited, Msg: "a"} }
	})
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a send":       do(a, "POST", "/message?msg=a&client_id=b", ""),
		"messages":     do(a, "GET", "/rooms/lobby/messages", ""),
		"missed":       do(a, "GET", "/messages/since?since=2026-01-01", ""),
		"rooms":        do(a, "GET", "/rooms", ""),
		"a stream":     do(a, "HEAD", "/rooms/lobby/events", ""),
		"no token":     as(nil, a, "GET", "/rooms", ""),
		"a fault":      do(a, "GET", "/rooms/-/messages", ""),
		"nothing":      do(a, "GET", "/nothing", ""),
		"wrong method": do(a, "DELETE", "/rooms", ""),
		"foreign page": do(a, "POST", "/message", "", "Origin", "null"),
		"preflight":    do(a, "OPTIONS", "/message", "", "Origin", friend, "Access-Control-Request-Method", "POST"),
		"too often":    do(limited, "GET", "/rooms", ""),
		"hub":          do(a, "GET", "/messageHub/negotiate", ""),
		"metrics":      do(a, "GET", "/metrics", ""),
		"health":       do(a, "GET", "/healthz", ""),
		"page":         do(a, "GET", "/", ""),
		"file":         do(a, "GET", "/app.js", ""),
		"docs":         do(a, "GET", "/docs", ""),
		"document":     do(a, "GET", "/openapi.json", ""),
	} {
		checkHeaders(t, name, w.Header())
	}
	if everywhere.Get("Cache-Control") != "no-store" || len(everywhere) != 6 {
		t.Errorf("an answer has changed those of all others: %v", everywhere)
	}
}

// checkHeaders checks the headers that protect an answer in a browser.
func checkHeaders(t *testing.T, name string, h http.Header) {
	for header, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
		"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got := h.Values(header); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s %q", name, header, got)
		}
	}
	csp := h.Values("Content-Security-Policy")
	if len(csp) != 1 || !strings.HasPrefix(csp[0], "default-src 'none'; ") || !strings.Contains(csp[0], "frame-ancestors 'none'") {
		t.Errorf("%s: Content-Security-Policy %q", name, csp)
	}
	if h.Get("Strict-Transport-Security") != "" {
		t.Errorf("%s: Strict-Transport-Security on plain HTTP", name)
	}
	wantCache := "no-store"
	switch name {
	case "docs", "document":
		wantCache = "no-cache"
	case "a stream", "missed":
		wantCache = "no-store, no-transform"
	}
	if got := h.Values("Cache-Control"); len(got) != 1 || got[0] != wantCache {
		t.Errorf("%s: Cache-Control %q, want %q", name, got, wantCache)
	}
	isPage := name == "page" || name == "file" || name == "docs"
	if (h.Get("Cross-Origin-Opener-Policy") == "same-origin") != isPage || strings.Contains(h.Get("Permissions-Policy"), "camera=()") != isPage {
		t.Errorf("%s: Cross-Origin-Opener-Policy %q, Permissions-Policy %q", name, h.Get("Cross-Origin-Opener-Policy"), h.Get("Permissions-Policy"))
	}
}

func TestAPI_AsksForHTTPSOnlyOverTLS(t *testing.T) {
	a := newAPI(t, newMemory(), func(c *Config) { c.Hub = http.NotFoundHandler() })
	for _, target := range []string{"/rooms", "/messageHub"} {
		r := httptest.NewRequest("GET", target, nil)
		r.TLS = &tls.ConnectionState{}
		w := httptest.NewRecorder()
		auth.Open(a).ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: Strict-Transport-Security %q", target, got)
		}
	}
}
