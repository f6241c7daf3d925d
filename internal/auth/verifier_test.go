package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
)

// everyKey returns a verifier with a key of each kind, but without a key set.
func everyKey(t testing.TB) *Verifier {
	cfg := Config{Secrets: []string{secret64}, Issuer: "https://id.example.org", Audience: "chat"}
	for _, name := range []string{"rsa", "p256", "p384", "p521", "ed25519"} {
		cfg.Keys = append(cfg.Keys, writeFile(t, publicPEM(t, name)))
	}
	return newTestVerifier(t, cfg)
}

var right = map[string]any{"iss": "https://id.example.org", "aud": []string{"mail", "chat"}}

func TestVerifier_AcceptsEveryAlgorithmOfItsKeys(t *testing.T) {
	v := everyKey(t)
	for alg, key := range map[jose.SignatureAlgorithm]any{
		jose.HS256: []byte(secret64), jose.HS384: []byte(secret64), jose.HS512: []byte(secret64),
		jose.RS256: private()["rsa"], jose.RS384: private()["rsa"], jose.RS512: private()["rsa"],
		jose.PS256: private()["rsa"], jose.PS384: private()["rsa"], jose.PS512: private()["rsa"],
		jose.ES256: private()["p256"], jose.ES384: private()["p384"], jose.ES512: private()["p521"],
		jose.EdDSA: private()["ed25519"],
	} {
		token := sign(t, alg, key, nil, payload(right))
		for _, time := range []string{"first", "remembered"} {
			t.Run(fmt.Sprintf("%s/%s", alg, time), func(t *testing.T) { wantClient(t, v, token, "ann") })
		}
		changed := []byte(token)
		changed[len(changed)-10] ^= 1
		t.Run(string(alg)+"/changed", func(t *testing.T) {
			if client, err := v.Verify(t.Context(), string(changed)); err == nil {
				t.Errorf("a token with a changed signature is valid for %s", client.ID)
			}
		})
	}
}

func TestVerifier_RefusesWhatIsNotSignedByAKeyOfTheAlgorithm(t *testing.T) {
	v := everyKey(t)
	claims := string(toJSON(t, payload(right)))
	good := sign(t, jose.ES256, private()["p256"], nil, payload(right))
	parts := strings.Split(good, ".")
	header := func(text string) string { return b64(text) + "." + parts[1] + "." + parts[2] }
	jwk := jose.JSONWebKey{Key: public("p256-other"), Algorithm: "ES256"}

	for name, tc := range map[string]struct {
		token string
		want  refusal
	}{
		"no algorithm":            {b64(`{"alg":"none"}`) + "." + b64(claims) + ".", wrongAlgorithm},
		"no algorithm, signature": {b64(`{"alg":"none"}`) + "." + b64(claims) + "." + parts[2], wrongAlgorithm},
		"NoNe":                    {b64(`{"alg":"NoNe"}`) + "." + b64(claims) + ".", wrongAlgorithm},
		"alg missing":             {b64(`{}`) + "." + b64(claims) + ".", wrongAlgorithm},
		"alg null":                {b64(`{"alg":null}`) + "." + b64(claims) + ".", wrongAlgorithm},
		"alg of encryption":       {b64(`{"alg":"RSA-OAEP","enc":"A128GCM"}`) + "." + b64(claims) + ".", wrongAlgorithm},
		"HS with an RSA key":      {sign(t, jose.HS256, publicPEM(t, "rsa"), nil, payload(right)), wrongSignature},
		"HS with an EC key":       {sign(t, jose.HS512, publicPEM(t, "p521"), nil, payload(right)), wrongSignature},
		"another secret":          {sign(t, jose.HS256, []byte(strings.ToUpper(secret64)), nil, payload(right)), wrongSignature},
		"another RSA key":         {sign(t, jose.RS256, private()["rsa-other"], nil, payload(right)), wrongSignature},
		"another EC key":          {sign(t, jose.ES256, private()["p256-other"], nil, payload(right)), wrongSignature},
		"alg changed":             {header(`{"alg":"RS256"}`), wrongSignature},
		"crit":                    {sign(t, jose.ES256, private()["p256"], map[jose.HeaderKey]any{"crit": []string{"exp"}}, payload(right)), malformed},
		"crit of nothing":         {sign(t, jose.ES256, private()["p256"], map[jose.HeaderKey]any{"crit": []string{}}, payload(right)), malformed},
		"crit null":               {header(`{"alg":"ES256","crit":null}`), wrongSignature}, // a null is no member for the library, and the signature is of another header
		"b64":                     {header(`{"alg":"ES256","b64":true}`), malformed},
		"kid a number":            {header(`{"alg":"ES256","kid":7}`), malformed},
		"its own key": {sign(t, jose.ES256, private()["p256-other"],
			map[jose.HeaderKey]any{"jwk": jwk, "jku": "http://127.0.0.1/", "x5u": "http://127.0.0.1/"}, payload(right)), wrongSignature},
		"other claims":    {parts[0] + "." + b64(strings.Replace(claims, "ann", "bob", 1)) + "." + parts[2], wrongSignature},
		"no signature":    {parts[0] + "." + parts[1] + ".", wrongSignature},
		"header not JSON": {header("nonsense"), malformed},
		"header twice":    {header(`{"alg":"ES256","alg":"ES256"}`), malformed},
		"two parts":       {parts[0] + "." + parts[1], malformed},
		"four parts":      {good + ".e30", malformed},
		"a line end":      {good + "\n", malformed},
		"padding":         {good + "==", malformed},
		"nothing":         {"", malformed},
		"JSON":            {`{"payload":"","signatures":[]}`, malformed},
		"too long":        {good + strings.Repeat("A", maxToken), tooLong},
	} {
		t.Run(name, func(t *testing.T) { wantRefusal(t, v, tc.token, tc.want) })
	}
	wantClient(t, v, good, "ann")
}

