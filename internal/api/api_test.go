package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
	"restante/internal/turn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type accepterFunc func(context.Context, chat.Message) (chat.Message, error)

func (f accepterFunc) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	return f(ctx, m)
}

const anID = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"

// newAPI returns an API over s, through the real journey.Accept.
func newAPI(t testing.TB, s *memoryLog, change ...func(*Config)) *API {
	t.Helper()
	reg := prometheus.NewRegistry()
	cfg := Config{
		Accept: &journey.Accept{Broker: s, Now: func() time.Time { return epoch }}, History: s, Rooms: s, Follow: s.follow,
		Epoch: s.epoch, Turns: turn.New(turn.Config{}), Gather: reg, Metrics: reg, Build: Build{Version: "1.2.3"},
	}
	for _, c := range change {
		c(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fill stores n messages in a room.
func fill(t testing.TB, s *memoryLog, room string, n int) {
	t.Helper()
	accept := journey.Accept{Broker: s}
	for range n {
		if _, err := accept.Accept(t.Context(), chat.Message{Room: room, ClientID: "ann", Msg: "hello"}); err != nil {
			t.Fatal(err)
		}
	}
}

// do sends a request as the client that may do everything. Header fields are given in pairs.
func do(a http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	return as(auth.Anyone(), a, method, target, body, header...)
}

// as is do for a client; nil is a request without one.
func as(client *auth.Client, a http.Handler, method, target, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if client != nil {
		r = r.WithContext(auth.With(r.Context(), client))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// problemIn returns the problem document of an answer, which must be a proper one.
func problemIn(t testing.TB, w *httptest.ResponseRecorder) problem {
	t.Helper()
	var p problem
	if ct := w.Header().Get("Content-Type"); ct != problemType {
		t.Fatalf("status %d with content type %q: %s", w.Code, ct, w.Body)
	}
	dec := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		t.Fatalf("problem document %q: %v", w.Body, err)
	}
	if p.Status != w.Code || p.Code == "" || p.Title == "" || p.Detail == "" || p.Type != "about:blank" {
		t.Fatalf("incomplete problem document for status %d: %s", w.Code, w.Body)
	}
	return p
}

// refusal is a request that is refused, and how.
type refusal struct {
	name, method, target, body, contentType string
	status                                  int
	code, field, message                    string // parts of the first error
}

func TestPostMessage_RefusesWithAProblem(t *testing.T) {
	const jsonHeader = "application/json"
	for _, tt := range []refusal{
		{"no message", "POST", "/message?client_id=ann", "", "", 422, "invalid", "msg", "must be 1 to 32768 bytes"},
		{"no client", "POST", "/message?msg=hi", "", "", 422, "invalid", "client_id", "must be 1 to 128 bytes"},
		{"bad room", "POST", "/message?msg=hi&client_id=ann&room=No", "", "", 422, "invalid", "room", "must be 1 to 64"},
		{"bad id", "POST", "/message?msg=hi&client_id=ann&id=1", "", "", 422, "invalid", "id", "UUID"},
		{"long message", "POST", "/message?client_id=ann", `{"msg":"` + strings.Repeat("x", 32769) + `"}`, jsonHeader, 422, "invalid", "msg", "is 32769"},
		{"unprintable client", "POST", "/message?msg=hi&client_id=a%00", "", "", 422, "invalid", "client_id", "has a control character, U+0000"},
		{"client that turns the text", "POST", "/message?msg=hi&client_id=a%E2%80%AEb", "", "", 422, "invalid", "client_id", "turns the direction of text"},
		{"client that is not seen", "POST", "/message?msg=hi", `{"client_id":"\u2800\u200d"}`, jsonHeader, 422, "invalid", "client_id", "nothing that can be seen"},
		{"blank client", "POST", "/message?msg=hi&client_id=%20%E3%80%80", "", "", 422, "invalid", "client_id", "must be 1 to 128 bytes long, is 0"},
		{"half an escape", "POST", "/message?msg=100%&client_id=ann", "", "", 400, "malformed", "msg", "%25"},
		{"broken UTF-8 in the query", "POST", "/message?msg=%ff&client_id=ann", "", "", 422, "invalid", "msg", "valid UTF-8"},
		{"twice in the query", "POST", "/message?msg=a&msg=b&client_id=ann", "", "", 422, "invalid", "msg", "more than once"},
		{"in query and body", "POST", "/message?msg=a&client_id=ann", `{"msg":"b"}`, jsonHeader, 422, "invalid", "msg", "both"},
		{"unknown field", "POST", "/message", `{"msg":"a","client_id":"ann","foo":1}`, jsonHeader, 422, "invalid", "foo", "unexpected"},
		{"field in other letters", "POST", "/message", `{"Msg":"a","client_id":"ann"}`, jsonHeader, 422, "invalid", "body", "unexpected property \"Msg\""},
		{"wrong type", "POST", "/message", `{"msg":1,"client_id":"ann"}`, jsonHeader, 422, "invalid", "msg", "expected string"},
		{"null", "POST", "/message", `null`, jsonHeader, 422, "invalid", "body", "expected object"},
		{"not an object", "POST", "/message", `["a"]`, jsonHeader, 422, "invalid", "body", "expected object"},
		{"cut JSON", "POST", "/message", `{"msg":"a"`, jsonHeader, 400, "malformed", "body", "unexpected EOF"},
		{"trailing data", "POST", "/message", `{"msg":"a"} {}`, jsonHeader, 400, "malformed", "body", "after top-level value"},
		{"name twice", "POST", "/message", `{"msg":"a","msg":"b"}`, jsonHeader, 400, "malformed", "body", "duplicate"},
		{"broken UTF-8 in JSON", "POST", "/message", "{\"msg\":\"\xff\"}", jsonHeader, 400, "malformed", "body", `in "msg"`},
		{"lone surrogate", "POST", "/message", `{"msg":"\ud800"}`, jsonHeader, 400, "malformed", "body", `in "msg"`},
		{"deep", "POST", "/message", strings.Repeat("[", 100_000), jsonHeader, 400, "malformed", "body", "depth"},
		{"another type", "POST", "/message", "hello", "text/plain", 415, "unsupported_media_type", "Content-Type", "application/json"},
		{"another charset", "POST", "/message", `{"msg":"a"}`, "application/json; charset=latin1", 415, "unsupported_media_type", "Content-Type", "UTF-8"},
		{"no type at all", "POST", "/message", `{"msg":"a"}`, ";;;", 415, "unsupported_media_type", "Content-Type", "UTF-8"},
		{"form with an unknown field", "POST", "/message", "msg=a&client_id=ann&foo=1", formType, 422, "invalid", "foo", "unexpected"},
		{"form with a field twice", "POST", "/message", "msg=a&msg=b", formType, 400, "malformed", "body", "duplicate"},
		{"form with half an escape", "POST", "/message", "msg=%", formType, 400, "malformed", "msg", "'%'"},
		{"form with broken UTF-8", "POST", "/message", "msg=%ff", formType, 422, "invalid", "msg", "valid UTF-8"},
		{"too large", "POST", "/message", strings.Repeat(" ", maxBody+1), jsonHeader, 413, "too_large", "body", "at most 262144"},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestAPI_RefusesWithAProblem(t *testing.T) {
	const jsonHeader = "application/json"
	for _, tt := range []refusal{
		{"no body", "POST", "/rooms/lobby/messages", "", "", 400, "malformed", "body", "required"},
		{"body without msg", "POST", "/rooms/lobby/messages", `{"client_id":"ann"}`, jsonHeader, 422, "invalid", "msg", "is required"},
		{"room in the body", "POST", "/rooms/lobby/messages", `{"msg":"a","room":"b"}`, jsonHeader, 422, "invalid", "room", "unexpected"},
		{"bad room in the path", "POST", "/rooms/a%2Fb/messages", `{"msg":"a","client_id":"ann"}`, jsonHeader, 422, "invalid", "room", "must be"},
		{"no since", "GET", "/messages/since", "", "", 422, "invalid", "since", "is required"},
		{"bad since", "GET", "/messages/since?since=yesterday", "", "", 422, "invalid", "since", "RFC 3339"},
		{"since and after", "GET", "/messages/since?since=2026-01-01T00:00:00Z&after=1", "", "", 422, "invalid", "since", "cannot be combined"},
		{"missed in a bad room", "GET", "/messages/since?since=2026-01-01&room=-", "", "", 422, "invalid", "room", "must be"},
		{"bad limit", "GET", "/messages/since?since=2026-01-01&limit=0", "", "", 422, "invalid", "limit", ">= 1"},
		{"large limit", "GET", "/rooms/lobby/messages?limit=501", "", "", 422, "invalid", "limit", "<= 500"},
		{"after is a word", "GET", "/rooms/lobby/messages?after=x", "", "", 422, "invalid", "after", "integer"},
		{"negative after", "GET", "/rooms/lobby/messages?after=-1", "", "", 422, "invalid", "after", ">= 0"},
		{"huge after", "GET", "/rooms/lobby/messages?after=99999999999999999999", "", "", 422, "invalid", "after", "integer"},
		{"after and before", "GET", "/rooms/lobby/messages?after=1&before=3", "", "", 422, "invalid", "before", "cannot be combined"},
		{"events in a bad room", "GET", "/rooms/-/events", "", "", 422, "invalid", "room", "must be"},
		{"events after a word", "GET", "/rooms/lobby/events?after=x", "", "", 422, "invalid", "after", "integer"},
		{"bad limit of rooms", "GET", "/rooms?limit=x", "", "", 422, "invalid", "limit", "integer"},
		{"broken UTF-8 in the cursor of a page", "GET", "/rooms?after=%ff", "", "", 422, "invalid", "after", "valid UTF-8"},
		{"unknown path", "GET", "/nothing", "", "", 404, "not_found", "", ""},
		{"path with a slash more", "GET", "/rooms/", "", "", 404, "not_found", "", ""},
		{"wrong method", "DELETE", "/rooms", "", "", 405, "method_not_allowed", "", ""},
	} {
		t.Run(tt.name, tt.check)
	}
}

func (tt refusal) check(t *testing.T) {
	s := newMemory()
	w := do(newAPI(t, s), tt.method, tt.target, tt.body, "Content-Type", tt.contentType)
	p := problemIn(t, w)
	if p.Status != tt.status || p.Code != tt.code {
		t.Fatalf("status %d, code %s; want %d, %s: %s", p.Status, p.Code, tt.status, tt.code, w.Body)
	}
	if tt.field != "" && (len(p.Errors) == 0 || p.Errors[0].Field != tt.field || !strings.Contains(p.Errors[0].Message, tt.message)) {
		t.Errorf("errors %v; want %q: %q", p.Errors, tt.field, tt.message)
	}
	if tt.status == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("Allow %q", w.Header().Get("Allow"))
	}
	if len(s.rooms) != 0 {
		t.Errorf("a refused message was stored: %v", s.rooms)
	}
}

func TestAPI_NamesEveryFault(t *testing.T) {
	p := problemIn(t, do(newAPI(t, newMemory()), "POST", "/message?room=-&id=x", ""))
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
	}
	if got := strings.Join(fields, " "); got != "room client_id msg id" {
		t.Errorf("fields %q", got)
	}
}

func TestAPI_TranslatesClassesOfErrors(t *testing.T) {
	cause := errors.New("secret cause")
	for _, tt := range []struct {
		err    error
		status int
		detail string
	}{
		{errs.Wrap(errs.Unavailable, cause, "no confirm came"), 503, "it is not known whether the message was accepted: no confirm came; send it again with the same id, " + anID + ","},
		{errs.Undone(errs.Wrap(errs.Unavailable, cause, "the disk is full")), 503, "the message was not accepted: the disk is full; send it again with the same id, " + anID + ","},
		{context.DeadlineExceeded, 503, "it took too long"},
		{fmt.Errorf("accept: %w", chat.ErrConflict), 409, "this sender has used the id for another text in the room, and that text is kept; a new text needs a new id"},
		{errs.Wrap(errs.Forbidden, cause, "not yours"), 403, "not yours"},
		{errs.Wrap(errs.NotFound, cause, "not found"), 404, "not found"},
		{errs.Wrap(errs.TooLarge, cause, "more than fits"), 413, "more than fits"},
		{cause, 500, "it is not known whether the message was accepted: the server made a mistake"},
	} {
		var logged bytes.Buffer
		a := newAPI(t, newMemory(), func(c *Config) {
			c.Log = slog.New(slog.NewTextHandler(&logged, nil))
			c.Accept = accepterFunc(func(_ context.Context, m chat.Message) (chat.Message, error) {
				m.ID = anID
				return m, tt.err
			})
		})
		w := do(a, "POST", "/message?msg=private&client_id=ann", "", "X-Request-Id", "r-1")
		p := problemIn(t, w)
		if p.Status != tt.status || !strings.Contains(p.Detail, tt.detail) {
			t.Errorf("%v: %s", tt.err, w.Body)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("the answer tells the cause: %s", w.Body)
		}
		wantRetry := ""
		if tt.status == 503 {
			wantRetry = "1"
		}
		if got := w.Header().Get("Retry-After"); got != wantRetry {
			t.Errorf("%v: Retry-After %q, want %q", tt.err, got, wantRetry)
		}
		if strings.Contains(logged.String(), "private") {
			t.Errorf("the log tells the message: %s", &logged)
		}
		if tt.status >= 500 && (p.ID != anID || p.RequestID != "r-1" || !strings.Contains(logged.String(), "request_id=r-1") || !strings.Contains(logged.String(), anID)) {
			t.Errorf("%v: problem %s, log %s", tt.err, w.Body, &logged)
		}
	}
}

func TestAPI_SurvivesAPanic(t *testing.T) {
	var logged bytes.Buffer
	a := newAPI(t, newMemory(), func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&logged, nil))
		c.Accept = accepterFunc(func(context.Context, chat.Message) (chat.Message, error) { panic("secret cause") })
	})
	w := do(a, "POST", "/message?msg=a&client_id=b", "")
	if p := problemIn(t, w); p.Status != 500 || p.RequestID == "" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("problem %s", w.Body)
	}
	if !strings.Contains(logged.String(), "secret cause") {
		t.Errorf("log %s", &logged)
	}
}

