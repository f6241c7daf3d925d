package auth

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"restante/internal/errs"
)

// signedFor returns a token of an issuer that a key has signed.
func signedFor(t testing.TB, alg jose.SignatureAlgorithm, key any, kid, issuer string) string {
	t.Helper()
	header := map[jose.HeaderKey]any{}
	if kid != "" {
		header["kid"] = kid
	}
	change := map[string]any{}
	if issuer != "" {
		change["iss"] = issuer
	}
	return sign(t, alg, key, header, payload(change))
}

// A key of one issuer never signs for another, whether the keys are files or sets, and keys of nobody sign for no issuer that has
// keys of its own.
func TestVerifier_EachIssuerHasItsOwnKeys(t *testing.T) {
	const a, b, c = "https://a.example.org", "https://b.example.org", "urn:c=1"
	setA, setB := startKeyServer(t, setOf(t, "rsa")), startKeyServer(t, setOf(t, "p384"))
	v := newTestVerifier(t, Config{
		Secrets: []string{secret32},
		Keys:    []string{c + "=" + writeFile(t, publicPEM(t, "p256")), writeFile(t, publicPEM(t, "ed25519"))},
		JWKS:    []string{a + "=" + setA.URL, b + "=" + setB.URL + "/?next=https://x"},
	})
	keys := map[string]struct {
		alg jose.SignatureAlgorithm
		key any
		of  string
	}{
		"rsa":     {jose.RS256, private()["rsa"], a},
		"p384":    {jose.ES384, private()["p384"], b},
		"p256":    {jose.ES256, private()["p256"], c},
		"ed25519": {jose.EdDSA, private()["ed25519"], ""},
		"secret":  {jose.HS256, []byte(secret32), ""},
	}
	for name, k := range keys {
		for _, issuer := range []string{a, b, c, "", "https://d.example.org", a + "/", strings.ToUpper(a)} {
			for _, kid := range []string{"", name} {
				t.Run(name+" signs for "+issuer, func(t *testing.T) {
					token := signedFor(t, k.alg, k.key, kid, issuer)
					client, err := v.Verify(t.Context(), token)
					own := issuer == a || issuer == b || issuer == c
					if valid := issuer == k.of || k.of == "" && !own; valid != (err == nil) {
						t.Errorf("client %v, error %v", client, err)
					}
				})
			}
		}
	}
	if got := v.String(); !strings.Contains(got, "key set "+setA.URL+" of "+a) || !strings.Contains(got, " of "+c) {
		t.Error(got)
	}
	if setA.fetches.Load() > 1 || setB.fetches.Load() > 1 {
		t.Error("a token of one issuer has made work for another")
	}
}

func TestVerifier_KeysOfNobodyAreThoseOfTheConfiguredIssuer(t *testing.T) {
	v := newTestVerifier(t, Config{
		Secrets: []string{secret32}, Issuer: "https://a", Keys: []string{"https://b=" + writeFile(t, publicPEM(t, "p256"))},
	})
	wantClient(t, v, signedFor(t, jose.HS256, []byte(secret32), "", "https://a"), "ann")
	wantClient(t, v, signedFor(t, jose.ES256, private()["p256"], "", "https://b"), "ann")
	wantRefusal(t, v, signedFor(t, jose.HS256, []byte(secret32), "", "https://b"), unknownKey)
	wantRefusal(t, v, signedFor(t, jose.ES256, private()["p256"], "", "https://a"), unknownKey)
	wantRefusal(t, v, signedFor(t, jose.HS256, []byte(secret32), "", "https://c"), wrongIssuer)
	wantRefusal(t, v, signedFor(t, jose.HS256, []byte(secret32), "", ""), wrongIssuer)
}

// While the key server of one issuer is away, tokens of the others are checked.
func TestVerifier_AnIssuerThatIsAwayStopsNoOther(t *testing.T) {
	up, down := startKeyServer(t, setOf(t, "rsa")), startKeyServer(t, "down")
	v := newTestVerifier(t, Config{JWKS: []string{"urn:down=" + down.URL, "urn:up=" + up.URL}})
	wantClient(t, v, signedFor(t, jose.RS256, private()["rsa"], "rsa", "urn:up"), "ann")
	_, err := v.Verify(t.Context(), signedFor(t, jose.RS256, private()["rsa"], "rsa", "urn:down"))
	if errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("a token of the other: %v", err)
	}
	wantRefusal(t, v, signedFor(t, jose.RS256, private()["rsa"], "rsa", "urn:nobody"), wrongIssuer)
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][2]string{
		"key.pem": {"", "key.pem"}, "/a=b.pem": {"", "/a=b.pem"}, "./a=b.pem": {"", "./a=b.pem"}, "=x": {"", "=x"},
		"https://id=/etc/key.pem": {"https://id", "/etc/key.pem"}, "urn:a=b=key.pem": {"urn:a=b", "key.pem"},
	} {
		if issuer, path := SplitKey(text); issuer != want[0] || path != want[1] {
			t.Errorf("%s: %q and %q", text, issuer, path)
		}
	}
	for text, want := range map[string][2]string{
		"https://id/keys": {"", "https://id/keys"}, "https://id/keys?next=https://x": {"", "https://id/keys?next=https://x"},
		"https://id=https://id/keys": {"https://id", "https://id/keys"}, "a=http://localhost/?b=https://c": {"a", "http://localhost/?b=https://c"},
	} {
		if issuer, url := SplitKeySet(text); issuer != want[0] || url != want[1] {
			t.Errorf("%s: %q and %q", text, issuer, url)
		}
	}
}
