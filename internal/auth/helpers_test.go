package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"restante/internal/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret32 = "0123456789abcdef0123456789abcdef"
	secret64 = secret32 + secret32
)

// private holds one key of each kind: they take a while to make.
var private = sync.OnceValue(func() map[string]crypto.Signer {
	keys := map[string]crypto.Signer{}
	var err error
	add := func(name string, k crypto.Signer, e error) { keys[name], err = k, errors.Join(err, e) }
	for name, bits := range map[string]int{"rsa": 2048, "rsa-other": 2048, "rsa-weak": 1024} {
		k, e := rsa.GenerateKey(rand.Reader, bits)
		add(name, k, e)
	}
	for name, curve := range map[string]elliptic.Curve{
		"p224": elliptic.P224(), "p256": elliptic.P256(), "p256-other": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521(),
	} {
		k, e := ecdsa.GenerateKey(curve, rand.Reader)
		add(name, k, e)
	}
	_, k, e := ed25519.GenerateKey(rand.Reader)
	add("ed25519", k, e)
	if err != nil {
		panic(err)
	}
	return keys
})

func public(name string) crypto.PublicKey { return private()[name].Public() }

// writeFile returns the path of a new file.
func writeFile(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func publicPEM(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public(name))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func privatePEM(t testing.TB, name string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private()[name])
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// payload returns the payload of a valid token with some claims changed; nil removes a claim.
func payload(change map[string]any) map[string]any {
	p := map[string]any{"sub": "ann", "rooms": []string{"lobby", "team-*"}, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(p, change)
	maps.DeleteFunc(p, func(_ string, v any) bool { return v == nil })
	return p
}

// sign makes a token with any claims.
func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[jose.HeaderKey]any, claims any) string {
	t.Helper()
	data, raw := claims.([]byte)
	if !raw {
		data = toJSON(t, claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(data)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// secretToken is signed with HS256.
func secretToken(t testing.TB, secret string, change map[string]any) string {
	t.Helper()
	return sign(t, jose.HS256, []byte(secret), nil, payload(change))
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func newTestVerifier(t testing.TB, cfg Config) *Verifier {
	t.Helper()
	v, err := NewVerifier(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// wantRefusal checks that a token is refused for this reason, and that its bearer learns nothing else.
func wantRefusal(t testing.TB, v *Verifier, token string, want refusal) {
	t.Helper()
	client, err := v.Verify(t.Context(), token)
	why, _ := errors.AsType[refusal](err)
	if client != nil || errs.CodeOf(err) != errs.Unauthenticated || why != want {
		t.Errorf("client %v, error %v (%s), want a refusal because of %q", client, err, errs.CodeOf(err), want)
		return
	}
	text := map[refusal]string{missing: "a token is needed", expired: "the token has expired", notYet: "the token is not valid yet", revoked: "the token was revoked"}[want]
	if text == "" {
		text = "the token is not valid"
	}
	if got := errs.Public(err); got != text {
		t.Errorf("its bearer reads %q, want %q", got, text)
	}
}

func wantClient(t testing.TB, v *Verifier, token, id string) *Client {
	t.Helper()
	client, err := v.Verify(t.Context(), token)
	if err != nil || client.ID != id {
		t.Fatalf("client %v, error %v, want %s", client, err, id)
	}
	return client
}
