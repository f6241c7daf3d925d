package api

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/auth"
	"restante/internal/route"
)

// fullAPI returns an API whose configuration leaves no route out.
func fullAPI(t *testing.T) *API {
	say := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }
	return newAPI(t, newMemory(), func(c *Config) {
		c.Hub, c.Site, c.Revocations = http.HandlerFunc(say), handlerSite{say}, &fakeRevoker{}
	})
}

// targetOf returns a method and a path of the route.
func targetOf(rt *route.Route) (method, path string) {
	if method = rt.Method(); method == "" {
		method = http.MethodPost
	}
	return method, strings.Replace(rt.Path(), "{room}", "lobby", 1)
}

func TestAPI_ARouteIsClosedUnlessItIsListedHere(t *testing.T) {
	a := fullAPI(t)
	want := map[string]route.Access{
		"GET /{$}": route.Public, "GET /app.js": route.Public,
		"GET /docs": route.Public, "GET /openapi.json": route.Public, "GET /openapi.yaml": route.Public,
		"GET /healthz": route.Public, "GET /readyz": route.Public, "GET /version": route.Public,
		"GET /metrics":           route.Operator,
		"GET /admin/revocations": route.Operator, "POST /admin/revocations": route.Operator,
		"POST /message": route.Client, "GET /messages/since": route.Client,
		"GET /rooms": route.Client, "GET /rooms/{room}/messages": route.Client, "POST /rooms/{room}/messages": route.Client,
		"GET /rooms/{room}/events": route.Client,
	}
	got := map[string]route.Access{}
	for pattern, rt := range a.routes.mounted {
		got[pattern] = rt.Access()
	}
	if !maps.Equal(got, want) {
		t.Errorf("routes %v", got)
	}
	for pattern, access := range got {
		method, path, _ := strings.Cut(pattern, " ")
		target := strings.NewReplacer("{$}", "", "{room}", "lobby").Replace(path)
		if w := as(nil, a, method, target, "{"); (w.Code == 401) == (access == route.Public) {
			t.Errorf("%s without a token: %d", pattern, w.Code)
		}
	}
}

func TestAPI_EveryRouteOfTheTableIsAnswered(t *testing.T) {
	a := fullAPI(t)
	for _, rt := range route.All() {
		method, path := targetOf(rt)
		// A client without rooms is refused before a stream begins.
		if w := as(&auth.Client{ID: "ann", Admin: true}, a, method, path, ""); w.Code == http.StatusNotFound {
			t.Errorf("%s: %d %s", rt.Name(), w.Code, w.Body)
		}
	}
}

func TestRouter_FindsWhatTheTableAndTheHandlersDoNotShare(t *testing.T) {
	a := fullAPI(t)
	if err := a.routes.check(); err != nil {
		t.Error(err)
	}
	delete(a.routes.mounted, route.ListRooms.Pattern())
	if err := a.routes.check(); err == nil || !strings.Contains(err.Error(), "the route ListRooms (GET /rooms) has no handler") {
		t.Errorf("a route without a handler: %v", err)
	}
	a = fullAPI(t)
	h := huma.NewAPI(huma.Config{OpenAPI: description("")}, a.routes)
	huma.Register(h, huma.Operation{OperationID: "ListRooms", Method: http.MethodGet, Path: "/new"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	if err := a.routes.check(); err == nil || !strings.Contains(err.Error(), "not in the table of routes: ListRooms") {
		t.Errorf("a handler without a route: %v", err)
	}
	if w := do(a, http.MethodGet, "/new", ""); w.Code != http.StatusNotFound {
		t.Errorf("a handler without a route is mounted: %d", w.Code)
	}
}
