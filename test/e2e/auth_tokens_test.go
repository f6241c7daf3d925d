package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// verdict is what a server must decide about a token.
type verdict string

// The verdicts. With those of the first line, only ways that need no token succeed. With the others the token is valid.
const (
	anonymous, invalid, expired, early    verdict = "anonymous", "invalid", "expired", "early"
	mayAll, otherRoom, readOnly, otherSub verdict = "may all", "other room", "read only", "other client_id"
)

// shown is a token, or something that is sent instead of a token.
type shown struct {
	name    string
	bearer  bearer
	verdict verdict
	inQuery verdict // the verdict where access_token is accepted, if it differs
	rooms   string  // rooms in the answer of GET /rooms, if the token is valid
	admin   bool    // the token has admin
}

// leeway is the leeway of the servers in these tests. It is so long that the duration of a test does not matter.
const leeway = time.Minute

// inClaims returns a token in which one claim differs from a valid one; nil removes the claim.
func inClaims(i *testkit.Issuer, name string, v verdict, claim string, value any) shown {
	c := testkit.NewClaims("ann", "team-a").With(claim, value)
	return shown{name: name, verdict: v, rooms: "team-a", bearer: inHeader(i.Token(c))}
}

// forRooms returns a token for rooms, and the rooms that GET /rooms must answer with it.
func forRooms(i *testkit.Issuer, v verdict, named string, patterns any) shown {
	s := inClaims(i, fmt.Sprintf("for the rooms %v", patterns), v, "rooms", patterns)
	s.rooms = named
	return s
}

// goodTokens are valid tokens. They allow the room and the sender of the ways, unless their verdict says otherwise.
func goodTokens(t *testing.T, i *testkit.Issuer) []shown {
	c := testkit.NewClaims("ann", "team-a")
	signed := func(name string, h testkit.Header, sign testkit.Sign) shown {
		return shown{name: name, verdict: mayAll, rooms: "team-a", bearer: inHeader(testkit.Compact(t, h, c, sign))}
	}
	operator := func(s shown) shown {
		s.name, s.admin, s.bearer = s.name+", of an operator", true, inHeader(i.Token(c.With("admin", true).With("rooms", strings.Fields(s.rooms))))
		return s
	}
	secret, key := testkit.HS256(i.Secret), testkit.RS256(t, i.Key)
	return []shown{
		signed("signed with the secret", testkit.Header{"alg": "HS256"}, secret),
		signed("signed with the key", testkit.Header{"alg": "RS256"}, key),
		signed("a kid that matches no key", testkit.Header{"alg": "HS256", "kid": "../../../dev/null"}, secret),
		signed("a jku, which the server ignores", testkit.Header{"alg": "HS256", "jku": "http://127.0.0.1:1/keys"}, secret),
		inClaims(i, "one of several audiences", mayAll, "aud", []string{"another", testkit.Audience}),
		inClaims(i, "expired within the leeway", mayAll, "exp", time.Now().Add(-leeway/2).Unix()),
		inClaims(i, "valid soon, within the leeway", mayAll, "nbf", time.Now().Add(leeway/2).Unix()),
		inClaims(i, "an unknown claim", mayAll, "scope", "everything"),
		inClaims(i, "publish set to true", mayAll, "publish", true),
		inClaims(i, "publish in other letters, which means nothing", mayAll, "Publish", false),
		inClaims(i, "valid for 399 days", mayAll, "exp", time.Now().Add(399*24*time.Hour).Unix()),
		inClaims(i, "for reading only", readOnly, "publish", false),
		inClaims(i, "another sub", otherSub, "sub", "bob"),
		operator(forRooms(i, mayAll, "team-a", []string{"team-a"})),
		operator(forRooms(i, otherRoom, "", nil)),
		forRooms(i, mayAll, "team-a team-ab", []string{"team-*"}),
		forRooms(i, mayAll, "lobby other team team-a team-ab xteam-a", []string{"*"}),
		forRooms(i, mayAll, "other team-a", []string{"other", "team-a", "nowhere"}),
		// Patterns that almost match the room, which is team-a.
		forRooms(i, otherRoom, "other", []string{"other"}),
		forRooms(i, otherRoom, "team-ab", []string{"team-ab"}),
		forRooms(i, otherRoom, "team-ab", []string{"team-ab*"}),
		forRooms(i, otherRoom, "team", []string{"team"}),
		forRooms(i, otherRoom, "xteam-a", []string{"xteam-*"}),
		forRooms(i, otherRoom, "", []string{"team-a-*"}),
		forRooms(i, otherRoom, "", nil),
		forRooms(i, otherRoom, "", []string{}),
	}
}

