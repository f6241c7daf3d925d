package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"restante/internal/auth"
	"restante/internal/chat"
)

// FuzzAPI checks that no request makes the server fail, that every refusal is a problem document, and that what is
// accepted is a valid message.
func FuzzAPI(f *testing.F) {
	for _, seed := range [][6]string{
		{"POST", "/message", "msg=hi&client_id=ann", "", "", ""},
		{"POST", "/message", "", `{"msg":"\u0000","client_id":"ann","id":"` + anID + `"}`, "application/json", ""},
		{"POST", "/message", "", "msg=a&client_id=b", formType, ""},
		{"POST", "/rooms/lobby/messages", "", `{"msg":"a","client_id":"ann"}`, "application/problem+json;charset=utf-8", "https://a.b"},
		{"GET", "/messages/since", "since=2026-01-01T00:00:00 02:00&limit=3", "", "", ""},
		{"GET", "/rooms/lobby/messages", "after=1&limit=500", "", "", ""},
		{"GET", "/rooms/lobby/messages", "after=1&rev=2&epoch=e1", "", "", ""},
		{"GET", "/rooms/lobby/events", "after=1", "", "", "5"},
		{"GET", "/rooms/lobby/events", "after=1&epoch=e1", "", "", "5.1;e2"},
		{"GET", "/rooms", "after=%ff", "", "", ""},
		{"OPTIONS", "/rooms", "", "", "", "https://chat.example.org"},
		{"HEAD", "/docs", "", "", "", ""},
		{"GET", "/rooms/%2e%2e/messages", ";", "", "", ""},
		{"GET", "/../rooms", "&&=", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4], seed[5])
	}
	s := newMemory()
	fill(f, s, "lobby", 3)
	var last chat.Message
	a := auth.Open(newAPI(f, s, func(c *Config) {
		c.AllowedOrigins = []string{"https://chat.example.org"}
		accept := c.Accept
		c.Accept = accepterFunc(func(ctx context.Context, m chat.Message) (chat.Message, error) {
			m, err := accept.Accept(ctx, m)
			last = m
			return m, err
		})
		c.Follow = func(_ context.Context, _ chat.Cursor, w StreamWriter) error {
			_, err := w.Write([]byte(":\n"))
			return err
		}
	}))
	f.Fuzz(func(t *testing.T, method, path, query, body, contentType, header string) {
		target, err := url.ParseRequestURI(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			t.Skip() // net/http refuses it before it reaches a handler
		}
		target.RawQuery = query
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost", strings.NewReader(body))
		if err != nil {
			t.Skip() // not a method that could be sent
		}
		r.URL = target
		for _, name := range []string{"Origin", "Sec-Fetch-Site", "Authorization", "Last-Event-ID", "X-Request-Id", "Accept", "If-None-Match"} {
			r.Header.Set(name, header)
		}
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		check(t, w, method, &last)
	})
}

func check(t *testing.T, w *httptest.ResponseRecorder, method string, last *chat.Message) {
	switch {
	case w.Code >= 500:
		t.Fatalf("status %d: %s", w.Code, w.Body)
	case w.Code >= 400 && method != http.MethodHead:
		if p := problemIn(t, w); !utf8.Valid(w.Body.Bytes()) || len(w.Body.Bytes()) > 16<<10 {
			t.Fatalf("an unexpected problem document of %d bytes: %+v", w.Body.Len(), p)
		}
	case w.Code == http.StatusAccepted:
		if err := last.Validate(); err != nil {
			t.Fatalf("accepted %+v: %v", last, err)
		}
		var m chat.Message
		if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.Msg != "" && m.Msg != last.Msg || m.ID != last.ID {
			t.Fatalf("answered %s for %+v", w.Body, last)
		}
	}
}