func TestVerifier_SecretsHaveTheAlgorithmsOfTheirLength(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	wantClient(t, v, secretToken(t, secret32, nil), "ann")
	wantRefusal(t, v, sign(t, jose.HS384, []byte(secret64), nil, payload(nil)), wrongAlgorithm)
	v = newTestVerifier(t, Config{Secrets: []string{secret64[:48]}})
	wantClient(t, v, sign(t, jose.HS384, []byte(secret64[:48]), nil, payload(nil)), "ann")
	wantRefusal(t, v, sign(t, jose.HS512, []byte(secret64), nil, payload(nil)), wrongAlgorithm)
}

func TestVerifier_ReadsClaims(t *testing.T) {
	now := time.Now().Unix()
	many := make([]string, MaxRooms+1)
	for i := range many {
		many[i] = fmt.Sprintf("room-%d", i)
	}
	v := newTestVerifier(t, Config{Secrets: []string{secret32}, Issuer: "https://id.example.org", Audience: "chat"})
	for name, tc := range map[string]struct {
		change map[string]any
		want   refusal // "": valid
	}{
		"good":                  {nil, ""},
		"audience alone":        {map[string]any{"aud": "chat"}, ""},
		"no rooms":              {map[string]any{"rooms": nil}, ""},
		"most rooms":            {map[string]any{"rooms": many[:MaxRooms]}, ""},
		"nbf now":               {map[string]any{"nbf": now, "iat": now}, ""},
		"nbf within the leeway": {map[string]any{"nbf": now + 3, "iat": now + 3}, ""},
		"nbf later":             {map[string]any{"nbf": now + 60}, notYet},
		"iat later":             {map[string]any{"iat": now + 60}, notYet},
		"nbf of the far future": {map[string]any{"nbf": 1e300}, wrongClaims},
		"expired":               {map[string]any{"exp": now - 60}, expired},
		"expired, in leeway":    {map[string]any{"exp": now - 2}, ""},
		"no exp":                {map[string]any{"exp": nil}, wrongClaims},
		"exp is text":           {map[string]any{"exp": fmt.Sprint(now + 60)}, wrongClaims},
		"exp is huge":           {map[string]any{"exp": 1e300}, wrongClaims},
		"another issuer":        {map[string]any{"iss": "https://evil.example.org"}, wrongIssuer},
		"no issuer":             {map[string]any{"iss": nil}, wrongIssuer},
		"another audience":      {map[string]any{"aud": "mail"}, wrongAudience},
		"no audience":           {map[string]any{"aud": nil}, wrongAudience},
		"audience is a number":  {map[string]any{"aud": 7}, wrongClaims},
		"no sub":                {map[string]any{"sub": nil}, wrongClaims},
		"empty sub":             {map[string]any{"sub": ""}, wrongClaims},
		"sub is a number":       {map[string]any{"sub": 7}, wrongClaims},
		"sub that cannot be":    {map[string]any{"sub": "a\x01"}, wrongClaims},
		"sub with blanks":       {map[string]any{"sub": "ann "}, wrongClaims},
		"sub with a wide blank": {map[string]any{"sub": "\u3000ann"}, wrongClaims},
		"sub of blanks":         {map[string]any{"sub": "\ufeff\u00a0"}, wrongClaims},
		"sub that turns text":   {map[string]any{"sub": "a\u202eb"}, wrongClaims},
		"sub that is not seen":  {map[string]any{"sub": "\u3164"}, wrongClaims},
		"sub that is damaged":   {map[string]any{"sub": "caf\xe9"}, wrongClaims},
		"sub too long":          {map[string]any{"sub": strings.Repeat("a", 129)}, wrongClaims},
		"rooms are text":        {map[string]any{"rooms": "lobby"}, wrongClaims},
		"a room is a number":    {map[string]any{"rooms": []any{"lobby", 7}}, wrongClaims},
		"a room is null":        {map[string]any{"rooms": []any{nil}}, wrongClaims},
		"a room that cannot be": {map[string]any{"rooms": []any{"Lobby"}}, wrongClaims},
		"star in the middle":    {map[string]any{"rooms": []any{"a*b"}}, wrongClaims},
		"too many rooms":        {map[string]any{"rooms": many}, wrongClaims},
		"publish is text":       {map[string]any{"publish": "false"}, wrongClaims},
		"admin is a number":     {map[string]any{"admin": 1}, wrongClaims},
	} {
		t.Run(name, func(t *testing.T) {
			change := map[string]any{"iss": right["iss"], "aud": right["aud"]}
			for k, value := range tc.change {
				change[k] = value
			}
			token := secretToken(t, secret32, change)
			if tc.want == "" {
				wantClient(t, v, token, "ann")
			} else {
				wantRefusal(t, v, token, tc.want)
			}
		})
	}
	v = newTestVerifier(t, Config{Secrets: []string{secret32}})
	for _, claims := range []string{"", "null", "[]", "7", `{"sub":"ann"`, `{"SUB":"ann","exp":9999999999}`, `{"sub":"ann","sub":"bob","exp":9999999999}`} {
		wantRefusal(t, v, sign(t, jose.HS256, []byte(secret32), nil, []byte(claims)), wrongClaims)
	}
}

