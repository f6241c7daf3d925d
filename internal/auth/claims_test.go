package auth

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// signedText returns a token with exactly this payload.
func signedText(t testing.TB, payload string) string {
	t.Helper()
	return sign(t, jose.HS256, []byte(secret32), nil, []byte(payload))
}

// Every claim that means something is refused with every type but its own. A null is not the same as no claim: without publish a
// client may send.
func TestVerifier_RefusesClaimsOfOtherTypes(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	now := time.Now().Unix()
	good := map[string]string{
		"sub": `"ann"`, "iss": `"https://id"`, "aud": `["chat"]`, "jti": `"t-1"`, "rooms": `["lobby"]`, "publish": "true", "admin": "false",
		"exp": fmt.Sprint(now + 60), "nbf": fmt.Sprint(now - 60), "iat": fmt.Sprint(now - 60),
	}
	payloadWith := func(changed, value string) string {
		members := []string{}
		for name, usual := range good {
			if name == changed {
				usual = value
			}
			members = append(members, fmt.Sprintf("%q:%s", name, usual))
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	wantClient(t, v, signedText(t, payloadWith("", "")), "ann")
	values := map[string]string{
		"null": "null", "a text": `"7"`, "a number": "7", "a fraction": "7.5", "true": "true", "an object": `{"a":1}`, "a list of null": "[null]",
		"a list of lists": `[["lobby"]]`, "a list of numbers": "[1]", "an empty text": `""`, "a list": `["lobby"]`, "an empty list": "[]", "NaN": `"NaN"`,
	}
	right := map[string]string{ // the values of other types that are of the right one
		"sub": "a text,NaN", "iss": "a text,NaN,an empty text", "aud": "a text,NaN,an empty text,a list,an empty list", "jti": "a text,NaN,an empty text",
		"rooms": "a list,an empty list", "publish": "true", "admin": "true", "exp": "a number,a fraction", "nbf": "a number,a fraction", "iat": "a number,a fraction",
	}
	for claim := range good {
		for what, value := range values {
			if strings.Contains(","+right[claim]+",", ","+what+",") {
				continue
			}
			t.Run(claim+" is "+what, func(t *testing.T) {
				wantRefusal(t, v, signedText(t, payloadWith(claim, value)), wrongClaims)
			})
		}
	}
}

func TestVerifier_ReadsPayloadsStrictly(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	exp := time.Now().Add(time.Minute).Unix()
	for name, members := range map[string]string{
		"sub twice":                   `"sub":"bob"`,
		"rooms twice":                 `"rooms":["lobby"],"rooms":["*"]`,
		"publish twice":               `"publish":false,"publish":true`,
		"an unknown claim twice":      `"x":1,"x":2`,
		"a name that is written else": `"s\u0075b":"bob"`,
		"text that is not UTF-8":      "\"x\":\"caf\xe9\"",
		"a comma too many":            `"x":1,`,
		"a comment":                   `"x":1/**/`,
		"a number of another kind":    `"x":0x10`,
		"Infinity":                    `"x":Infinity`,
	} {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, v, signedText(t, fmt.Sprintf(`{"sub":"ann","exp":%d,%s}`, exp, members)), wrongClaims)
		})
	}
	wantRefusal(t, v, signedText(t, fmt.Sprintf(`{"sub":"ann","exp":%d}{}`, exp)), wrongClaims)
	wantRefusal(t, v, signedText(t, fmt.Sprintf(`{"Sub":"ann","exp":%d}`, exp)), wrongClaims)
	client := wantClient(t, v, signedText(t, fmt.Sprintf(`{"sub":"ann","exp":%d,"Rooms":["*"],"ADMIN":true,"Publish":null,"Exp":"x","ſub":1}`, exp)), "ann")
	if client.Admin || len(client.Rooms) != 0 || !client.Publish {
		t.Errorf("claims in other letters mean something: %+v", client)
	}
}

