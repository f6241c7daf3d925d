package auth

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
)

// setOf returns the JSON of a set with these keys, whose kids are their names.
func setOf(t testing.TB, names ...string) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, name := range names {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public(name), KeyID: name, Use: "sig"})
	}
	return string(toJSON(t, set))
}

// tokenOfKey returns a token that names the key which has signed it.
func tokenOfKey(t testing.TB, alg jose.SignatureAlgorithm, name string) string {
	t.Helper()
	return sign(t, alg, private()[name], map[jose.HeaderKey]any{"kid": name}, payload(nil))
}

// keyServer answers as a test chooses.
type keyServer struct {
	*httptest.Server
	answer  atomic.Pointer[http.HandlerFunc]
	fetches atomic.Int32
}

func startKeyServer(t testing.TB, body string) *keyServer {
	s := &keyServer{}
	s.says(body)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) does(answer http.HandlerFunc) { s.answer.Store(&answer) }

func (s *keyServer) says(body string) {
	s.does(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
}

// logged is a log that a test reads.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), text)
}

// refreshNow waits for a fetch.
func refreshNow(t *testing.T, v *Verifier) {
	t.Helper()
	longAgo(v)
	v.sets[0].fetchSoon(t.Context())
}

// longAgo pretends that the last fetch was long ago.
func longAgo(v *Verifier) {
	v.sets[0].mu.Lock()
	defer v.sets[0].mu.Unlock()
	v.sets[0].tried = time.Now().Add(-lookupEvery)
}

func TestKeySet_KeysRotate(t *testing.T) {
	server := startKeyServer(t, setOf(t, "rsa", "p256"))
	v := newTestVerifier(t, Config{JWKS: []string{server.URL + "/keys?key=hidden"}})
	wantClient(t, v, tokenOfKey(t, jose.RS256, "rsa"), "ann")
	wantClient(t, v, tokenOfKey(t, jose.ES256, "p256"), "ann")
	if got := v.String(); got != "jwt: key set "+server.URL+"/keys" {
		t.Error(got)
	}

	server.says(setOf(t, "p256", "ed25519"))
	wantRefusal(t, v, tokenOfKey(t, jose.EdDSA, "ed25519"), unknownKey) // too soon to fetch again
	wantRefusal(t, v, tokenOfKey(t, jose.EdDSA, "ed25519"), unknownKey)
	if n := server.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1: unknown keys make work for the key server", n)
	}
	longAgo(v)
	wantClient(t, v, tokenOfKey(t, jose.EdDSA, "ed25519"), "ann")
	wantClient(t, v, tokenOfKey(t, jose.ES256, "p256"), "ann")
	if n := server.fetches.Load(); n != 2 {
		t.Errorf("%d fetches, want 2", n)
	}
}

func TestKeySet_ARemovedKeyIsNotValidAnyMore(t *testing.T) {
	server := startKeyServer(t, setOf(t, "rsa", "p256"))
	v := newTestVerifier(t, Config{JWKS: []string{server.URL}, Secrets: []string{secret32}})
	token, secret := tokenOfKey(t, jose.RS256, "rsa"), secretToken(t, secret32, nil)
	first := wantClient(t, v, token, "ann")
	refreshNow(t, v)
	if wantClient(t, v, token, "ann") != first {
		t.Error("tokens are checked again although the set is unchanged")
	}
	if first := wantClient(t, v, secret, "ann"); first != wantClient(t, v, secret, "ann") {
		t.Error("tokens of secrets are not remembered beside a key set")
	}
	server.says(setOf(t, "p256"))
	refreshNow(t, v)
	wantRefusal(t, v, token, unknownKey)
	wantClient(t, v, secret, "ann")
}