func TestVerifier_ClientHasWhatTheTokenSays(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}, Leeway: 10 * time.Second})
	exp := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, tc := range []struct {
		change map[string]any
		want   Client
	}{
		{nil, Client{ID: "ann", Rooms: Rooms{"lobby", "team-*"}, Publish: true}},
		{map[string]any{"publish": true, "admin": true}, Client{ID: "ann", Rooms: Rooms{"lobby", "team-*"}, Publish: true, Admin: true}},
		{map[string]any{"publish": false, "rooms": []string{}}, Client{ID: "ann"}},
		{map[string]any{"rooms": nil, "sub": "Ünïcode 日本"}, Client{ID: "Ünïcode 日本", Publish: true}},
		{map[string]any{"rooms": nil, "sub": "👩\u200d👧\u3000\U0001fae9"}, Client{ID: "👩\u200d👧\u3000\U0001fae9", Publish: true}},
		{map[string]any{"iat": exp.Unix() - 9_000_000, "rooms": nil, "jti": "t-1"}, Client{ID: "ann", TokenID: "t-1", Publish: true, Issued: exp.Add(-9_000_000 * time.Second)}},
		{map[string]any{"iat": nil, "rooms": nil}, Client{ID: "ann", Publish: true}},
	} {
		change := map[string]any{"exp": exp.Unix()}
		for k, value := range tc.change {
			change[k] = value
		}
		got := wantClient(t, v, secretToken(t, secret32, change), tc.want.ID)
		tc.want.Expires = exp.Add(10 * time.Second)
		if !got.Expires.Equal(tc.want.Expires) || !got.Issued.Equal(tc.want.Issued) || got.TokenID != tc.want.TokenID || got.Publish != tc.want.Publish || got.Admin != tc.want.Admin ||
			strings.Join(got.Rooms, ",") != strings.Join(tc.want.Rooms, ",") {
			t.Errorf("%v: %+v, want %+v", tc.change, got, tc.want)
		}
	}
}

