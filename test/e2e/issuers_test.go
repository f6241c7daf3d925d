package e2e

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/testkit"
)

// publicFile writes the public half of a key into a file, in one step, so that it is never half there.
func publicFile(t *testing.T, path string, key *rsa.PrivateKey) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// Two issuers, one with a key set and one with a file, sign for themselves only. A key that is replaced in its file is out of force
// within seconds, also for a token that the server has seen, and a client that is connected goes on.
func TestTokens_IssuersHaveTheirOwnKeysAndFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	const a, b = "https://a.example.org", "https://b.example.org"
	keyA, keyB, next := testkit.NewRSAKey(t), testkit.NewRSAKey(t), testkit.NewRSAKey(t)
	keys := newKeyServer(t)
	keys.serve(testkit.JWK(keyA, "k"))
	file := filepath.Join(t.TempDir(), "b.pem")
	publicFile(t, file, keyB)
	s := testkit.Start(t, testkit.Options{Args: []string{"--auth", "jwt", "--jwks-url", a + "=" + keys.URL + "/keys", "--jwt-key", b + "=" + file}})
	site := newSite(t, s.URL())
	of := func(issuer string, key *rsa.PrivateKey) bearer {
		claims := testkit.NewClaims("ann", "lobby").With("iss", issuer)
		return inHeader(testkit.Compact(t, testkit.Header{"alg": "RS256", "kid": "k"}, claims, testkit.RS256(t, key)))
	}
	read := func(b bearer) string {
		t.Helper()
		answer, _ := site.ask(b, http.MethodGet, "/rooms/lobby/messages", "")
		return answer
	}
	for name, tc := range map[string]struct {
		as   bearer
		want string
	}{
		"a signs for a": {of(a, keyA), "200"}, "b signs for b": {of(b, keyB), "200"},
		"a signs for b": {of(b, keyA), badToken}, "b signs for a": {of(a, keyB), badToken},
		"a signs for c": {of("https://c.example.org", keyA), badToken}, "b signs for c": {of("https://c.example.org", keyB), badToken},
	} {
		if got := read(tc.as); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}

	old, fresh := of(b, keyB), of(b, next)
	l, refusal := site.enter(old, "websockets json", "room=lobby")
	if refusal != "" {
		t.Fatal(refusal)
	}
	publicFile(t, file, next)
	changed := time.Now()
	eventually(t, func() bool { return read(fresh) == "200" })
	if took := time.Since(changed); took > 10*time.Second {
		t.Errorf("the new key was in force after %v", took)
	}
	if got := read(old); got != badToken {
		t.Errorf("the old key: %s", got)
	}
	if answer, _ := site.ask(fresh, http.MethodPost, "/message?msg=rotated", ""); answer != "202" {
		t.Errorf("send: %s", answer)
	}
	if got := l.untilHeard(old, "rotated"); got != "heard" {
		t.Errorf("the client that was connected all the time: %s", got)
	}
}
