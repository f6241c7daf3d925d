package api

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/journey"
)

type nowhere struct{}

func (nowhere) Publish(context.Context, chat.Message) error { return nil }

// BenchmarkPost measures what a send costs without broker and store.
func BenchmarkPost(b *testing.B) {
	a := auth.Open(newAPI(b, newMemory(), func(c *Config) { c.Accept = auth.CheckSender(&journey.Accept{Broker: nowhere{}}) }))
	text := strings.Repeat("x", 128)
	for _, bm := range []struct{ name, target, body string }{
		{"query", "/message?client_id=ann&msg=" + text, ""},
		{"json", "/message", `{"client_id":"ann","msg":"` + text + `"}`},
		{"room", "/rooms/lobby/messages", `{"client_id":"ann","msg":"` + text + `"}`},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodPost, bm.target, nil)
			r.Header.Set("Content-Type", "application/json")
			r.ContentLength = int64(len(bm.body))
			w := discard{http.Header{}}
			for b.Loop() {
				clear(w.h)
				r.Pattern = ""
				r.Body = io.NopCloser(strings.NewReader(bm.body))
				a.ServeHTTP(w, r)
			}
		})
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header       { return d.h }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
