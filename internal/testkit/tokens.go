package testkit

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Issuer makes tokens for servers that are started with its Options: valid ones, and with Compact any others.
type Issuer struct {
	Secret []byte          // the server has the same secret
	Key    *rsa.PrivateKey // the server has the public half
	PEM    []byte          // the public half, as the server reads it

	t    testing.TB
	file string // file that contains PEM
}

// The issuer and audience in the tokens of an Issuer, which its servers require.
const (
	IssuerName = "https://id.example.org"
	Audience   = "restante"
)

// NewIssuer returns an issuer with a new secret and a new key.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{t: t, Secret: []byte(rand.Text() + rand.Text()), file: filepath.Join(t.TempDir(), "public.pem")} // 52 bytes
	i.Key = NewRSAKey(t)
	public, err := x509.MarshalPKIXPublicKey(i.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	i.PEM = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	if err := os.WriteFile(i.file, i.PEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// NewRSAKey returns a new key of the smallest size that servers accept.
func NewRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Options returns the options of a server that accepts the issuer's tokens, with further flags.
func (i *Issuer) Options(args ...string) Options {
	return Options{
		Args: append([]string{"--auth", "jwt", "--jwt-key", i.file, "--jwt-issuer", IssuerName, "--jwt-audience", Audience}, args...),
		Env:  []string{"RESTANTE_JWT_SECRET=" + string(i.Secret)},

		operator: func() string { return i.Token(NewClaims("operator").With("admin", true)) },
	}
}

// Claims are the payload of a token.
type Claims map[string]any

// With returns the claims with one changed; nil removes it.
func (c Claims) With(name string, value any) Claims {
	c = maps.Clone(c)
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

// NewClaims returns the claims of a token that is valid for an hour.
func NewClaims(sub string, rooms ...string) Claims {
	return Claims{
		"iss": IssuerName, "aud": Audience, "sub": sub, "rooms": append([]string{}, rooms...), // never null
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
}

// Token returns a token with these claims, signed with the issuer's secret.
func (i *Issuer) Token(c Claims) string {
	i.t.Helper()
	return Compact(i.t, Header{"alg": "HS256", "typ": "JWT"}, c, HS256(i.Secret))
}

// Header is the header of a token.
type Header map[string]any

// Sign returns the signature of the first two parts of a token.
type Sign func(input []byte) []byte

// Compact returns a token of exactly these parts, valid or not.
func Compact(t testing.TB, h Header, payload any, sign Sign) string {
	t.Helper()
	input := encode(t, h) + "." + encode(t, payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

// encode returns one part of a token: v as JSON, or unchanged if it is a string.
func encode(t testing.TB, v any) string {
	t.Helper()
	text, ok := v.(string)
	if !ok {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// HS256 signs with a secret.
func HS256(secret []byte) Sign {
	return func(input []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(input)
		return h.Sum(nil)
	}
}

// HS512 signs with a secret.
func HS512(secret []byte) Sign {
	return func(input []byte) []byte {
		h := hmac.New(sha512.New, secret)
		h.Write(input)
		return h.Sum(nil)
	}
}

// RS256 signs with a private key.
func RS256(t testing.TB, key *rsa.PrivateKey) Sign {
	return func(input []byte) []byte {
		t.Helper()
		digest := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}
}

// Unsigned returns the signature of a token without one.
func Unsigned([]byte) []byte { return nil }

// JWK returns the public half of a key in the form of a key set, with a key id unless kid is "".
func JWK(key *rsa.PrivateKey, kid string) map[string]any {
	jwk := map[string]any{
		"kty": "RSA", "use": "sig", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
	if kid != "" {
		jwk["kid"] = kid
	}
	return jwk
}