// timedTokens are tokens that are valid at another time.
func timedTokens(i *testkit.Issuer) []shown {
	ago, ahead := time.Now().Add(-2*leeway).Unix(), time.Now().Add(10*leeway).Unix()
	return []shown{
		inClaims(i, "expired", expired, "exp", ago),
		inClaims(i, "expired long ago", expired, "exp", 0),
		inClaims(i, "expired before there were computers", expired, "exp", -1e12),
		inClaims(i, "not valid yet", early, "nbf", ahead),
		inClaims(i, "made in the future", early, "iat", ahead),
	}
}

// badClaims are correctly signed tokens with an invalid claim.
func badClaims(t *testing.T, i *testkit.Issuer) []shown {
	far := time.Now().Add(time.Hour).Unix()
	all := []shown{
		inClaims(i, "wrong issuer", invalid, "iss", "https://id.example.com"),
		inClaims(i, "no issuer", invalid, "iss", nil),
		inClaims(i, "wrong audience", invalid, "aud", "another"),
		inClaims(i, "no audience", invalid, "aud", nil),
		inClaims(i, "no sub", invalid, "sub", nil),
		inClaims(i, "empty sub", invalid, "sub", ""),
		inClaims(i, "sub too long", invalid, "sub", strings.Repeat("a", 129)),
		inClaims(i, "sub of two lines", invalid, "sub", "ann\nbob"),
		inClaims(i, "sub a number", invalid, "sub", 7),
		inClaims(i, "no exp", invalid, "exp", nil),
		inClaims(i, "exp a text", invalid, "exp", "9999999999"),
		inClaims(i, "rooms a text", invalid, "rooms", "team-a"),
		inClaims(i, "rooms a number", invalid, "rooms", []int{1}),
		inClaims(i, "an invalid room", invalid, "rooms", []string{"Team-a"}),
		inClaims(i, "a star in the middle", invalid, "rooms", []string{"t*m-a"}),
		inClaims(i, "publish a text", invalid, "publish", "true"),
		inClaims(i, "admin a number", invalid, "admin", 1),
		inClaims(i, "admin a text", invalid, "admin", "true"),
		inClaims(i, "a list of audiences with a number", invalid, "aud", []any{testkit.Audience, 7}),
		inClaims(i, "a jti of a number", invalid, "jti", 7),
		inClaims(i, "an iat of text", invalid, "iat", "1"),
		inClaims(i, "an nbf of true", invalid, "nbf", true),
		inClaims(i, "valid for 401 days", invalid, "exp", time.Now().Add(401*24*time.Hour).Unix()),
		inClaims(i, "valid until the year 285428751", invalid, "exp", 9007199254740991),
		inClaims(i, "issued 401 days ago", invalid, "iat", time.Now().Add(-401*24*time.Hour).Unix()),
	}
	for _, claim := range []string{"publish", "admin", "rooms", "exp", "nbf", "iat", "iss", "aud", "sub", "jti"} {
		null := testkit.NewClaims("ann", "team-a")
		null[claim] = nil // With would remove it
		all = append(all, shown{name: claim + " null", verdict: invalid, bearer: inHeader(i.Token(null))})
	}
	for name, payload := range map[string]any{
		"a payload that is no object": "[]",
		"a payload that is no JSON":   "{",
		"sub in capitals":             testkit.NewClaims("ann", "team-a").With("sub", nil).With("SUB", "ann"),
		"sub twice":                   strings.Replace(payloadOf(t, i, far), `"sub":"ann"`, `"sub":"bob","sub":"ann"`, 1),
	} {
		token := testkit.Compact(t, testkit.Header{"alg": "HS256"}, payload, testkit.HS256(i.Secret))
		all = append(all, shown{name: name, verdict: invalid, bearer: inHeader(token)})
	}
	return all
}

