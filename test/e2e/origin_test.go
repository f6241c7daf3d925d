package e2e

import (
	"net/http"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// originCase is a request from a page, with the expected answers.
type originCase struct {
	name, method, path string
	header             []string
	friend, foreign    string // with a token, to an allowed origin and to another one
	anonymous          string // without a token, to an allowed origin
}

func originCases() []originCase {
	const (
		noSend    = "403 forbidden: pages of this origin may not send here; the operator can allow it"
		noConnect = "403 Pages of this origin may not connect; the operator can allow it"
	)
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="}
	return []originCase{
		{"send", "POST", "/message?msg=hi", nil, "202", noSend, noToken},
		{"send as a form", "POST", "/message?msg=hi", []string{"Content-Type", asForm}, "202", noSend, noToken},
		{"read", "GET", "/rooms/lobby/messages", nil, "200", "200", noToken},
		{"negotiate", "POST", "/messageHub/negotiate?negotiateVersion=1", nil, "200", noConnect, noToken},
		{"WebSocket", "GET", "/messageHub", upgrade, "101", noConnect, noToken},
		{"poll", "GET", "/messageHub?id=unknown", nil, notFound, noConnect, noToken},
		{"preflight", "OPTIONS", "/message", []string{"Access-Control-Request-Method", "POST"}, "204", "405 method_not_allowed: this path does not have that method; the Allow header says which it has", "204"},
		{"preflight of the hub", "OPTIONS", "/messageHub/negotiate", []string{"Access-Control-Request-Method", "POST"}, "204", noConnect, "204"},
	}
}

// askFrom sends a request of a page, and returns the answer and the origin in Access-Control-Allow-Origin.
func (c *originCase) askFrom(site *site, b bearer, origin string) (answer, allowed string) {
	site.t.Helper()
	header := c.header
	if origin != "" {
		header = append([]string{"Origin", origin}, header...)
	}
	resp := site.send(b, c.method, c.path, "", header...)
	defer resp.Body.Close()
	allowed = resp.Header.Get("Access-Control-Allow-Origin")
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return "101", allowed
	}
	answer, _ = site.read(resp)
	return answer, allowed
}

// Clients that are not browsers write the port of the scheme into Origin and leave it out of Host, or the other way round. Pages of
// another port or scheme stay foreign.
func TestOrigin_LeavesOutTheSchemesOwnPort(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Args: []string{"--cors-origin", "https://Bücher.example:443"}})
	status := func(method, path, host, origin string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Origin", origin)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, tc := range []struct {
		host, origin string
		own          bool
	}{
		{"localhost", "http://localhost", true}, {"localhost", "http://localhost:80", true}, {"localhost:80", "http://localhost", true},
		{"localhost", "https://localhost:443", true}, {"localhost:80", "http://localhost:80", true},
		{"localhost", "https://xn--bcher-kva.example", true}, {"localhost", "https://bücher.example:443", true},
		{"localhost", "http://localhost:8080", false}, {"localhost", "https://localhost:80", false}, {"localhost", "http://localhost:443", false},
		{"localhost:8080", "http://localhost", false}, {"localhost:8080", "http://localhost:80", false}, {"localhost:80", "https://localhost", false},
		{"localhost", "https://bücher.example:80", false}, {"localhost", "http://xn--bcher-kva.example", false}, {"localhost", "https://bucher.example", false},
	} {
		for path, want := range map[string]int{"/message?msg=hi&client_id=ann": 202, "/messageHub/negotiate?negotiateVersion=1": 200} {
			if !tc.own {
				want = http.StatusForbidden
			}
			if got := status(http.MethodPost, path, tc.host, tc.origin); got != want {
				t.Errorf("POST %s from %s to %s: %d, want %d", path, tc.origin, tc.host, got, want)
			}
		}
	}
}

// What pages of an origin may do. The browser decides by the CORS headers whether a page may read an answer.
func TestOrigin_DecidesWhatPagesMayDo(t *testing.T) {
	t.Parallel()
	const listed = "https://chat.example.org"
	issuer := testkit.NewIssuer(t)
	s := testkit.Start(t, issuer.Options("--cors-origin", listed))
	site := newSite(t, s.URL())
	right := inHeader(issuer.Token(testkit.NewClaims("ann", "lobby")))
	foreign := []string{
		"https://evil.example", "http://chat.example.org", "https://chat.example.org:8443", "https://chat.example.org:80", "http://chat.example.org:443",
		"https://chat.example.org:0443", "https://chat.example.org:", "https://chat.example.org/", "https://chat.example.org.", "https://a@chat.example.org",
		"https://chat.example.org.evil.example",
		"https://evil.chat.example.org", "https://chat.example.orgs", "https://xchat.example.org", "null", "file://",
		strings.Replace(s.URL(), "http:", "https:", 1) + "0", "http://127.0.0.1", "http://localhost:1",
	}
	cells := 0
	check := func(name, origin, got, allowed, want, wantAllowed string) {
		t.Helper()
		cells++
		if got != want || allowed != wantAllowed {
			t.Errorf("%s from %q: %s, allowed to %q; want %s, %q", name, origin, got, allowed, want, wantAllowed)
		}
	}
	for _, w := range originCases() {
		if w.method != http.MethodOptions {
			got, allowed := w.askFrom(site, right, "")
			check(w.name, "", got, allowed, w.friend, "")
			got, allowed = w.askFrom(site, right, s.URL())
			if allowed != s.URL() { // the server's own pages need no permission
				allowed = ""
			}
			check(w.name, s.URL(), got, strings.TrimPrefix(allowed, s.URL()), w.friend, "")
		}
		got, allowed := w.askFrom(site, right, listed)
		if got == "101" { // CORS does not apply to WebSockets
			allowed = listed
		}
		check(w.name, listed, got, allowed, w.friend, listed)
		got, allowed = w.askFrom(site, bearer{}, listed)
		check(w.name+" without a token", listed, got, allowed, w.anonymous, listed)
		for _, origin := range foreign {
			got, allowed := w.askFrom(site, right, origin)
			check(w.name, origin, got, allowed, w.foreign, "")
		}
	}
	t.Logf("%d cells", cells)
}
