package api

import (
	"maps"
	"net/http"
)

// everywhere are the headers of every answer of the server, the hub's included. Browsers must not guess its content type,
// show it in a frame, give it to a page of another site that CORS does not allow, cache it, or send its address, which
// may hold messages, to other sites. Pages and their files, which hold nothing secret, change some of these headers. The
// values are shared between answers.
var everywhere = http.Header{
	"Cache-Control":                {"no-store"},
	"Content-Security-Policy":      {"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// strictTransport tells browsers to use only https for a year. The server sends it when it terminates TLS itself;
// otherwise the proxy in front of it may.
var strictTransport = []string{"max-age=31536000"}

func setHeaders(h http.Header, r *http.Request) {
	maps.Copy(h, everywhere)
	if r.TLS != nil {
		h["Strict-Transport-Security"] = strictTransport
	}
}

// page adds the headers of pages and their files: they share their browsing context with no other page, and use no device
// of the machine.
func page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}