func TestVerifier_TokenEndsWhenItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newTestVerifier(t, Config{Secrets: []string{secret32}})
		token := secretToken(t, secret32, map[string]any{"exp": time.Now().Add(time.Minute).Unix(), "nbf": time.Now().Add(20 * time.Second).Unix()})
		wantRefusal(t, v, token, notYet)
		time.Sleep(16 * time.Second) // fake time
		client := wantClient(t, v, token, "ann")

		ctx, cancel := UntilExpiry(With(t.Context(), client))
		defer cancel()
		time.Sleep(44*time.Second + DefaultLeeway - time.Millisecond) // fake time
		synctest.Wait()
		wantClient(t, v, token, "ann")
		if ctx.Err() != nil {
			t.Error("the client's streams ended too soon")
		}
		time.Sleep(2 * time.Millisecond) // fake time
		synctest.Wait()
		wantRefusal(t, v, token, expired)
		if ctx.Err() == nil {
			t.Error("the client's streams go on")
		}
	})
}

func TestVerifier_RemembersABoundedNumberOfTokens(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	token := secretToken(t, secret32, nil)
	if first, again := wantClient(t, v, token, "ann"), wantClient(t, v, token, "ann"); first != again {
		t.Error("the same token was checked twice")
	}
	for i := range maxSeen + 10 {
		v.seen.add(fmt.Sprint(i), nil, &Client{})
	}
	if n := v.seen.clients.Len(); n != maxSeen {
		t.Errorf("%d tokens are remembered, want %d", n, maxSeen)
	}
	wantRefusal(t, v, secretToken(t, secret64[:40], nil), wrongSignature)
	if v.seen.get(secretToken(t, secret64[:40], nil), v.inForce) != nil {
		t.Error("a refused token is remembered")
	}
}

func TestVerifier_Counts(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	v := newTestVerifier(t, Config{Secrets: []string{secret32}, Metrics: reg})
	series, err := testutil.GatherAndCount(reg)
	if want := len(refusals) + 2 + 2 + 2 + 1; err != nil || series != want {
		t.Errorf("%d series from the start, want %d: %v", series, want, err)
	}
	token := secretToken(t, secret32, nil)
	wantClient(t, v, token, "ann")
	wantClient(t, v, token, "ann")
	wantRefusal(t, v, token+"=", malformed)
	for outcome, want := range map[string]float64{"ok": 2, "malformed": 1, "expired": 0, "unavailable": 0} {
		if got := testutil.ToFloat64(v.metrics.tokens.WithLabelValues(outcome)); got != want {
			t.Errorf("%s: %v, want %v", outcome, got, want)
		}
	}
}

