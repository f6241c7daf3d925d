package signalr

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// pages are origins of web pages, and whether they may use a server that allows https://chat.example and
// http://localhost:8081 besides its own pages at http://HOST, and does not know by which scheme its clients come.
var pages = map[string]bool{
	"https://chat.example": true, "HTTPS://Chat.Example": true, "http://localhost:8081": true, "http://HOST": true, "https://HOST": true,
	"https://evil.example": false, "http://chat.example": false, "https://chat.example.evil": false, "https://chat.example.": false,
	"https://chat.example:444": false, "https://chat.example:443": false, "https://chat.example/": false, "https://evil-chat.example": false,
	"https://x.chat.example": false, "http://localhost": false, "http://localhost:80810": false, "http://HOST1": false, "http://HOST/": false,
	"ftp://HOST": false, "//HOST": false, "HOST": false, "http://evil@HOST": false, "http://HOST http://HOST": false, "null": false, "*": false,
}

func newPagesRig(t *testing.T) (r *rig, allowed map[string]bool) {
	r = newRig(t, Config{AllowedOrigins: []string{"https://Chat.example", "http://localhost:8081"}})
	allowed = map[string]bool{}
	for origin, ok := range pages {
		allowed[strings.ReplaceAll(origin, "HOST", r.http.Listener.Addr().String())] = ok
	}
	return r, allowed
}

func TestServer_CORS(t *testing.T) {
	r, pages := newPagesRig(t)
	check := func(a answer, origin string, status int, allowed bool) {
		t.Helper()
		want, credentials := "", ""
		if allowed {
			want, credentials = origin, "true"
		} else {
			status = http.StatusForbidden
		}
		h := a.header
		if a.status != status || h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Credentials") != credentials || h.Get("Vary") != "Origin" {
			t.Errorf("from %s: %d %v", origin, a.status, h)
		}
	}
	for origin, allowed := range pages {
		for _, path := range []string{"", "/negotiate"} {
			a := r.do("OPTIONS", path, "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-requested-with,x-other")
			check(a, origin, 204, allowed)
			methods, names := "GET, POST, DELETE", "Authorization, Cache-Control, Content-Type, X-Requested-With, X-SignalR-Connection-Token, X-SignalR-User-Agent"
			if !allowed {
				methods, names = "", ""
			}
			if a.header.Get("Access-Control-Allow-Methods") != methods || a.header.Get("Access-Control-Allow-Headers") != names {
				t.Errorf("preflight from %s: %v", origin, a.header)
			}
		}
		check(r.do("POST", "/negotiate", "", "Origin", origin), origin, 200, allowed)
		check(r.do("GET", "?id=nope", "", "Origin", origin), origin, 404, allowed)
		check(r.do("PUT", "", "", "Origin", origin), origin, 405, allowed)
		check(r.do("OPTIONS", "", "", "Origin", origin), origin, 405, allowed)
	}
	if a := r.do("POST", "/negotiate", ""); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "Origin" || a.status != 200 {
		t.Errorf("without origin: %+v", a)
	}
}

func TestWebSocket_ForeignPagesAreRefused(t *testing.T) {
	r, pages := newPagesRig(t)
	pages[""] = true // no browser
	for origin, allowed := range pages {
		want := http.StatusForbidden
		if allowed {
			want = http.StatusSwitchingProtocols
		}
		d := ws.Dialer{Header: ws.HandshakeHeaderHTTP{}}
		if origin != "" {
			d.Header = ws.HandshakeHeaderHTTP{"Origin": {origin}}
		}
		conn, _, _, err := d.Dial(context.Background(), "ws"+strings.TrimPrefix(r.http.URL, "http")+"/hub")
		got := http.StatusSwitchingProtocols
		var refused ws.StatusError
		if errors.As(err, &refused) {
			got = int(refused)
		} else if err != nil {
			t.Errorf("origin %q: %v", origin, err)
		}
		if got != want {
			t.Errorf("origin %q: status %d, want %d", origin, got, want)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}

// If the server knows by which scheme its clients come, a page of the other scheme is foreign: an attacker in the network
// could have written it.
func TestServer_SchemeOfOwnPages(t *testing.T) {
	for _, tc := range []struct{ secure, known, http, https bool }{
		{secure: true, known: true, https: true},
		{known: true, http: true},
		{secure: true, http: true, https: true},
	} {
		r := newRig(t, Config{Secure: func(*http.Request) (secure, known bool) { return tc.secure, tc.known }})
		for scheme, want := range map[string]bool{"http": tc.http, "https": tc.https} {
			a := r.do("POST", "/negotiate", "", "Origin", scheme+"://"+r.http.Listener.Addr().String())
			if (a.status == 200) != want {
				t.Errorf("%+v: page by %s: %d", tc, scheme, a.status)
			}
		}
	}
}

// A proxy may give the server another name than browsers know. Browsers still say which pages are the server's own.
func TestServer_OwnPagesBehindAProxy(t *testing.T) {
	r := newRig(t, Config{})
	for site, want := range map[string]int{"same-origin": 200, "same-site": 403, "cross-site": 403, "none": 403, "": 403} {
		if a := r.do("POST", "/negotiate", "", "Origin", "https://chat.example", "Sec-Fetch-Site", site); a.status != want {
			t.Errorf("%q: %d, want %d", site, a.status, want)
		}
	}
}

func TestServer_NoAnswerIsKept(t *testing.T) {
	r := newRig(t, Config{})
	p := r.poll()
	p.conn.TryWrite([]byte("x"))
	for what, a := range map[string]answer{
		"negotiate": r.do("POST", "/negotiate?negotiateVersion=1", ""), "poll": p.get(), "post": r.do("POST", p.suffix, voidCall),
		"unknown": r.do("GET", "?id=nope", ""), "method": r.do("PUT", "", ""), "page": r.do("GET", "", "", "Origin", "null"),
		"preflight": r.do("OPTIONS", "", "", "Origin", r.http.URL, "Access-Control-Request-Method", "GET"), "delete": r.do("DELETE", p.suffix, ""),
		"fault": r.do("POST", "/negotiate?negotiateVersion=x", ""),
	} {
		if a.header.Get("Cache-Control") != "no-cache, no-store" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", what, a.status, a.header)
		}
	}
}
