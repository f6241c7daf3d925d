package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
)

// guarded puts the checks of package auth where package server puts them.
func guarded(c *Config) {
	c.Accept = auth.CheckSender(c.Accept)
	log := auth.Log{Next: c.History.(auth.Reader)}
	c.History, c.Rooms = log, log
}

func TestAPI_AsksForAToken(t *testing.T) {
	s := newMemory()
	a := newAPI(t, s, befriend, guarded)
	expired := &errs.Error{Code: errs.Unauthenticated, Msg: "the token has expired"}
	for _, tt := range []struct {
		name, target, authorization string
		marked                      error
		challenge, detail           string
	}{
		{"nothing", "/rooms", "", nil, "Bearer", "a token is needed"},
		{"a token in the header", "/rooms", "Bearer x", expired, `Bearer error="invalid_token"`, "the token has expired"},
		{"a token, spelt otherwise", "/rooms", "bearer x", expired, `Bearer error="invalid_token"`, "the token has expired"},
		{"another scheme", "/rooms", "Basic x", nil, "Bearer", "a token is needed"},
		{"a token where it may not be", "/rooms?access_token=x", "", nil, "Bearer", "a token is needed"},
		{"a token in the query", "/rooms/lobby/events?access_token=x", "", expired, `Bearer error="invalid_token"`, "the token has expired"},
		{"no token for a stream", "/rooms/lobby/events", "", nil, "Bearer", "a token is needed"},
	} {
		r := httptest.NewRequest("GET", tt.target, nil)
		r.Header.Set("Origin", friend)
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		if tt.marked != nil {
			r = r.WithContext(auth.Refused(r.Context(), tt.marked))
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		p, h := problemIn(t, w), w.Header()
		if p.Status != 401 || p.Code != "unauthenticated" || p.Detail != tt.detail || h.Get("WWW-Authenticate") != tt.challenge {
			t.Errorf("%s: %q %s", tt.name, h.Get("WWW-Authenticate"), w.Body)
		}
		if h.Get("Access-Control-Allow-Origin") != friend || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
			t.Errorf("%s: a browser does not show the answer to its page: %v", tt.name, h)
		}
	}
	r := httptest.NewRequest("POST", "/message?msg=a&client_id=ann", reader{t})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if w.Code != 401 || len(s.rooms) > 0 {
		t.Errorf("POST without a token: %d, stored %v", w.Code, s.rooms)
	}
}

// When keys cannot be fetched the server is at fault: the token may be valid.
func TestAPI_WithoutKeysItIsUnavailable(t *testing.T) {
	r := httptest.NewRequest("GET", "/rooms", nil)
	r = r.WithContext(auth.Refused(r.Context(), errs.Wrap(errs.Unavailable, errors.New("secret"), "tokens cannot be checked now")))
	w := httptest.NewRecorder()
	newAPI(t, newMemory()).ServeHTTP(w, r)
	if p := problemIn(t, w); p.Status != 503 || w.Header().Get("Retry-After") != "1" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}

func TestAPI_MetricsAreForOperators(t *testing.T) {
	a := newAPI(t, newMemory())
	if w := as(&auth.Client{ID: "prometheus", Admin: true}, a, "GET", "/metrics", ""); w.Code != 200 {
		t.Errorf("an operator: %d", w.Code)
	}
	ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"*"}, Publish: true}
	if p := problemIn(t, as(ann, a, "GET", "/metrics", "")); p.Status != 403 || p.Code != "forbidden" {
		t.Errorf("another: %+v", p)
	}
}

func TestAPI_TheTokenSaysWhoSends(t *testing.T) {
	ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"team-*"}, Publish: true}
	reader := &auth.Client{ID: "ann", Rooms: auth.Rooms{"team-*"}}
	for _, tt := range []struct {
		name         string
		client       *auth.Client
		target, body string
		status       int
		detail       string
	}{
		{"no client_id", ann, "/message?msg=a&room=team-a", "", 202, ""},
		{"no client_id in a body", ann, "/message", `{"msg":"a","room":"team-a"}`, 202, ""},
		{"no client_id to a room", ann, "/rooms/team-a/messages", `{"msg":"a"}`, 202, ""},
		{"its own", ann, "/message?msg=a&room=team-a&client_id=ann", "", 202, ""},
		{"another's", ann, "/message?msg=a&room=team-a&client_id=bob", "", 403, "client_id: is not the one of the token; leave it out"},
		{"another room", ann, "/message?msg=a&room=other", "", 403, "room: the token is not for this room"},
		{"the default room", ann, "/message?msg=a", "", 403, "room: the token is not for this room"},
		{"read only", reader, "/rooms/team-a/messages", `{"msg":"a"}`, 403, "the token is for reading only"},
	} {
		s := newMemory()
		w := as(tt.client, newAPI(t, s, guarded), "POST", tt.target, tt.body)
		if w.Code != tt.status {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
			continue
		}
		if tt.status != 202 {
			if p := problemIn(t, w); p.Code != "forbidden" || p.Detail != tt.detail || len(s.rooms) > 0 {
				t.Errorf("%s: %s, stored %v", tt.name, w.Body, s.rooms)
			}
		} else if got := s.rooms["team-a"]; len(got) != 1 || got[0].ClientID != "ann" {
			t.Errorf("%s: stored %v", tt.name, got)
		}
	}
}