func TestVerifier_RefusesBadSettings(t *testing.T) {
	weak := "short and secret"
	for name, tc := range map[string]struct {
		cfg  Config
		want []string
	}{
		"nothing":      {Config{}, []string{"--jwt-secret", "--jwt-key", "--jwks-url"}},
		"weak secret":  {Config{Secrets: []string{secret32, weak}}, []string{"--jwt-secret: of 16 bytes", "32", "openssl rand"}},
		"empty secret": {Config{Secrets: []string{""}}, []string{"--jwt-secret"}},
		"no file":      {Config{Keys: []string{"/no/such/file"}}, []string{"--jwt-key: /no/such/file: no such file"}},
		"leeway":       {Config{Secrets: []string{secret32}, Leeway: -1}, []string{"--jwt-leeway"}},
		"http":         {Config{JWKS: []string{"http://id.example.org/keys"}}, []string{"--jwks-url", "https"}},
		"not a URL":    {Config{JWKS: []string{"id.example.org/keys?key=hidden"}}, []string{"--jwks-url"}},
		"no host":      {Config{JWKS: []string{"https:///keys"}}, []string{"--jwks-url"}},
		"ftp":          {Config{JWKS: []string{"ftp://127.0.0.1/keys"}}, []string{"--jwks-url"}},
		"all at once":  {Config{Secrets: []string{weak}, Keys: []string{"/no"}, JWKS: []string{"x"}}, []string{"--jwt-secret", "--jwt-key", "--jwks-url"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewVerifier(t.Context(), tc.cfg)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), weak) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%q shows a secret", err)
			}
		})
	}
}

func TestVerifier_SaysWhatIsInForce(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32, secret64}, Keys: []string{writeFile(t, publicPEM(t, "p256"))}, Issuer: "https://id", Audience: "chat"})
	if got := v.String(); !strings.HasPrefix(got, "jwt: 2 secrets, key /") || !strings.HasSuffix(got, ", issuer https://id, audience chat") {
		t.Error(got)
	}
	if got := newTestVerifier(t, Config{Secrets: []string{secret32}}).String(); got != "jwt: 1 secret" {
		t.Error(got)
	}
}

// FuzzVerifier checks that no token causes a panic, and that only tokens signed by the keys make a client.
func FuzzVerifier(f *testing.F) {
	v := everyKey(f)
	good := sign(f, jose.ES256, private()["p256"], nil, payload(right))
	signed := map[string]bool{good: true}
	f.Add(good)
	f.Add(strings.ToLower(good))
	f.Add(b64(`{"alg":"none"}`) + "." + b64(`{"sub":"ann","exp":9999999999}`) + ".")
	f.Add(b64(`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"},"crit":["b64"],"b64":false,"kid":"x"}`) + ".e30.AAAA")
	f.Add(b64(`{"alg":"ES256","x5c":["AAAA"],"jku":"https://x"}`) + "." + b64(`{}`) + "." + strings.Repeat("A", 86))
	f.Fuzz(func(t *testing.T, token string) {
		client, err := v.Verify(context.Background(), token)
		switch {
		case err != nil && client != nil:
			t.Fatal("a client and an error")
		case err != nil && errs.CodeOf(err) != errs.Unauthenticated:
			t.Fatalf("%v is %s", err, errs.CodeOf(err))
		case err == nil && !signed[token] && !sameSignature(token, good):
			t.Fatalf("%q makes the client %v", token, client)
		}
	})
}

// sameSignature reports whether two tokens differ only in the last bits of a part, which base64 does not use.
func sameSignature(a, b string) bool {
	x, errX := jose.ParseSignedCompact(a, publicAlgorithms)
	y, errY := jose.ParseSignedCompact(b, publicAlgorithms)
	return errX == nil && errY == nil && string(x.Signatures[0].Signature) == string(y.Signatures[0].Signature) &&
		string(x.UnsafePayloadWithoutVerification()) == string(y.UnsafePayloadWithoutVerification())
}

func BenchmarkVerifier(b *testing.B) {
	v := everyKey(b)
	for alg, key := range map[jose.SignatureAlgorithm]any{
		jose.HS256: []byte(secret64), jose.RS256: private()["rsa"], jose.ES256: private()["p256"], jose.EdDSA: private()["ed25519"],
	} {
		token := sign(b, alg, key, nil, payload(right))
		b.Run(string(alg)+"/first", func(b *testing.B) {
			for b.Loop() {
				v.seen.clients.Purge()
				wantClient(b, v, token, "ann")
			}
		})
		b.Run(string(alg)+"/remembered", func(b *testing.B) {
			for b.Loop() {
				wantClient(b, v, token, "ann")
			}
		})
	}
}