// reader fails the test if it is read.
type reader struct{ t *testing.T }

func (r reader) Read([]byte) (int, error) { r.t.Error("the body was read"); return 0, io.EOF }

func TestAPI_LimitsTheBodyBeforeReadingIt(t *testing.T) {
	a := auth.Open(newAPI(t, newMemory()))
	r := httptest.NewRequest("POST", "/message", reader{t})
	r.ContentLength = maxBody + 1
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if p := problemIn(t, w); p.Status != 413 || w.Header().Get("Connection") != "close" {
		t.Errorf("announced: %s %v", w.Body, w.Header())
	}
	endless := &io.LimitedReader{R: zeros{}, N: 1 << 40}
	r = httptest.NewRequest("POST", "/message", endless)
	r.ContentLength = -1
	w = httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if p := problemIn(t, w); p.Status != 413 {
		t.Errorf("unannounced: %s", w.Body)
	}
	if read := int64(1<<40) - endless.N; read > 4*maxBody {
		t.Errorf("%d bytes were read", read)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAPI_AnswersACutBodyWith400(t *testing.T) {
	r := httptest.NewRequest("POST", "/message", io.MultiReader(strings.NewReader(`{"msg":`), failing{}))
	w := httptest.NewRecorder()
	auth.Open(newAPI(t, newMemory())).ServeHTTP(w, r)
	if p := problemIn(t, w); p.Status != 400 || p.Errors[0].Field != "body" {
		t.Errorf("problem %s", w.Body)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestNew_RefusesAnIncompleteConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty config was taken")
	}
	s := newMemory()
	_, err := New(Config{Accept: &journey.Accept{Broker: s}, History: s, Rooms: s, Follow: s.follow, Epoch: s.epoch, Turns: turn.New(turn.Config{}), AllowedOrigins: []string{"nonsense"}})
	if err == nil {
		t.Error("an origin that is none was taken")
	}
}
