package api

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/origin"
	"restante/internal/remote"
)

const friend = "https://chat.example.org"

func befriend(c *Config) { c.AllowedOrigins = []string{friend} }

func TestAPI_CORS(t *testing.T) {
	a := newAPI(t, newMemory(), befriend)
	for _, target := range []string{"/rooms", "/nothing", "/rooms/-/messages"} { // success, mux error, own error
		h := do(a, "GET", target, "", "Origin", friend).Header()
		if h.Get("Access-Control-Allow-Origin") != friend || h.Get("Access-Control-Allow-Credentials") != "true" ||
			!strings.Contains(h.Get("Access-Control-Expose-Headers"), "Link, Restante-Epoch, Restante-Reset") || h.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", target, h)
		}
	}
	if h := do(newAPI(t, newMemory()), "GET", "/rooms", "").Header(); h.Get("Vary") != "Origin" {
		t.Errorf("no origins: %v", h)
	}
}

func TestAPI_AnswersPreflightsOfListedOrigins(t *testing.T) {
	a := newAPI(t, newMemory(), befriend)
	ask := func(origin string) *httptest.ResponseRecorder {
		return as(nil, a, "OPTIONS", "/message", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-evil")
	}
	w := ask(friend)
	h := w.Header()
	if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != friend || h.Get("Access-Control-Allow-Methods") != "GET, HEAD, POST" {
		t.Errorf("preflight: %d %v", w.Code, h)
	}
	allowed := strings.Split(h.Get("Access-Control-Allow-Headers"), ", ")
	for _, want := range []string{"Authorization", "Content-Type", "Last-Event-ID", "traceparent", "tracestate"} {
		if !strings.Contains(strings.Join(allowed, " "), want) {
			t.Errorf("%s is not allowed: %v", want, allowed)
		}
	}
	if strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), "evil") {
		t.Errorf("any header is allowed: %v", allowed)
	}
	w = ask("https://evil.example.org")
	if p := problemIn(t, w); p.Status != 405 || w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Access-Control-Allow-Headers") != "" {
		t.Errorf("preflight of a foreign page: %+v %v", p, w.Header())
	}
}

// What the origin of a page is to the API.
const own, listed, foreign = 0, 1, 2

// pageOrigin is the origin of a page, as its browser sends it.
type pageOrigin struct {
	origin, site string
	is           int
}

// A page of a foreign origin may not send, and cannot read: its browser gets no CORS headers. The requests are for
// http://example.com.
func TestAPI_ComparesSchemeHostAndPort(t *testing.T) {
	a := newAPI(t, newMemory(), func(c *Config) {
		c.AllowedOrigins = []string{friend, "http://localhost:8081", "https://bücher.example"}
	})
	for _, tt := range []pageOrigin{
		{"", "", own},
		{"", "none", own},
		{"", "same-origin", own},
		{"", "same-site", foreign},
		{"", "cross-site", foreign},
		{"http://example.com", "same-origin", own},
		{"http://example.com", "", own},
		{"https://example.com", "", own}, // the scheme is not known: a proxy may have ended TLS
		{"http://example.com", "same-site", foreign},
		{"http://example.com", "cross-site", foreign},
		{"http://example.com:80", "", own}, // React Native on Android
		{"https://example.com:443", "", own},
		{"HTTP://Example.COM", "", own},
		{"http://example.com:80", "cross-site", foreign},
		{"https://example.com:80", "", foreign},
		{"http://example.com:443", "", foreign},
		{"http://example.com:0080", "", foreign},
		{"http://example.com:", "", foreign},
		{"http://example.com/", "", foreign},
		{"ftp://example.com", "", foreign},
		{"http://example.com:8080", "", foreign},
		{"http://example.com.", "", foreign},
		{"http://sub.example.com", "", foreign},
		{"http://evil-example.com", "", foreign},
		{"http://example.com.evil.org", "", foreign},
		{"http://example.com@evil.org", "", foreign},
		{friend, "cross-site", listed},
		{friend, "same-site", listed},
		{friend, "", listed},
		{"http://localhost:8081", "cross-site", listed},
		{"http://localhost", "", foreign},
		{"http://localhost:8082", "", foreign},
		{"https://localhost:8081", "", foreign},
		{"http://chat.example.org", "", foreign},
		{"https://Chat.Example.org", "", listed},
		{friend + ":443", "", listed},
		{friend + ":443", "cross-site", listed},
		{friend + ":80", "", foreign},
		{friend + ":8443", "", foreign},
		{"https://xn--bcher-kva.example", "cross-site", listed},
		{"https://bücher.example", "cross-site", listed},
		{"https://bucher.example", "cross-site", foreign},
		{friend + ".", "", foreign},
		{friend + "/", "", foreign},
		{friend + ".evil.org", "", foreign},
		{"https://evil-chat.example.org", "", foreign},
		{"https://evil.org?" + friend, "", foreign},
		{friend + " https://evil.org", "", foreign},
		{friend + ", https://evil.org", "", foreign},
		{"chat.example.org", "", foreign},
		{"null", "cross-site", foreign},
		{"null", "", foreign},
		{"%", "", foreign},
	} {
		tt.check(t, a)
	}
}

