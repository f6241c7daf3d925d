package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"restante/internal/auth"
	"restante/internal/errs"
	"restante/internal/revocation"
)

// fakeRevoker keeps entries in their order.
type fakeRevoker struct {
	entries []revocation.Entry
	err     error
}

// Revoke implements Revoker.
func (f *fakeRevoker) Revoke(_ context.Context, k revocation.Key, reason, by string) (revocation.Outcome, error) {
	e := revocation.Entry{Key: k, At: epoch, Until: epoch.Add(time.Hour), Reason: reason, By: by}
	if k.Kind == revocation.Sub {
		e.Before = revocation.Moment(epoch)
	}
	if err := e.Validate(); err != nil {
		return revocation.Outcome{}, err
	}
	if f.err != nil {
		return revocation.Outcome{}, f.err
	}
	f.entries = append(f.entries, e)
	return revocation.Outcome{Entry: e, Stored: true, Nodes: 3, InForce: 2}, nil
}

// Entries implements Revoker.
func (f *fakeRevoker) Entries(after revocation.Key, limit int) (page []revocation.Entry, more bool) {
	for _, e := range f.entries {
		if string(e.Kind)+e.Name > string(after.Kind)+after.Name {
			page = append(page, e)
		}
	}
	return page[:min(limit, len(page))], len(page) > limit
}

func operatorAPI(t *testing.T) (*API, *fakeRevoker, *auth.Client) {
	f := &fakeRevoker{}
	return newAPI(t, newMemory(), func(c *Config) { c.Revocations = f }), f, &auth.Client{ID: "op", Admin: true}
}

func TestRevoke_Answers(t *testing.T) {
	a, _, op := operatorAPI(t)
	for body, want := range map[string]string{
		`{"sub":"ann","reason":"lost phone"}`: `"sub":"ann","before":"` + revocation.Moment(epoch).Format(time.RFC3339) + `"`,
		`{"sub":" ann\u3000"}`:                `"sub":"ann"`,
		`{"jti":"7"}`:                         `"jti":"7","until"`,
	} {
		w := as(op, a, "POST", "/admin/revocations", body, "Content-Type", jsonType)
		if text := w.Body.String(); w.Code != 200 || !strings.Contains(text, want) || !strings.Contains(text, `"revoked_by":"op"`) ||
			!strings.Contains(text, `"stored":true,"nodes":3,"in_force":2`) {
			t.Errorf("%s: %d %s", body, w.Code, text)
		}
	}
	if w := as(op, a, "POST", "/admin/revocations", "sub=ann", "Content-Type", formType); w.Code != 200 {
		t.Errorf("a form: %d %s", w.Code, w.Body)
	}
}

func TestRevoke_Refuses(t *testing.T) {
	a, f, op := operatorAPI(t)
	for name, tc := range map[string]struct {
		client *auth.Client
		body   string
		status int
	}{
		"no token":           {nil, `{"sub":"ann"}`, 401},
		"no operator":        {&auth.Client{ID: "ann", Rooms: auth.Rooms{"*"}, Publish: true}, `{"sub":"ann"}`, 403},
		"nothing named":      {op, `{}`, 422},
		"no body":            {op, ``, 400},
		"both named":         {op, `{"sub":"ann","jti":"7"}`, 422},
		"empty":              {op, `{"sub":""}`, 422},
		"a name that cannot": {op, `{"sub":"a\u0001"}`, 422},
		"a number":           {op, `{"jti":7}`, 422},
		"null":               {op, `{"sub":null}`, 422},
		"another field":      {op, `{"sub":"ann","until":"2030-01-01T00:00:00Z"}`, 422},
		"twice":              {op, `{"sub":"ann","sub":"bob"}`, 400},
		"not JSON":           {op, `{"sub":`, 400},
		"a long reason":      {op, `{"sub":"ann","reason":"` + strings.Repeat("x", 257) + `"}`, 422},
		"a long id":          {op, `{"jti":"` + strings.Repeat("x", 257) + `"}`, 422},
	} {
		w := as(tc.client, a, "POST", "/admin/revocations", tc.body, "Content-Type", jsonType)
		if w.Code != tc.status {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, tc.status)
		}
	}
	if len(f.entries) != 0 {
		t.Errorf("%v were revoked", f.entries)
	}
	f.err = &errs.Error{Code: errs.Unavailable, Msg: "away"}
	if w := as(op, a, "POST", "/admin/revocations", `{"sub":"ann"}`, "Content-Type", jsonType); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestListRevocations_InPages(t *testing.T) {
	a, f, op := operatorAPI(t)
	for i := range 5 {
		f.entries = append(f.entries, revocation.Entry{Key: revocation.Key{Kind: revocation.Sub, Name: fmt.Sprintf("a&%d", i)}})
	}
	var names []string
	for path := "/admin/revocations?limit=2"; path != ""; {
		w := as(op, a, "GET", path, "")
		var page struct {
			Revocations []struct{ Sub string }
			Next        string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); w.Code != 200 || err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for _, r := range page.Revocations {
			names = append(names, r.Sub)
		}
		path = page.Next
	}
	if len(names) != 5 {
		t.Errorf("%q", names)
	}
	for query, status := range map[string]int{"": 200, "after=" + url.QueryEscape("jti:x"): 200, "after=ann": 422, "after=x%3Aann": 422, "limit=0": 422, "limit=501": 422} {
		if w := as(op, a, "GET", "/admin/revocations?"+query, ""); w.Code != status {
			t.Errorf("%q: %d %s, want %d", query, w.Code, w.Body, status)
		}
	}
	if w := as(&auth.Client{ID: "ann"}, a, "GET", "/admin/revocations", ""); w.Code != 403 {
		t.Errorf("no operator: %d", w.Code)
	}
}
