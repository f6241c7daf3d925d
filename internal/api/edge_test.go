package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/health"
)

type handlerSite struct{ http.HandlerFunc }

func (handlerSite) Paths() []string { return []string{"/", "/app.js"} }

func TestAPI_MountsHubAndSite(t *testing.T) {
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(text + r.URL.Path)) }
	}
	a := newAPI(t, newMemory(), func(c *Config) { c.Hub, c.Site = say("hub"), handlerSite{say("site")} })
	for target, want := range map[string]string{
		"/messageHub": "hub/messageHub", "/messageHub/negotiate": "hub/messageHub/negotiate", "/": "site/", "/app.js": "site/app.js",
	} {
		if w := do(a, "GET", target, ""); w.Body.String() != want {
			t.Errorf("%s: %q", target, w.Body)
		}
	}
	for _, target := range []string{"/messageHubs", "/app.jsx"} {
		if p := problemIn(t, do(a, "GET", target, "")); p.Status != 404 {
			t.Errorf("%s: %+v", target, p)
		}
	}
	if p := problemIn(t, do(newAPI(t, newMemory()), "GET", "/messageHub", "")); p.Status != 404 {
		t.Errorf("no hub: %+v", p)
	}
	if p := problemIn(t, as(nil, newAPI(t, newMemory()), "GET", "/", "")); p.Status != 404 || p.Code != "not_found" || !strings.Contains(p.Detail, "without the web client") {
		t.Errorf("no page: %+v", p)
	}
}

func TestAPI_LogsRequestsWithoutTheirQueries(t *testing.T) {
	var logged bytes.Buffer
	a := newAPI(t, newMemory(), func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	w := do(a, "POST", "/message?msg=private&client_id=ann", "", "X-Request-Id", "bad\nid", "Authorization", "Bearer token")
	do(a, "HEAD", "/rooms/lobby/events?access_token=token", "")
	do(a, "POST", "/message?msg=private&access_token=token", "")
	id := w.Header().Get("X-Request-Id")
	if !regexp.MustCompile(`^[0-9a-f]{8}-1$`).MatchString(id) {
		t.Errorf("request id %q", id)
	}
	for _, want := range []string{"request_id=" + id, `route="POST /message"`, "status=202"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("no %s in %s", want, &logged)
		}
	}
	do(a, "PRIVATE", "/rooms/private/messages/private", "")
	if !strings.Contains(logged.String(), "method=other route=none status=404") {
		t.Errorf("no line of another method in %s", &logged)
	}
	if text := strings.ToLower(logged.String()); strings.Contains(text, "private") || strings.Contains(text, "token") {
		t.Errorf("the log tells too much: %s", &logged)
	}
}

