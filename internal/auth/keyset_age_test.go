package auth

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
)

// The keys of a set that cannot be fetched are believed for a day. Then tokens are not refused as invalid, which would make clients
// discard them, but as what cannot be checked now.
func TestKeySet_AStaleSetHasAnEnd(t *testing.T) {
	set, token := setOf(t, "rsa"), ""
	synctest.Test(t, func(t *testing.T) {
		token = sign(t, jose.RS256, private()["rsa"], map[jose.HeaderKey]any{"kid": "rsa"}, payload(map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()}))
		var down atomic.Bool
		log, reg := &logged{}, prometheus.NewPedanticRegistry()
		v := newTestVerifier(t, Config{Secrets: []string{secret32}, Log: slog.New(slog.NewTextHandler(log, nil))})
		v.metrics.register(reg)
		v.sets = []*keySet{newKeySet("", &url.URL{Scheme: "https", Host: "id.example.org", RawQuery: "a=hidden"}, v.cfg, v.metrics)}
		v.sets[0].client.Transport = roundTrip(func(*http.Request) (*http.Response, error) {
			if down.Load() {
				return nil, errors.New("down")
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(set))}, nil
		})
		v.sets[0].start(t.Context())
		wantClient(t, v, token, "ann")
		down.Store(true)
		time.Sleep(DefaultJWKSMaxAge - time.Hour) // fake time
		wantClient(t, v, token, "ann")
		time.Sleep(time.Hour + 2*refreshEvery) // fake time
		for range 2 {
			if _, err := v.Verify(t.Context(), token); errs.CodeOf(err) != errs.Unavailable {
				t.Errorf("with a set of more than a day: %v, want unavailable", err)
			}
		}
		wantClient(t, v, secretToken(t, secret32, nil), "ann")
		if n := log.count("level=ERROR"); n != 1 || log.count("hidden") != 0 {
			t.Errorf("%d lines say that the set is too old, want 1", n)
		}
		if n, err := testutil.GatherAndCount(reg, "restante_key_set_age_seconds"); n != 1 || err != nil || v.sets[0].age() < DefaultJWKSMaxAge {
			t.Errorf("%d metrics say how old the set is, which is %v: %v", n, v.sets[0].age(), err)
		}
		down.Store(false)
		time.Sleep(2 * maxRetry) // fake time
		wantClient(t, v, token, "ann")
	})
}

func TestKeySet_PrivateKeysAreNotUsedAndSaid(t *testing.T) {
	log := &logged{}
	member := string(jwkOf(t, jose.JSONWebKey{Key: private()["p256"], KeyID: "p256"}))
	server := startKeyServer(t, strings.Replace(setOf(t, "rsa"), `"keys":[`, `"keys":[`+member+`,`, 1))
	v := newTestVerifier(t, Config{JWKS: []string{server.URL}, Log: slog.New(slog.NewTextHandler(log, nil))})
	wantClient(t, v, tokenOfKey(t, jose.RS256, "rsa"), "ann")
	wantRefusal(t, v, tokenOfKey(t, jose.ES256, "p256"), unknownKey)
	if log.count("private keys") != 1 {
		t.Error("the log does not say that the set shows private keys")
	}
}

// Keys of a set, or of a file, are used for what they say they are for.
func TestJWK_UseAndKeyOpsAreRespected(t *testing.T) {
	public := string(jwkOf(t, jose.JSONWebKey{Key: public("p256"), KeyID: "p256"}))
	secret := string(jwkOf(t, jose.JSONWebKey{Key: private()["p256"], KeyID: "p256"}))
	for members, want := range map[string]struct{ verifies, signs bool }{
		`"use":"sig"`:                             {true, true},
		`"key_ops":["verify"]`:                    {true, false},
		`"key_ops":["sign","verify"],"use":"sig"`: {true, true},
		`"key_ops":["sign"]`:                      {false, true},
		`"key_ops":["encrypt"]`:                   {false, false},
		`"key_ops":["verify"],"use":"enc"`:        {false, false},
		`"key_ops":["deriveKey"],"use":"sig"`:     {false, false},
		`"key_ops":[]`:                            {false, false},
		`"key_ops":null`:                          {false, false},
		`"key_ops":"verify"`:                      {false, false},
		`"key_ops":["Verify"]`:                    {false, false},
		`"key_ops":["verify",7]`:                  {false, false},
		`"use":"enc"`:                             {false, false},
		`"use":"SIG"`:                             {false, false},
		`"use":""`:                                {false, false},
		`"use":null`:                              {false, false},
		`"alg":"ES256"`:                           {true, true},
		`"alg":null`:                              {false, false},
		`"alg":"ES256","use":"sig","use":"sig"`:   {false, false},
		`"x":"AAAA"`:                              {false, false},
		`"Use":"enc","KEY_OPS":[],"Alg":"RS256"`:  {true, true},
		`"ext":true,"unknown":{"a":[1]}`:          {true, true},
	} {
		with := func(jwk string) []byte { return []byte(strings.TrimSuffix(jwk, "}") + "," + members + "}") }
		if _, err := parseJWK(with(public)); (err == nil) != want.verifies {
			t.Errorf("%s: verifies: %v", members, err)
		}
		if _, err := NewKeySigner(with(secret)); (err == nil) != want.signs {
			t.Errorf("%s: signs: %v", members, err)
		}
	}
	for _, member := range privateMembers {
		if _, err := parseJWK([]byte(strings.TrimSuffix(public, "}") + `,"` + member + `":"AAAA"}`)); !errors.Is(err, errPrivate) {
			t.Errorf("a public key with the private member %s: %v", member, err)
		}
	}
}
