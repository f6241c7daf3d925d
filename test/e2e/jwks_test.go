package e2e

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"restante/internal/testkit"
)

// keyServer is the key set endpoint of an identity provider.
type keyServer struct {
	*httptest.Server
	mu     sync.Mutex
	answer string // "": requests fail
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	k := &keyServer{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.answer == "" {
			http.Error(w, "not now", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(k.answer))
	}))
	t.Cleanup(k.Close)
	return k
}

// serve sets the keys; without keys, requests fail.
func (k *keyServer) serve(keys ...map[string]any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.answer = ""
	if len(keys) > 0 {
		k.answer = toJSON(map[string]any{"keys": keys})
	}
}

// wantNoKeys checks the answers of a server that has no keys yet.
func wantNoKeys(t *testing.T, site *site, valid bearer) {
	t.Helper()
	const noKeys = "503 unavailable: tokens cannot be checked now"
	if got, _ := site.ask(valid, http.MethodGet, "/rooms/lobby/messages", ""); !strings.HasPrefix(got, noKeys) {
		t.Errorf("without keys: %s", got)
	}
	if _, got := site.negotiate(valid); got != noKeys {
		t.Errorf("negotiate without keys: %s", got)
	}
	if _, got := site.open(valid, "websockets json", "", ""); got != noKeys {
		t.Errorf("WebSocket without keys: %s", got)
	}
	if got, _ := site.ask(bearer{}, http.MethodGet, "/rooms/lobby/messages", ""); got != noToken {
		t.Errorf("without keys and token: %s", got)
	}
}

// Keys are added and removed while clients are connected. As long as there are no keys every token is refused, but as
// unavailable and not as invalid.
func TestTokens_KeySetIsLateAndRotatesAndFails(t *testing.T) {
	t.Parallel()
	keys := newKeyServer(t)
	s := testkit.Start(t, testkit.Options{Args: []string{
		"--auth", "jwt", "--jwks-url", keys.URL + "/keys", "--jwt-issuer", testkit.IssuerName, "--jwt-audience", testkit.Audience,
	}})
	site := newSite(t, s.URL())
	firstKey, secondKey, otherKey := testkit.NewRSAKey(t), testkit.NewRSAKey(t), testkit.NewRSAKey(t)
	bearerOf := func(kid string, sign testkit.Sign) bearer {
		return inHeader(testkit.Compact(t, testkit.Header{"alg": "RS256", "kid": kid}, testkit.NewClaims("ann", "lobby"), sign))
	}
	first, second := bearerOf("first", testkit.RS256(t, firstKey)), bearerOf("second", testkit.RS256(t, secondKey))
	read := func(b bearer) string {
		t.Helper()
		answer, _ := site.ask(b, http.MethodGet, "/rooms/lobby/messages", "")
		return answer
	}
	wantNoKeys(t, site, first)

	keys.serve(testkit.JWK(firstKey, "first"))
	eventually(t, func() bool { return read(first) == "200" })
	l, refusal := site.enter(first, "websockets json", "room=lobby")
	if refusal != "" {
		t.Fatal(refusal)
	}
	if got := read(second); got != badToken {
		t.Errorf("a key that is not in the set: %s", got)
	}
	keys.serve(testkit.JWK(secondKey, "second"), testkit.JWK(firstKey, "first"))
	eventually(t, func() bool { return read(second) == "200" })
	if got := read(first); got != "200" {
		t.Errorf("the first key, which is still in the set: %s", got)
	}
	keys.Close()
	for name, want := range map[string]string{"first": "200", "second": "200", "unknown": badToken} {
		b := map[string]bearer{"first": first, "second": second, "unknown": bearerOf("unknown", testkit.RS256(t, otherKey))}[name]
		if got := read(b); got != want {
			t.Errorf("the %s key, while the key server is down: %s", name, got)
		}
	}
	if got := read(bearerOf("first", testkit.RS256(t, otherKey))); got != badToken {
		t.Errorf("another key under the name of the first: %s", got)
	}
	if answer, _ := site.ask(second, http.MethodPost, "/message?msg=rotated", ""); answer != "202" {
		t.Errorf("send: %s", answer)
	}
	if got := l.untilHeard(first, "rotated"); got != "heard" {
		t.Errorf("the client that was connected all the time: %s", got)
	}
}
