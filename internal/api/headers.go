package api

import (
	"maps"
	"net/http"
)

// everywhere is in every answer of the server, the hub's included: browsers must take it for what it says it is, show it
// in no frame, give it to no page of another site that CORS does not let in, keep none of it, and tell nobody of the
// addresses, which may hold messages. Pages and their files, which hold nothing secret, change some of it. The values are
// shared between answers.
var everywhere = http.Header{
	"Cache-Control":                {"no-store"},
	"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// strictTransport tells browsers to come by https only, for a year from now. The server says so when it is the end of
// TLS itself; otherwise it is for the proxy in front of it to say.
var strictTransport = []string{"max-age=31536000"}

func setHeaders(h http.Header, r *http.Request) {
	maps.Copy(h, everywhere)
	if r.TLS != nil {
		h["Strict-Transport-Security"] = strictTransport
	}
}

// page adds what belongs to pages and their files: they have a browsing context for themselves, and use nothing of the
// machine that they are shown on.
func page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}