// payloadOf returns a valid payload as JSON.
func payloadOf(t *testing.T, i *testkit.Issuer, exp int64) string {
	t.Helper()
	part := strings.Split(i.Token(testkit.NewClaims("ann", "team-a").With("exp", exp)), ".")[1]
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// forgedTokens have the claims of a valid token, but are signed without the secret and without the private key.
func forgedTokens(t *testing.T, i *testkit.Issuer) []shown {
	c := testkit.NewClaims("mallory", "*").With("sub", "ann").With("admin", true)
	own := testkit.NewRSAKey(t)
	forged := func(name string, h testkit.Header, sign testkit.Sign) shown {
		return shown{name: name, verdict: invalid, bearer: inHeader(testkit.Compact(t, h, c, sign))}
	}
	good := i.Token(c)
	parts := strings.Split(good, ".")
	raw := func(name, token string) shown { return shown{name: name, verdict: invalid, bearer: inHeader(token)} }
	other := base64.RawURLEncoding.EncodeToString([]byte(payloadOf(t, i, time.Now().Add(time.Hour).Unix())))
	der, _ := pem.Decode(i.PEM)
	chain := base64.StdEncoding.EncodeToString(der.Bytes)
	all := []shown{
		forged("another secret", testkit.Header{"alg": "HS256"}, testkit.HS256([]byte(strings.Repeat("x", 52)))),
		forged("an empty secret", testkit.Header{"alg": "HS256"}, testkit.HS256(nil)),
		forged("another key", testkit.Header{"alg": "RS256"}, testkit.RS256(t, own)),
		forged("an algorithm for which the secret is too short", testkit.Header{"alg": "HS512"}, testkit.HS512(i.Secret)),
		forged("an algorithm of no key", testkit.Header{"alg": "ES256"}, testkit.RS256(t, i.Key)),
		forged("an unknown algorithm", testkit.Header{"alg": "XS256"}, testkit.HS256(i.Secret)),
		forged("no algorithm", testkit.Header{}, testkit.HS256(i.Secret)),
		forged("HS256 with the public key as secret", testkit.Header{"alg": "HS256"}, testkit.HS256(i.PEM)),
		forged("HS256 with the public key as secret, trimmed", testkit.Header{"alg": "HS256"}, testkit.HS256(bytes.TrimSpace(i.PEM))),
		forged("HS256 with the public key's bytes as secret", testkit.Header{"alg": "HS256"}, testkit.HS256(der.Bytes)),
		forged("HS256 with the modulus as secret", testkit.Header{"alg": "HS256"}, testkit.HS256(i.Key.N.Bytes())),
		forged("says RS256, signed with the secret", testkit.Header{"alg": "RS256"}, testkit.HS256(i.Secret)),
		forged("says HS256, signed with the key", testkit.Header{"alg": "HS256"}, testkit.RS256(t, i.Key)),
		forged("brings its own key", testkit.Header{"alg": "RS256", "jwk": testkit.JWK(own, "")}, testkit.RS256(t, own)),
		forged("brings its own certificate", testkit.Header{"alg": "RS256", "x5c": []string{chain}}, testkit.RS256(t, own)),
		forged("says where its key is", testkit.Header{"alg": "RS256", "jku": "http://127.0.0.1:1/keys", "kid": "1"}, testkit.RS256(t, own)),
		forged("an empty file as secret", testkit.Header{"alg": "HS256", "kid": "/dev/null"}, testkit.HS256(nil)),
		forged("critical: unknown", testkit.Header{"alg": "HS256", "crit": []string{"exp"}, "exp": 1}, testkit.HS256(i.Secret)),
		forged("critical: a payload that is not encoded", testkit.Header{"alg": "HS256", "crit": []string{"b64"}, "b64": false}, testkit.HS256(i.Secret)),
		forged("critical: nothing", testkit.Header{"alg": "HS256", "crit": []string{}}, testkit.HS256([]byte("guessed"))),
		raw("another payload", parts[0]+"."+other+"."+parts[2]),
		raw("a signature cut short", good[:len(good)-4]),
		raw("a signature of nothing", parts[0]+"."+parts[1]+"."),
		raw("two parts", parts[0]+"."+parts[1]),
		raw("four parts", good+"."+parts[2]),
		raw("a token and a half", good+parts[0]),
		raw("padding", good+"="),
		raw("as JSON", `{"protected":"`+parts[0]+`","payload":"`+parts[1]+`","signature":"`+parts[2]+`"}`),
		raw("an empty one", ""),
		raw("a word", "undefined"),
		raw("bytes", hex.EncodeToString(i.Secret)),
		raw("longer than 8 KiB", i.Token(c.With("more", strings.Repeat("x", 8<<10)))),
		raw("one of five parts, as encrypted ones are", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA"),
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		all = append(all,
			forged("alg "+none+" without a signature", testkit.Header{"alg": none}, testkit.Unsigned),
			forged("alg "+none+" with a signature", testkit.Header{"alg": none}, testkit.HS256(i.Secret)))
	}
	return all
}

// oddlyShown are valid tokens in unusual places.
func oddlyShown(i *testkit.Issuer) []shown {
	good, bad := i.Token(testkit.NewClaims("ann", "team-a")), i.Token(testkit.NewClaims("ann", "team-a").With("aud", "another"))
	return []shown{
		{name: "nothing", verdict: anonymous},
		{name: "another scheme", verdict: anonymous, bearer: bearer{header: []string{"Basic " + good}}},
		{name: "no scheme", verdict: anonymous, bearer: bearer{header: []string{good}}},
		{name: "the scheme in small letters", verdict: mayAll, rooms: "team-a", bearer: bearer{header: []string{"bearer " + good}}},
		{name: "two spaces", verdict: mayAll, rooms: "team-a", bearer: bearer{header: []string{"Bearer  " + good}}},
		{name: "two headers", verdict: invalid, bearer: bearer{header: []string{"Bearer " + good, "Bearer " + good}}},
		{name: "two in a header", verdict: invalid, bearer: bearer{header: []string{"Bearer " + good + ", Bearer " + good}}},
		{name: "in the query", verdict: anonymous, inQuery: mayAll, rooms: "team-a", bearer: inQuery(good)},
		{name: "twice in the query", verdict: anonymous, inQuery: invalid, bearer: bearer{query: []string{good, good}}},
		{name: "in the query, and another scheme", verdict: anonymous, inQuery: mayAll, rooms: "team-a", bearer: bearer{header: []string{"Basic YTpi"}, query: []string{good}}},
		{name: "a good one in the header, a bad one in the query", verdict: mayAll, rooms: "team-a", bearer: bearer{header: []string{"Bearer " + good}, query: []string{bad}}},
		{name: "a bad one in the header, a good one in the query", verdict: invalid, bearer: bearer{header: []string{"Bearer " + bad}, query: []string{good}}},
		{name: "nothing behind the scheme, a good one in the query", verdict: invalid, bearer: bearer{header: []string{"Bearer"}, query: []string{good}}},
	}
}

// allShown is every column of the table except those of oddlyShown.
func allShown(t *testing.T, i *testkit.Issuer) []shown {
	t.Helper()
	return slices.Concat(goodTokens(t, i), timedTokens(i), badClaims(t, i), forgedTokens(t, i))
}