// A token ends within the longest time, counted from when it was issued if it says so. No time overflows.
func TestVerifier_NoTokenIsValidForTooLong(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	now := time.Now().Unix()
	const day, limit = 24 * 3600, 400 * 24 * 3600
	for name, tc := range map[string]struct {
		claims string
		want   refusal
	}{
		"the longest":                      {fmt.Sprintf(`"exp":%d`, now+limit), ""},
		"a fraction":                       {fmt.Sprintf(`"exp":%d.75`, now+day), ""},
		"an exponent":                      {fmt.Sprintf(`"exp":%de1`, (now+day)/10), ""},
		"an hour more":                     {fmt.Sprintf(`"exp":%d`, now+limit+3600), tooLongLived},
		"the longest since iat":            {fmt.Sprintf(`"iat":%d,"exp":%d`, now-300*day, now+100*day), ""},
		"longer since iat":                 {fmt.Sprintf(`"iat":%d,"exp":%d`, now-300*day, now+101*day), tooLongLived},
		"issued before there was time":     {fmt.Sprintf(`"iat":-4000000000000000000,"exp":%d`, now+day), tooLongLived},
		"issued in the far future":         {fmt.Sprintf(`"iat":4000000000000000000,"exp":%d`, now+day), notYet},
		"the year 285428751":               {`"exp":9007199254740991`, tooLongLived},
		"the last second of 64 bits":       {`"exp":9223372036854775807`, wrongClaims},
		"beyond 64 bits":                   {`"exp":18446744073709551616`, wrongClaims},
		"nearly beyond them":               {`"exp":4600000000000000000`, tooLongLived},
		"beyond every number":              {`"exp":1e999`, wrongClaims},
		"the first second of 64 bits":      {`"exp":-9223372036854775808`, wrongClaims},
		"long ago":                         {`"exp":-4600000000000000000`, expired},
		"nbf long ago":                     {fmt.Sprintf(`"nbf":-4600000000000000000,"exp":%d`, now+day), ""},
		"nbf in the far future":            {fmt.Sprintf(`"nbf":4600000000000000000,"exp":%d`, now+day), notYet},
		"zero":                             {`"exp":0`, expired},
		"minus zero":                       {`"exp":-0.0`, expired},
		"a small fraction":                 {`"exp":1e-300`, expired},
		"a digit too many, as of a script": {fmt.Sprintf(`"exp":%d`, (now+day)*1000), tooLongLived},
	} {
		t.Run(name, func(t *testing.T) {
			token := signedText(t, `{"sub":"ann",`+tc.claims+`}`)
			if tc.want == "" {
				wantClient(t, v, token, "ann")
			} else {
				wantRefusal(t, v, token, tc.want)
			}
		})
	}
	short := newTestVerifier(t, Config{Secrets: []string{secret32}, MaxTTL: time.Hour})
	wantClient(t, short, signedText(t, fmt.Sprintf(`{"sub":"ann","exp":%d}`, now+3600)), "ann")
	wantRefusal(t, short, signedText(t, fmt.Sprintf(`{"sub":"ann","exp":%d}`, now+3700)), tooLongLived)
}

// FuzzParseClaims checks that no payload causes a panic, and that what is read is what the payload says under its exact names.
func FuzzParseClaims(f *testing.F) {
	for _, payload := range []string{`{"sub":"ann","exp":1}`, `{"publish":null}`, `{"Publish":false,"rooms":["*"]}`, `[]`, `{"exp":1e300,"aud":"a"}`, `{"sub":"a","sub":"b"}`} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := parseClaims(payload)
		if err != nil {
			return
		}
		members, err := fieldsOf(payload)
		if err != nil {
			t.Fatalf("%q was read, and is %v", payload, err)
		}
		for name, read := range map[string]bool{"publish": c.Publish != nil, "exp": c.Expiry != nil, "sub": c.Subject != "", "admin": c.Admin, "rooms": c.Rooms != nil} {
			if _, there := members[name]; read && !there {
				t.Errorf("%q has no %s, and one was read", payload, name)
			}
		}
		if _, there := members["publish"]; there && c.Publish == nil {
			t.Errorf("%q: publish was ignored", payload)
		}
	})
}
