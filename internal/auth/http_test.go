package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
)

func onHub(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/messageHub") }

// through returns the client of a request, or the error, that a handler behind Wrap gets.
func through(v *Verifier, r *http.Request) (*Client, error) {
	var client *Client
	var err error
	v.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { client, err = From(r.Context()) }), onHub).
		ServeHTTP(httptest.NewRecorder(), r)
	return client, err
}

func TestVerifier_WrapFindsTheToken(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	ann, bob := secretToken(t, secret32, nil), secretToken(t, secret32, map[string]any{"sub": "bob"})
	for name, tc := range map[string]struct {
		target  string
		headers []string
		want    string // the client, or why there is none
	}{
		"header":                   {"/messages", []string{"Bearer " + ann}, "ann"},
		"scheme in another case":   {"/messages", []string{"bEARER " + ann}, "ann"},
		"more spaces":              {"/messages", []string{"Bearer   " + ann + " "}, "ann"},
		"nothing":                  {"/messages", nil, "missing"},
		"empty header":             {"/messages", []string{""}, "missing"},
		"another scheme":           {"/messages", []string{"Basic " + ann}, "missing"},
		"no scheme":                {"/messages", []string{ann}, "missing"},
		"no token":                 {"/messages", []string{"Bearer"}, "malformed"},
		"tab":                      {"/messages", []string{"Bearer\t" + ann}, "missing"},
		"two tokens in a header":   {"/messages", []string{"Bearer " + ann + ", Bearer " + bob}, "malformed"},
		"two headers":              {"/messages", []string{"Bearer " + ann, "Bearer " + ann}, "malformed"},
		"query":                    {"/messageHub?access_token=" + ann, nil, "ann"},
		"query elsewhere":          {"/messages?access_token=" + ann, nil, "missing"},
		"query and header":         {"/messageHub?access_token=" + bob, []string{"Bearer " + ann}, "ann"},
		"query and bad header":     {"/messageHub?access_token=" + bob, []string{"Bearer x"}, "malformed"},
		"query and a proxy's":      {"/messageHub?access_token=" + bob, []string{"Basic eDp5"}, "bob"},
		"query twice":              {"/messageHub?access_token=" + ann + "&access_token=" + ann, nil, "malformed"},
		"query empty":              {"/messageHub?access_token=", nil, "malformed"},
		"query with a line end":    {"/messageHub?access_token=" + ann + "%0A", nil, "malformed"},
		"query in another case":    {"/messageHub?Access_Token=" + ann, nil, "missing"},
		"query behind a semicolon": {"/messageHub?a;access_token=" + ann, nil, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tc.target, nil)
			for _, header := range tc.headers {
				r.Header.Add("Authorization", header)
			}
			client, err := through(v, r)
			got := ""
			if why, ok := errors.AsType[refusal](err); ok && errs.CodeOf(err) == errs.Unauthenticated {
				got = string(why)
			} else if client != nil {
				got = client.ID
			}
			if got != tc.want {
				t.Errorf("client %v, error %v; want %s", client, err, tc.want)
			}
		})
	}
	if got := testutil.ToFloat64(v.metrics.tokens.WithLabelValues("missing")); got != 8 {
		t.Errorf("%v requests without a token are counted, want 8", got)
	}
}

func TestVerifier_WrapWithoutAQueryReadsHeadersOnly(t *testing.T) {
	v := newTestVerifier(t, Config{Secrets: []string{secret32}})
	var err error
	v.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = From(r.Context()) }), nil).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/messageHub?access_token="+secretToken(t, secret32, nil), nil))
	if errs.CodeOf(err) != errs.Unauthenticated {
		t.Error(err)
	}
}

func TestOpen_GivesEveryRequestTheClientAnyone(t *testing.T) {
	var client *Client
	Open(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { client, _ = From(r.Context()) })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if client == nil || client.ID != "" || !client.Admin || client.CanSend("any", "anybody") != nil || !client.Expires.IsZero() {
		t.Errorf("%+v", client)
	}
}

// FuzzWrap checks that no header and no query causes a panic or makes a client, and that every request gets either a client
// or an error.
func FuzzWrap(f *testing.F) {
	v := newTestVerifier(f, Config{Secrets: []string{secret32}})
	unsigned := b64(`{"alg":"none"}`) + "." + b64(`{"sub":"ann","rooms":["*"],"exp":9999999999}`) + "."
	f.Add("Bearer "+unsigned, "access_token="+unsigned)
	f.Add("bearer", "access_token")
	f.Add("Basic eDp5", "access_token=a&access_token=b")
	f.Add("Bearer  ,", "access_token=%zz;&%00=%ff")
	f.Fuzz(func(t *testing.T, header, query string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/messageHub", RawQuery: query}, Header: http.Header{"Authorization": {header}}}
		client, err := through(v, r)
		if client != nil || errs.CodeOf(err) != errs.Unauthenticated {
			t.Errorf("client %v, error %v", client, err)
		}
	})
}