func TestAPI_Probes(t *testing.T) {
	s := newMemory()
	storing := health.Outcome{Name: "storing"}
	a := newAPI(t, s, func(c *Config) {
		c.Checks = func() []health.Outcome { return []health.Outcome{{Name: "publishing"}, storing} }
	})
	if w := do(a, "GET", "/healthz", ""); w.Code != 200 || w.Body.String() != `{"status":"alive"}`+"\n" {
		t.Errorf("healthz: %d %s", w.Code, w.Body)
	}
	if w := do(a, "GET", "/readyz", ""); w.Code != 200 || w.Body.String() != `{"status":"ready","checks":[{"name":"publishing","ok":true},{"name":"storing","ok":true}]}`+"\n" {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	storing.Err, storing.Degrades = errs.Wrap(errs.Unavailable, errors.New("secret"), "the disk is full"), true
	want := `{"status":"degraded","checks":[{"name":"publishing","ok":true},{"name":"storing","ok":false,"reason":"the disk is full"}]}` + "\n"
	if w := do(a, "GET", "/readyz", ""); w.Code != 200 || w.Body.String() != want {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	storing.Degrades = false
	w := do(a, "GET", "/readyz", "")
	p := problemIn(t, w)
	if p.Status != 503 || !slices.Equal(p.Checks, []checked{{Name: "publishing", OK: true}, {Name: "storing", Reason: "the disk is full"}}) || w.Header().Get("Retry-After") == "" {
		t.Errorf("readyz: %s", w.Body)
	}
	if w := do(a, "GET", "/version", ""); w.Body.String() != `{"version":"1.2.3","store":"0192f0c1-0000-7c3d-8e4f-5a6b7c8d9e0f","epoch":"e0e0e0e0e0e0e0e0"}`+"\n" {
		t.Errorf("version: %s", w.Body)
	}
	w = do(a, "GET", "/metrics", "")
	for _, line := range []string{
		`restante_http_requests_total{route="GET /readyz",status="503"} 1`, `restante_check_up{check="publishing"} 1`, `restante_check_up{check="storing"} 0`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("metrics without %s: %s", line, w.Body)
		}
	}
}

func TestOpenAPI_ListsTheOperations(t *testing.T) {
	a := newAPI(t, newMemory())
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Security    []map[string][]string
			Responses   map[string]struct{ Headers map[string]any }
		}
		Security   []map[string][]string
		Components struct {
			Schemas         map[string]struct{ Properties map[string]any }
			SecuritySchemes map[string]map[string]string
		}
	}
	if err := json.Unmarshal(do(a, "GET", "/openapi.json", "").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for path, item := range doc.Paths {
		for method, op := range item {
			got[op.OperationID] = method + " " + path
			for status, header := range map[string]string{"401": "WWW-Authenticate", "403": "", "422": "", "429": "Retry-After", "503": "Retry-After", "500": ""} {
				if res, ok := op.Responses[status]; !ok || header != "" && res.Headers[header] == nil {
					t.Errorf("%s does not tell of %s %s", op.OperationID, status, header)
				}
			}
			if _, inQuery := doc.Components.SecuritySchemes["accessToken"]; !inQuery || (len(op.Security) == 2) != (op.OperationID == "StreamRoom") {
				t.Errorf("%s takes tokens by %v", op.OperationID, op.Security)
			}
		}
	}
	want := map[string]string{
		"PostMessage": "post /message", "GetMissedMessages": "get /messages/since",
		"SendToRoom": "post /rooms/{room}/messages", "ListMessages": "get /rooms/{room}/messages",
		"StreamRoom": "get /rooms/{room}/events", "ListRooms": "get /rooms",
	}
	if !reflect.DeepEqual(got, want) || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s with %v", doc.OpenAPI, got)
	}
	if w := do(a, "GET", "/openapi.yaml", ""); !strings.Contains(w.Body.String(), "operationId: PostMessage") {
		t.Errorf("YAML: %.200s", w.Body)
	}
	if bearer := doc.Components.SecuritySchemes["bearerAuth"]; bearer["scheme"] != "bearer" || len(doc.Security) != 1 || doc.Security[0]["bearerAuth"] == nil {
		t.Errorf("tokens: %v %v", doc.Components.SecuritySchemes, doc.Security)
	}
	if doc.Components.Schemas["ErrorModel"].Properties != nil {
		t.Error("huma's own error is in the document")
	}
}

func TestMessage_DescribesChatMessage(t *testing.T) {
	var wire map[string]any
	m := chat.Message{ID: anID, Room: "a", Seq: 1, ClientID: "b", Msg: "c", SentAt: epoch, StoredAt: epoch}
	if err := json.Unmarshal(m.AppendJSON(nil), &wire); err != nil {
		t.Fatal(err)
	}
	typ := reflect.TypeFor[message]()
	if typ.NumField() != len(wire) {
		t.Errorf("%d fields are described, %d are sent", typ.NumField(), len(wire))
	}
	for i := range typ.NumField() {
		if name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); wire[name] == nil {
			t.Errorf("%s is described but not sent", name)
		}
	}
}