func (tt pageOrigin) check(t *testing.T, a *API) {
	post := do(a, "POST", "/message?msg=a&client_id=b", "", "Origin", tt.origin, "Sec-Fetch-Site", tt.site)
	want := map[int]int{own: 202, listed: 202, foreign: 403}[tt.is]
	if post.Code != want {
		t.Errorf("%q, %q: POST is answered %d %s", tt.origin, tt.site, post.Code, post.Body)
	}
	if post.Code == 403 {
		if p := problemIn(t, post); p.Errors[0].Field != "Origin" {
			t.Errorf("%q, %q: %+v", tt.origin, tt.site, p)
		}
	}
	get := do(a, "GET", "/rooms", "", "Origin", tt.origin, "Sec-Fetch-Site", tt.site)
	for name, h := range map[string]http.Header{"POST": post.Header(), "GET": get.Header()} {
		allowed := h.Get("Access-Control-Allow-Origin")
		if tt.is == listed && allowed != tt.origin || tt.is != listed && allowed+h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%q, %q: %s allows the origin %q", tt.origin, tt.site, name, allowed)
		}
	}
}

// An attacker in the network could write a page of http://host, so where the scheme is known it is not a page of
// https://host.
func TestAPI_ComparesTheSchemeWhereItIsKnown(t *testing.T) {
	a := newAPI(t, newMemory(), befriend)
	proxy := remote.Config{Trusted: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}} // the addresses of httptest's requests
	for _, tt := range []struct {
		origin, proto string
		status        int
	}{
		{"https://example.com", "https", 202}, {"http://example.com", "https", 403},
		{"https://example.com:443", "https", 202}, {"http://example.com:80", "https", 403}, {"http://example.com:443", "https", 403},
		{"http://example.com:80", "http", 202}, {"https://example.com:80", "http", 403}, {"https://example.com:443", "http", 403},
		{"http://example.com", "http", 202}, {"https://example.com", "http", 403},
		{friend, "http", 202}, {"", "https", 202},
	} {
		var seen remote.Origin
		h := remote.Wrap(proxy, auth.Open(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen = remote.From(r.Context())
			a.ServeHTTP(w, r)
		})))
		w := as(nil, h, "POST", "/message?msg=a&client_id=b", "", "Origin", tt.origin, "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", tt.proto)
		if !seen.Known {
			t.Fatalf("the scheme is not known: %+v", seen)
		}
		if w.Code != tt.status {
			t.Errorf("%+v: %d %s", tt, w.Code, w.Body)
		}
	}
}