// The answer does not tell a client whether a room exists that it may not read: the store is not asked.
func TestAPI_ARoomOfOthersIsLikeNoRoom(t *testing.T) {
	s := newMemory()
	fill(t, s, "secret", 3)
	fill(t, s, "team-a", 1)
	s.err = errors.New("the store was asked")
	ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"team-*"}, Publish: true}
	a := newAPI(t, s, guarded)
	for _, target := range []string{
		"/messages/since?since=2026-01-01&room=ROOM", "/messages/since?after=99999&room=ROOM&limit=3",
		"/rooms/ROOM/messages", "/rooms/ROOM/messages?after=9", "/rooms/ROOM/messages?since=2026-01-01", "/rooms/ROOM/events?after=1",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			var answers []string
			for _, room := range []string{"secret", "absent"} {
				w := as(ann, a, method, strings.Replace(target, "ROOM", room, 1), "")
				h := w.Header()
				h.Del("X-Request-Id")
				if w.Code != 403 || h.Get("Content-Type") != problemType {
					t.Errorf("%s %s: %d %v %s", method, target, w.Code, h, w.Body)
				}
				var out bytes.Buffer
				_ = h.Write(&out)
				answers = append(answers, out.String()+w.Body.String())
			}
			if answers[0] != answers[1] {
				t.Errorf("%s %s tells rooms apart: %q", method, target, answers)
			}
		}
	}
	s.err = nil
	if w := as(ann, a, "GET", "/rooms", ""); strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "team-a") {
		t.Errorf("rooms: %s", w.Body)
	}
}

func TestAPI_WaitsAreRoundedUp(t *testing.T) {
	for _, tt := range []struct {
		err    *errs.Error
		header string
	}{
		{&errs.Error{Code: errs.RateLimited, Msg: "a", RetryAfter: time.Millisecond}, "1"},
		{&errs.Error{Code: errs.RateLimited, Msg: "a", RetryAfter: time.Second}, "1"},
		{&errs.Error{Code: errs.RateLimited, Msg: "a", RetryAfter: 1001 * time.Millisecond}, "2"},
		{&errs.Error{Code: errs.TooMany, Msg: "a"}, "1"},
		{&errs.Error{Code: errs.TooMany, Msg: "a", RetryAfter: time.Minute}, "60"},
	} {
		a := newAPI(t, newMemory(), func(c *Config) {
			c.Accept = accepterFunc(func(_ context.Context, m chat.Message) (chat.Message, error) { return m, tt.err })
		})
		w := do(a, "POST", "/message?msg=a&client_id=b", "")
		if p := problemIn(t, w); p.Status != 429 || p.Code != string(tt.err.Code) || p.Detail != "a" || w.Header().Get("Retry-After") != tt.header {
			t.Errorf("%+v: %v %s", tt.err, w.Header(), w.Body)
		}
	}
}