func TestKeySet_SurvivesItsServer(t *testing.T) {
	outages := map[string]http.HandlerFunc{
		"error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"not found": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, setOf(t, "p256"))
		},
		"empty":      func(http.ResponseWriter, *http.Request) {},
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"page":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>sorry</html>") },
		"no keys":    func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"keys":[]}`) },
		"object":     func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) },
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, setOf(t, "p256")+strings.Repeat(" ", maxKeySet))
		},
		"cut":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, setOf(t, "p256")[:100]) },
		"many keys": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, setOf(t, many("p256", maxKeys+1)...)) },
		"no usable key": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"keys":[{"kty":"oct","k":"`+b64(secret64)+`"},`+string(jwkOf(t, jose.JSONWebKey{Key: private()["rsa"]}))+`,`+
				string(jwkOf(t, jose.JSONWebKey{Key: public("rsa-weak")}))+`,{"kty":"XYZ"},7]}`)
		},
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
		"circle": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) },
		"slow":   func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, outage := range outages {
		t.Run(name, func(t *testing.T) {
			log := &logged{}
			server := startKeyServer(t, setOf(t, "rsa"))
			v := newTestVerifier(t, Config{JWKS: []string{server.URL + "/?key=hidden"}, Log: slog.New(slog.NewTextHandler(log, nil))})
			v.sets[0].client.Timeout = fetchTimeout / 50
			server.does(outage)
			for range 2 {
				refreshNow(t, v)
			}
			wantClient(t, v, tokenOfKey(t, jose.RS256, "rsa"), "ann")
			if n := server.fetches.Load(); n > 1+2*(1+maxRedirects) {
				t.Errorf("%d requests for 2 fetches", n)
			}
			if got := testutil.ToFloat64(v.metrics.refreshes.WithLabelValues("failed")); got != 2 {
				t.Errorf("%v failures are counted, want 2", got)
			}
			if n := log.count("level=WARN"); n != 1 || log.count("hidden") != 0 {
				t.Errorf("%d warnings, want 1, without the query:\n%s", n, &log.buf)
			}
			server.says(setOf(t, "rsa"))
			refreshNow(t, v)
			if log.count("key set fetched") != 2 {
				t.Errorf("the end of the outage is not logged:\n%s", &log.buf)
			}
		})
	}
}

func many(name string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = name
	}
	return names
}

func TestKeySet_FollowsRedirectsOfItsKind(t *testing.T) {
	server := startKeyServer(t, "")
	server.does(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			http.Redirect(w, r, "/keys", http.StatusFound)
			return
		}
		io.WriteString(w, setOf(t, "rsa"))
	})
	v := newTestVerifier(t, Config{JWKS: []string{server.URL}})
	wantClient(t, v, tokenOfKey(t, jose.RS256, "rsa"), "ann")
}

func TestKeySet_DoesNotFollowFromHTTPSToHTTP(t *testing.T) {
	plain := startKeyServer(t, setOf(t, "rsa"))
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer secure.Close()
	location, err := parseKeySetURL(secure.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := newKeySet("", location, Config{}.withDefaults(), newMetrics())
	s.client.Transport = secure.Client().Transport
	there, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://192.0.2.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	here := httptest.NewRequest(http.MethodGet, plain.URL, nil)
	if s.client.CheckRedirect(there, []*http.Request{here}) == nil {
		t.Error("a loopback host may lead to another one without TLS")
	}
	if fetched, err := s.fetch(t.Context()); err == nil || plain.fetches.Load() != 0 {
		t.Errorf("%v was fetched without TLS", fetched)
	}
}

func TestKeySet_TokensAreNotInvalidWhileNoKeysAreKnown(t *testing.T) {
	server := startKeyServer(t, "down")
	v := newTestVerifier(t, Config{JWKS: []string{server.URL}, Secrets: []string{secret32}})
	token := tokenOfKey(t, jose.RS256, "rsa")
	_, err := v.Verify(t.Context(), token)
	if errs.CodeOf(err) != errs.Unavailable || errs.Public(err) != "tokens cannot be checked now" {
		t.Errorf("%v (%s), want unavailable", err, errs.CodeOf(err))
	}
	if got := testutil.ToFloat64(v.metrics.tokens.WithLabelValues("unavailable")); got != 1 {
		t.Errorf("%v are counted as unavailable, want 1", got)
	}
	wantClient(t, v, secretToken(t, secret32, nil), "ann")
	wantRefusal(t, v, secretToken(t, secret64, nil), wrongSignature)
	wantRefusal(t, v, b64(`{"alg":"none"}`)+"."+b64(`{}`)+".", wrongAlgorithm)
	wantRefusal(t, v, "nonsense", malformed)

	server.says(setOf(t, "rsa"))
	longAgo(v)
	wantClient(t, v, token, "ann")
}

func TestKeySet_ATokenWithoutKidIsValidForASingleKeyOnly(t *testing.T) {
	server := startKeyServer(t, setOf(t, "rsa", "rsa-other", "p256", "rsa-weak"))
	v := newTestVerifier(t, Config{JWKS: []string{server.URL}})
	wantClient(t, v, sign(t, jose.ES256, private()["p256"], nil, payload(nil)), "ann")
	wantRefusal(t, v, sign(t, jose.RS256, private()["rsa"], nil, payload(nil)), unknownKey)
	wantRefusal(t, v, tokenOfKey(t, jose.RS256, "rsa-weak"), unknownKey)
	confused := map[jose.HeaderKey]any{"kid": "rsa"}
	wantRefusal(t, v, sign(t, jose.RS256, private()["rsa-other"], confused, payload(nil)), wrongSignature)
	wantRefusal(t, v, sign(t, jose.HS256, publicPEM(t, "rsa"), confused, payload(nil)), wrongAlgorithm)
	if n := server.fetches.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}
