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

// Issuer makes tokens for servers that are started with its Options: good ones, and with Compact any others.
type Issuer struct {
	Secret []byte          // that the server has
	Key    *rsa.PrivateKey // whose public half the server has
	PEM    []byte          // of the public half, as the server reads it

	t    testing.TB
	file string // with PEM
}

// What tokens of an Issuer say of themselves, and what its servers want to read.
const (
	IssuerName = "https://id.example.org"
	Audience   = "restante"
)

// NewIssuer returns an issuer with a secret and a key of its own.
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

// NewRSAKey returns a new key of the least size that servers take.
func NewRSAKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Options returns those of a server that believes the issuer, with further flags.
func (i *Issuer) Options(args ...string) Options {
	return Options{
		Args: append([]string{"--auth", "jwt", "--jwt-key", i.file, "--jwt-issuer", IssuerName, "--jwt-audience", Audience}, args...),
		Env:  []string{"RESTANTE_JWT_SECRET=" + string(i.Secret)},

		operator: func() string { return i.Token(NewClaims("operator").With("admin", true)) },
	}
}

// Claims are the payload of a token.
type Claims map[string]any

// With returns the claims with one that is different; nil takes it out.
func (c Claims) With(name string, value any) Claims {
	c = maps.Clone(c)
	c[name] = value
	if value == nil {
		delete(c, name)
	}
	return c
}

// NewClaims returns the claims of a token that is valid for an hour from now on.
func NewClaims(sub string, rooms ...string) Claims {
	return Claims{
		"iss": IssuerName, "aud": Audience, "sub": sub, "rooms": rooms,
		"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
	}
}

// Token returns a token with these claims, signed with the issuer's secret.
func (i *Issuer) Token(c Claims) string {
	i.t.Helper()
	return Compact(i.t, Header{"alg": "HS256", "typ": "JWT"}, c, HS256(i.Secret))
}

// Header is that of a token.
type Header map[string]any

// Sign signs the first two parts of a token.
type Sign func(input []byte) []byte

// Compact returns a token made of just these parts, however wrong.
func Compact(t testing.TB, h Header, payload any, sign Sign) string {
	t.Helper()
	input := encode(t, h) + "." + encode(t, payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

// encode returns a part of a token: v as JSON, unless it is text already.
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

// Unsigned is the signature of a token without one.
func Unsigned([]byte) []byte { return nil }

// JWK returns the public half of a key as key sets have it, under a name; "" is none.
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
