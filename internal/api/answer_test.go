package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/journey"
	"restante/internal/memory"
)

// A page of history is counted while it is sent, and refused when there is no space for it.
func TestAnswers_AreCountedWhileTheyAreSent(t *testing.T) {
	budget := memory.New(memory.Config{Limit: 1 << 20})
	s := newMemory()
	accept := journey.Accept{Broker: s}
	for range 10 {
		if _, err := accept.Accept(t.Context(), chat.Message{Room: "lobby", ClientID: "ann", Msg: strings.Repeat("x", 10_000)}); err != nil {
			t.Fatal(err)
		}
	}
	hold := func(context.Context) *memory.Holding { return budget.Hold(memory.Answer, "") }
	srv := httptest.NewServer(auth.Open(newAPI(t, s, func(c *Config) { c.HoldAnswer = hold })))
	for path, status := range map[string]int{
		"/rooms/lobby/messages?limit=1": 200, "/messages/since?room=lobby&after=9&limit=1": 200,
		"/rooms/lobby/messages": 503, "/messages/since?room=lobby&after=0": 503,
	} {
		rest := budget.Hold(memory.Body, "")
		if err := rest.Grow(budget.Limit() - 100_000); err != nil {
			t.Fatal(err)
		}
		answer, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != status || status == 503 && answer.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %v", path, answer.StatusCode, answer.Header)
		}
		rest.Release()
	}
	srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := budget.Hold(memory.Answer, "").Await(ctx, budget.Limit()); err != nil {
		t.Errorf("%d bytes are held after all requests: %v", budget.Used(), err)
	}
}
