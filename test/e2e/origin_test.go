package e2e

import (
	"net/http"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// What pages of an origin may do. The browser decides by the CORS headers whether a page may read an answer.
func TestOrigin_WhoMaySendAndReadAndConnect(t *testing.T) {
	t.Parallel()
	const listed = "https://chat.example.org"
	issuer := testkit.NewIssuer(t)
	s := testkit.Start(t, issuer.Options("--cors-origin", listed))
	site := newSite(t, s.URL())
	right := inHeader(issuer.Token(testkit.NewClaims("ann", "lobby")))

	const (
		noSend    = "403 forbidden: pages of this origin may not send here; the operator can allow it"
		noConnect = "403 Pages of this origin may not connect; the operator can allow it"
	)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}
	ways := []struct {
		name, method, path string
		header             []string
		friend, foreign    string // the expected answers
		anonymous          string // the answer to an allowed origin without a token
	}{
		{"send", "POST", "/message?msg=hi", nil, "202", noSend, noToken},
		{"send as a form", "POST", "/message?msg=hi", []string{"Content-Type", asForm}, "202", noSend, noToken},
		{"read", "GET", "/rooms/lobby/messages", nil, "200", "200", noToken},
		{"negotiate", "POST", "/messageHub/negotiate?negotiateVersion=1", nil, "200", noConnect, noToken},
		{"WebSocket", "GET", "/messageHub", upgrade, "101", noConnect, noToken},
		{"poll", "GET", "/messageHub?id=unknown", nil, notFound, noConnect, noToken},
		{"preflight", "OPTIONS", "/message", []string{"Access-Control-Request-Method", "POST"}, "204", "405 method_not_allowed: this path does not have that method; the Allow header says which it has", "204"},
		{"preflight of the hub", "OPTIONS", "/messageHub/negotiate", []string{"Access-Control-Request-Method", "POST"}, "204", noConnect, "204"},
	}
	foreign := []string{
		"https://evil.example", "http://chat.example.org", "https://chat.example.org:8443", "https://chat.example.org.evil.example",
		"https://evil.chat.example.org", "https://chat.example.orgs", "https://xchat.example.org", "null", "file://",
		strings.Replace(s.URL(), "http:", "https:", 1) + "0", "http://127.0.0.1", "http://localhost:1",
	}
	ask := func(b bearer, method, path, origin string, header []string) (answer, allowed string) {
		t.Helper()
		if origin != "" {
			header = append([]string{"Origin", origin}, header...)
		}
		resp := site.send(b, method, path, "", header...)
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return "101", resp.Header.Get("Access-Control-Allow-Origin")
		}
		answer, _ = site.read(resp)
		return answer, resp.Header.Get("Access-Control-Allow-Origin")
	}
	cells := 0
	check := func(name, origin, got, allowed, want, wantAllowed string) {
		t.Helper()
		cells++
		if got != want || allowed != wantAllowed {
			t.Errorf("%s from %q: %s, allowed to %q; want %s, %q", name, origin, got, allowed, want, wantAllowed)
		}
	}
	for _, w := range ways {
		if w.method != http.MethodOptions {
			got, allowed := ask(right, w.method, w.path, "", w.header)
			check(w.name, "", got, allowed, w.friend, "")
			got, allowed = ask(right, w.method, w.path, s.URL(), w.header)
			if allowed != s.URL() { // the server's own pages need no permission
				allowed = ""
			}
			check(w.name, s.URL(), got, strings.TrimPrefix(allowed, s.URL()), w.friend, "")
		}
		got, allowed := ask(right, w.method, w.path, listed, w.header)
		if got == "101" { // CORS does not apply to WebSockets
			allowed = listed
		}
		check(w.name, listed, got, allowed, w.friend, listed)
		got, allowed = ask(bearer{}, w.method, w.path, listed, w.header)
		check(w.name+" without a token", listed, got, allowed, w.anonymous, listed)
		for _, origin := range foreign {
			got, allowed := ask(right, w.method, w.path, origin, w.header)
			check(w.name, origin, got, allowed, w.foreign, "")
		}
	}
	t.Logf("%d cells", cells)
}