func TestReset_DescribesChatReset(t *testing.T) {
	typ, of := reflect.TypeFor[reset](), reflect.TypeFor[chat.Reset]()
	for i := range of.NumField() {
		if got, want := typ.Field(i).Tag.Get("json"), of.Field(i).Tag.Get("json"); got != want {
			t.Errorf("%s is described as %q and sent as %q", of.Field(i).Name, got, want)
		}
	}
}

func TestVersion_WithoutAnEpochWhileItIsNotKnown(t *testing.T) {
	a := newAPI(t, newMemory(), func(c *Config) {
		c.Epoch = func() (chat.Epoch, error) {
			return chat.Epoch{}, &errs.Error{Code: errs.Unavailable, Msg: "the database was not reached yet"}
		}
	})
	if w := do(a, "GET", "/version", ""); w.Code != 200 || w.Body.String() != `{"version":"1.2.3"}`+"\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestProblem_NamesEveryCode(t *testing.T) {
	field, _ := reflect.TypeFor[problem]().FieldByName("Code")
	for _, code := range []errs.Code{
		errs.Invalid, errs.TooLarge, errs.NotFound, errs.Unauthenticated, errs.Forbidden, errs.Conflict, errs.RateLimited, errs.TooMany, errs.Unavailable, errs.Internal,
		codeMalformed, codeMethod, codeMediaType, codeTimeout,
	} {
		if !strings.Contains(field.Tag.Get("doc"), " "+string(code)) {
			t.Errorf("%s is not described", code)
		}
		if status := statusOf(code); status == 500 && code != errs.Internal && !strings.Contains("malformed method_not_allowed unsupported_media_type timeout", string(code)) {
			t.Errorf("%s has no status", code)
		}
	}
}

func TestDocs_FetchNothingFromElsewhere(t *testing.T) {
	w := do(newAPI(t, newMemory()), "GET", "/docs", "")
	page := w.Body.String()
	for _, name := range []string{"PostMessage", "GetMissedMessages", "SendToRoom", "ListMessages", "StreamRoom", "ListRooms", "Problem"} {
		if !strings.Contains(page, `id="`+name+`"`) {
			t.Errorf("%s is missing", name)
		}
	}
	if found := regexp.MustCompile(`(?i)<(script|img|iframe|link)|(src|href)="(//|[a-z]+:)|url\(|@import`).FindAllString(page, -1); found != nil {
		t.Errorf("the page fetches: %q", found)
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("Content-Security-Policy %q", csp)
	}
	if again := do(newAPI(t, newMemory()), "GET", "/docs", "", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() > 0 {
		t.Errorf("again: %d", again.Code)
	}
}

func TestAPI_DeepBodiesAreRefused(t *testing.T) {
	a := newAPI(t, newMemory())
	for body, want := range map[string]int{
		`{"msg":"hi","client_id":"ann"}`:                                    http.StatusAccepted,
		`{"msg":"` + strings.Repeat("[{", 1000) + `","client_id":"ann"}`:    http.StatusAccepted,
		`{"msg":"\\\"` + strings.Repeat("[", 1000) + `","client_id":"ann"}`: http.StatusAccepted,
		`{"msg":` + strings.Repeat("[", maxDepth) + `1`:                     http.StatusBadRequest,
		`{"a":"` + strings.Repeat(`","b":{"c":"`, maxDepth):                 http.StatusBadRequest,
		`{"msg":` + strings.Repeat("[", 100_000):                            http.StatusBadRequest,
		strings.Repeat("[],", 1000) + `{"msg":"hi","client_id":"ann"}`:      http.StatusBadRequest, // is no JSON, but not deep
	} {
		w := do(a, "POST", "/rooms/lobby/messages", body)
		if w.Code != want {
			t.Errorf("%.60s… is answered %d %s, want %d", body, w.Code, w.Body, want)
		}
		deep := strings.Contains(w.Body.String(), "beyond a depth of 16")
		if deep != tooDeep([]byte(body)) {
			t.Errorf("%.60s… is answered %s", body, w.Body)
		}
	}
}