func TestAPI_RefusedPagesReachNothing(t *testing.T) {
	s := newMemory()
	asked := 0
	a := newAPI(t, s, befriend, func(c *Config) {
		c.Allow = func(*http.Request) error { asked++; return nil }
	})
	do(a, "POST", "/message?msg=a&client_id=b", "", "Origin", "https://evil.example.org")
	if rooms, _ := s.Rooms(context.Background(), "", "", 1); len(rooms) > 0 || asked > 0 {
		t.Errorf("stored %v, counted %d", rooms, asked)
	}
}

// The log names pages that are refused for their origin, or cannot read an answer, and says what to set. It does not name own and
// listed pages.
func TestAPI_LogsPagesOfForeignOrigins(t *testing.T) {
	var logged bytes.Buffer
	a := newAPI(t, newMemory(), befriend, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
	post := func(origin, site string) {
		do(a, "POST", "/message?msg=a&client_id=b", "", "Origin", origin, "Sec-Fetch-Site", site)
	}
	post("http://example.com:80", "")
	post("https://chat.example.org", "cross-site")
	post("", "")
	do(a, "GET", "/rooms", "", "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "same-origin") // a proxy has changed Host
	if logged.Len() > 0 {
		t.Errorf("logged %s", &logged)
	}
	for range 3 {
		post("https://evil.example", "cross-site")
		do(a, "GET", "/rooms", "", "Origin", "http://reader.example", "Sec-Fetch-Site", "cross-site")
		as(nil, a, "OPTIONS", "/message", "", "Origin", "http://asker.example", "Access-Control-Request-Method", "POST")
	}
	for _, origin := range []string{"https://evil.example", "http://reader.example", "http://asker.example"} {
		if got := logged.String(); strings.Count(got, " origin="+origin+" ") != 1 || !strings.Contains(got, "--cors-origin "+origin) {
			t.Errorf("of %s: %s", origin, got)
		}
	}
}

func TestCheckHost_AnswersUnderItsNamesOnly(t *testing.T) {
	say := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }
	a := newAPI(t, newMemory(), func(c *Config) { c.Hub = http.HandlerFunc(say) })
	node := func(r *http.Request) bool { return r.Header.Get("Node") != "" }
	denied := 0
	checked := CheckHost(origin.Hosts{"chat.example.org"}, node, func(*http.Request) { denied++ }, a)
	ask := func(path, host, node string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r = r.WithContext(auth.With(r.Context(), auth.Anyone()))
		r.Host = host
		r.Header.Set("X-Forwarded-Host", "localhost")
		if node != "" {
			r.Header.Set("Node", node)
		}
		w := httptest.NewRecorder()
		checked.ServeHTTP(w, r)
		return w
	}
	for host, foreign := range map[string]bool{
		"localhost:8080": false, "[::1]:8080": false, "chat.example.org": false, "CHAT.example.org:443": false,
		"evil.example:8080": true, "localhost.evil.example": true, "": true,
	} {
		for _, path := range []string{
			"/rooms", "/rooms/lobby/events", "/", "/docs", "/metrics", "/version", "/openapi.json", "/none", "/healthz",
			"/messageHub/negotiate", "/MESSAGEHUB/negotiate/",
		} {
			if path == "/rooms/lobby/events" && !foreign {
				continue // it would last
			}
			before := denied
			w := ask(path, host, "")
			if (denied > before) != (w.Code == http.StatusForbidden) {
				t.Errorf("GET %s of %q is answered %d, and told %d times", path, host, w.Code, denied-before)
			}
			if (w.Code == http.StatusForbidden) != (foreign && path != "/healthz") {
				t.Errorf("GET %s of %q is answered %d", path, host, w.Code)
			}
			if w.Code == http.StatusForbidden && (!strings.Contains(w.Body.String(), "--host") || w.Header().Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("GET %s of %q: %s %v", path, host, w.Body, w.Header())
			}
			if path != "/rooms/lobby/events" && ask(path, host, "yes").Code == http.StatusForbidden {
				t.Errorf("GET %s of %q, forwarded by a node, is refused", path, host)
			}
		}
	}
}
