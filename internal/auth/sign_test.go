package auth

import (
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"restante/internal/errs"
)

func TestSigner_TokensAreValidForThePublicKey(t *testing.T) {
	sec1 := func(name string) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(private()[name])
		if err != nil {
			t.Fatal(err)
		}
		return append(block("EC PARAMETERS", nil), block("PRIVATE KEY", der)...)
	}
	grant := Grant{Subject: "ann", Rooms: Rooms{"team-*"}, TTL: time.Hour, Issuer: "https://id", Audience: "chat"}
	for name, tc := range map[string]struct {
		key       []byte
		of        string
		algorithm string
	}{
		"RSA":           {privatePEM(t, "rsa"), "rsa", "RS256"},
		"P-256":         {privatePEM(t, "p256"), "p256", "ES256"},
		"P-384":         {privatePEM(t, "p384"), "p384", "ES384"},
		"P-521":         {sec1("p521"), "p521", "ES512"},
		"Ed25519":       {privatePEM(t, "ed25519"), "ed25519", "EdDSA"},
		"JWK":           {jwkOf(t, jose.JSONWebKey{Key: private()["p256"], KeyID: "a"}), "p256", "ES256"},
		"JWK with alg":  {jwkOf(t, jose.JSONWebKey{Key: private()["rsa"], Algorithm: "PS512"}), "rsa", "PS512"},
		"JWK, new name": {jwkOf(t, jose.JSONWebKey{Key: private()["ed25519"], Algorithm: "Ed25519"}), "ed25519", "EdDSA"},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := NewKeySigner(tc.key)
			if err != nil {
				t.Fatal(err)
			}
			token, err := signer.Sign(grant)
			if err != nil {
				t.Fatal(err)
			}
			v := newTestVerifier(t, Config{Keys: []string{writeFile(t, publicPEM(t, tc.of))}, Issuer: "https://id", Audience: "chat"})
			wantClient(t, v, token, "ann")
			signed, err := jose.ParseSignedCompact(token, publicAlgorithms)
			if err != nil || signed.Signatures[0].Header.Algorithm != tc.algorithm {
				t.Errorf("%+v, %v; want %s", signed.Signatures[0].Header, err, tc.algorithm)
			}
			if name == "JWK" && signed.Signatures[0].Header.KeyID != "a" {
				t.Error("the token does not say which key has signed it")
			}
		})
	}
}

func TestSigner_TokenSaysWhatIsGranted(t *testing.T) {
	signer, err := NewSecretSigner(secret32)
	if err != nil {
		t.Fatal(err)
	}
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	for _, grant := range []Grant{
		{Subject: "ann", Rooms: Rooms{"*"}, TTL: time.Second},
		{Subject: "ann", Rooms: Rooms{"lobby", "team-*"}, TTL: time.Hour, ReadOnly: true},
		{Subject: "prometheus", Admin: true, TTL: 365 * 24 * time.Hour},
	} {
		before := time.Now()
		token, err := signer.Sign(grant)
		if err != nil {
			t.Fatal(err)
		}
		client := wantClient(t, v, token, grant.Subject)
		left := client.Expires.Sub(before) - DefaultLeeway
		if !slices.Equal(client.Rooms, grant.Rooms) || client.Publish == grant.ReadOnly || client.Admin != grant.Admin ||
			left > grant.TTL+time.Second || left < grant.TTL-2*time.Second {
			t.Errorf("%+v makes %+v, which ends in %v", grant, client, left)
		}
	}
}

func TestSigner_RefusesGrantsThatMakeNoSense(t *testing.T) {
	signer, err := NewSecretSigner(secret32)
	if err != nil {
		t.Fatal(err)
	}
	good := Grant{Subject: "ann", Rooms: Rooms{"*"}, TTL: time.Hour}
	for field, change := range map[string]func(*Grant){
		"sub":   func(g *Grant) { g.Subject = "" },
		"rooms": func(g *Grant) { g.Rooms = nil },
		"ttl":   func(g *Grant) { g.TTL = time.Second - 1 },
		"ttl ":  func(g *Grant) { g.TTL = DefaultMaxTTL + 1 },
		" ttl ": func(g *Grant) { g.MaxTTL = time.Minute },
	} {
		g := good
		change(&g)
		_, err := signer.Sign(g)
		if all := errs.All(err); len(all) != 1 || all[0].Field != strings.TrimSpace(field) || all[0].Code != errs.Invalid {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := signer.Sign(Grant{Rooms: Rooms{"NO"}, TTL: -time.Hour}); len(errs.All(err)) != 3 {
		t.Errorf("not all faults at once: %v", err)
	}
}

func TestSigner_RefusesKeysThatCannotBeUsed(t *testing.T) {
	if _, err := NewSecretSigner(secret32[1:]); err == nil || strings.Contains(err.Error(), secret32[1:]) {
		t.Errorf("a weak secret: %v", err)
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":         {nil, "neither PEM nor a JWK"},
		"public":          {publicPEM(t, "rsa"), "must be a PRIVATE KEY"},
		"public JWK":      {jwkOf(t, jose.JSONWebKey{Key: public("rsa")}), "must be a private key"},
		"secret JWK":      {jwkOf(t, jose.JSONWebKey{Key: []byte(secret64)}), "must be a private key"},
		"damaged":         {block("PRIVATE KEY", []byte("x")), "read the PRIVATE KEY"},
		"damaged JWK":     {[]byte(`{"kty":`), "read the JWK"},
		"weak":            {privatePEM(t, "rsa-weak"), "1024 bits"},
		"with a password": {block("ENCRYPTED PRIVATE KEY", nil), "has a password"},
		"wrong alg":       {jwkOf(t, jose.JSONWebKey{Key: private()["rsa"], Algorithm: "ES256"}), "ES256"},
	} {
		if _, err := NewKeySigner(tc.data); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}
