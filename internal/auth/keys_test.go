package auth

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func certificatePEM(t *testing.T, name string) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, public(name), private()[name])
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der)
}

func jwkOf(t testing.TB, k jose.JSONWebKey) []byte {
	t.Helper()
	return toJSON(t, k)
}

func TestPublicKeyFile_AcceptsEveryForm(t *testing.T) {
	for name, data := range map[string][]byte{
		"PKIX":         publicPEM(t, "rsa"),
		"PKCS1":        block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(public("rsa").(*rsa.PublicKey))),
		"certificate":  certificatePEM(t, "rsa"),
		"text before":  append([]byte("subject=x\n"), publicPEM(t, "rsa")...),
		"JWK":          jwkOf(t, jose.JSONWebKey{Key: public("rsa")}),
		"JWK with kid": jwkOf(t, jose.JSONWebKey{Key: public("rsa"), KeyID: "2026", Use: "sig"}),
	} {
		t.Run(name, func(t *testing.T) {
			v := newTestVerifier(t, Config{Keys: []string{writeFile(t, data)}})
			wantClient(t, v, sign(t, jose.PS384, private()["rsa"], nil, payload(nil)), "ann")
			wantRefusal(t, v, sign(t, jose.PS384, private()["rsa-other"], nil, payload(nil)), wrongSignature)
			wantRefusal(t, v, sign(t, jose.ES256, private()["p256"], nil, payload(nil)), wrongAlgorithm)
		})
	}
}

func TestPublicKeyFile_AlgAndKidOfAJWKCount(t *testing.T) {
	v := newTestVerifier(t, Config{Keys: []string{
		writeFile(t, jwkOf(t, jose.JSONWebKey{Key: public("rsa"), KeyID: "a", Algorithm: "PS256"})),
		writeFile(t, jwkOf(t, jose.JSONWebKey{Key: public("ed25519"), Algorithm: "Ed25519"})),
	}})
	named := func(kid string) map[jose.HeaderKey]any { return map[jose.HeaderKey]any{"kid": kid} }
	wantClient(t, v, sign(t, jose.PS256, private()["rsa"], nil, payload(nil)), "ann")
	wantClient(t, v, sign(t, jose.PS256, private()["rsa"], named("a"), payload(nil)), "ann")
	wantClient(t, v, sign(t, jose.EdDSA, private()["ed25519"], named("any"), payload(nil)), "ann")
	wantRefusal(t, v, sign(t, jose.RS256, private()["rsa"], nil, payload(nil)), wrongAlgorithm)
	wantRefusal(t, v, sign(t, jose.PS256, private()["rsa"], named("b"), payload(nil)), unknownKey)
}

func TestPublicKeyFile_SaysWhatIsWrong(t *testing.T) {
	sec1, err := x509.MarshalPKCS8PrivateKey(private()["p256"])
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"empty":          {nil, "neither PEM nor a JWK"},
		"nonsense":       {[]byte("nonsense"), "neither PEM nor a JWK"},
		"private":        {privatePEM(t, "rsa"), "is a private key"},
		"old private":    {block("EC PRIVATE KEY", sec1), "is a private key"},
		"private JWK":    {jwkOf(t, jose.JSONWebKey{Key: private()["p256"]}), "is a private key"},
		"secret JWK":     {jwkOf(t, jose.JSONWebKey{Key: []byte(secret64)}), "is a private key"},
		"weak RSA":       {publicPEM(t, "rsa-weak"), "1024 bits, must have 2048"},
		"weak RSA JWK":   {jwkOf(t, jose.JSONWebKey{Key: public("rsa-weak")}), "1024 bits, must have 2048"},
		"other curve":    {publicPEM(t, "p224"), "P-224"},
		"several":        {append(publicPEM(t, "rsa"), publicPEM(t, "p256")...), "its own file"},
		"other PEM":      {block("DH PARAMETERS", nil), "must be a PUBLIC KEY"},
		"damaged":        {block("PUBLIC KEY", []byte("x")), "read the PUBLIC KEY"},
		"JWK damaged":    {[]byte(`{"kty":"RSA"`), "read the JWK"},
		"JWK of no type": {[]byte(`{"n":"AAAA"}`), "read the JWK"},
		"JWK set":        {[]byte(`{"keys":[]}`), "read the JWK"},
		"JWK encrypts":   {jwkOf(t, jose.JSONWebKey{Key: public("rsa"), Use: "enc"}), `"enc"`},
		"JWK with alg":   {jwkOf(t, jose.JSONWebKey{Key: public("rsa"), Algorithm: "ES256"}), `"ES256"`},
		"JWK with HS":    {jwkOf(t, jose.JSONWebKey{Key: public("rsa"), Algorithm: "HS256"}), `"HS256"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, tc.data)
			_, err := NewVerifier(t.Context(), Config{Keys: []string{path}})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "--jwt-key: "+path+": ") {
				t.Errorf("error %v, want one that says %q", err, tc.want)
			}
		})
	}
}

func TestSecretKey_AlgorithmsByLength(t *testing.T) {
	for length, want := range map[int]int{32: 1, 47: 1, 48: 2, 63: 2, 64: 3, 100: 3} {
		if k, err := secretKey(strings.Repeat("x", length)); err != nil || len(k.algorithms) != want {
			t.Errorf("%d bytes: %v, %v, want %d algorithms", length, k.algorithms, err, want)
		}
	}
	if _, err := secretKey(strings.Repeat("x", 31)); err == nil {
		t.Error("31 bytes are accepted")
	}
}

// FuzzParseKeys checks that no file and no answer of a key server causes a panic, or turns a public key into a secret.
func FuzzParseKeys(f *testing.F) {
	f.Add(publicPEM(f, "p256"))
	f.Add(jwkOf(f, jose.JSONWebKey{Key: public("ed25519"), KeyID: "a"}))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQ","e":"AQAB"},{},null,7]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var found []key
		if set, err := parseKeySet(data); err == nil {
			found = set.keys
		}
		for _, parse := range []func([]byte) (key, error){parsePEM, parseJWK} {
			if k, err := parse(data); err == nil {
				found = append(found, k)
			}
		}
		for _, k := range found {
			if secret, ok := k.key.([]byte); ok || len(k.algorithms) == 0 || bytes.Contains([]byte(k.algorithms[0]), []byte("HS")) {
				t.Errorf("a public key was read as the secret %v, of %v", secret, k.algorithms)
			}
		}
	})
}