func TestAPI_AsksWhetherARequestIsAllowed(t *testing.T) {
	var asked []string
	a := newAPI(t, newMemory(), befriend, func(c *Config) {
		c.Hub = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		c.Allow = func(r *http.Request) error {
			asked = append(asked, r.URL.Path)
			return &errs.Error{Code: errs.RateLimited, Msg: "at most 300 requests per second", RetryAfter: 1500 * time.Millisecond}
		}
	})
	for _, target := range []string{"/rooms", "/nothing", "/docs", "/metrics", "/version"} {
		w := do(a, "GET", target, "", "Origin", friend)
		p, h := problemIn(t, w), w.Header()
		if p.Status != 429 || p.Code != "rate_limited" || p.Detail != "at most 300 requests per second" || h.Get("Retry-After") != "2" {
			t.Errorf("%s: %v %s", target, h, w.Body)
		}
		if h.Get("Access-Control-Allow-Origin") != friend || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Errorf("%s: a browser does not show the answer to its page: %v", target, h)
		}
	}
	for _, target := range []string{"/healthz", "/readyz", "/messageHub"} {
		if w := do(a, "GET", target, ""); w.Code != 200 {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	if w := do(a, "OPTIONS", "/rooms", "", "Origin", friend, "Access-Control-Request-Method", "GET"); w.Code != 204 {
		t.Errorf("preflight: %d", w.Code)
	}
	if !slices.Equal(asked, []string{"/rooms", "/nothing", "/docs", "/metrics", "/version"}) {
		t.Errorf("asked for %v", asked)
	}
}

func TestStreamRoom_RefusesBeforeTheStreamBegins(t *testing.T) {
	a := newAPI(t, newMemory(), func(c *Config) {
		c.Follow = func(context.Context, chat.Cursor, StreamWriter) error {
			return &errs.Error{Code: errs.TooMany, Msg: "at most 100 streams"}
		}
	})
	if p := problemIn(t, do(a, "GET", "/rooms/lobby/events", "")); p.Status != 429 || p.Code != "too_many" {
		t.Errorf("%+v", p)
	}
}

func TestStreamRoom_EndsWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		fill(t, s, "lobby", 3)
		a := newAPI(t, s, guarded)
		start := time.Now()
		ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"lobby"}, Expires: start.Add(time.Minute)}
		w := as(ann, a, "GET", "/rooms/lobby/events?after=0", "") // until it ends
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it ended after %v", took)
		}
		if w.Code != 200 || !strings.Contains(w.Body.String(), "id: 3\n") || strings.Contains(w.Body.String(), "problem") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// until serves a as a client whose token expires a little after the request has come.
func until(t *testing.T, a http.Handler) (url string, expires func() time.Time, ended <-chan time.Time) {
	t.Helper()
	at, end := make(chan time.Time, 1), make(chan time.Time, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"*"}, Expires: time.Now().Add(time.Second)}
		at <- ann.Expires
		defer func() { end <- time.Now() }()
		a.ServeHTTP(w, r.WithContext(auth.With(r.Context(), ann)))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, func() time.Time { return <-at }, end
}

// An answer that takes long is cut when the token expires, and never ends like a whole one, whether the store gives up
// its read then or still returns what it has read.
func TestGetMissedMessages_EndsWithTheToken(t *testing.T) {
	for name, give := range map[string]func(context.Context) (context.Context, error){
		"gives up":    func(ctx context.Context) (context.Context, error) { return ctx, ctx.Err() },
		"still gives": func(ctx context.Context) (context.Context, error) { return context.WithoutCancel(ctx), nil },
	} {
		s := newMemory()
		fill(t, s, "lobby", 3*chat.MaxPage)
		var logged bytes.Buffer
		url, _, ended := until(t, newAPI(t, s, func(c *Config) {
			c.Log = slog.New(slog.NewTextHandler(&logged, nil))
			reads := 0
			c.History = afterFunc{s, func(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
				if reads++; reads == 2 {
					select {
					case <-ctx.Done():
					case <-time.After(10 * time.Second):
					}
				}
				ctx, err := give(ctx)
				if err != nil {
					return nil, err
				}
				return s.After(ctx, room, seq, limit)
			}}
		}))
		res, err := http.Get(url + "/messages/since?since=2026-01-01")
		if err == nil {
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err == nil {
				t.Errorf("%s: an answer of %d bytes, cut short, ended like a whole one", name, len(body))
			}
		}
		<-ended
		if logged.Len() > 0 {
			t.Errorf("%s: logged as if something were wrong: %s", name, &logged)
		}
	}
}

// A slow reader does not get the rest of its answer after its token has expired.
func TestGetMissedMessages_ASlowReaderIsCutWithItsToken(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", chat.MaxPage)
	for i := range s.rooms["lobby"] {
		s.rooms["lobby"][i].Msg = strings.Repeat("x", chat.MaxMsgBytes) // far more than sockets hold
	}
	url, expires, ended := until(t, newAPI(t, s))
	res, err := http.Get(url + "/messages/since?since=2026-01-01")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	select {
	case at := <-ended:
		if late := at.Sub(expires()); late < 0 || late > 2*time.Second {
			t.Errorf("it ended %v after the token", late)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
}
