package server

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/route"
)

// TestAnswerHalfClosed_OnlyStreamsAndPollsEndWithTheirClients sends a request of every route and ends the client's side. net/http
// has ended the context of the request before the handler looks at its own.
func TestAnswerHalfClosed_OnlyStreamsAndPollsEndWithTheirClients(t *testing.T) {
	type seen struct {
		ended bool
		value any
	}
	type key struct{}
	got := make(chan seen, 1)
	inner := answerHalfClosed(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Value(key{}).(<-chan struct{}) // of the request as it came
		got <- seen{r.Context().Err() != nil, r.Context().Value(key{})}
		w.WriteHeader(http.StatusNoContent)
	}))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, r.Context().Done())))
	}))
	defer srv.Close()
	for _, rt := range route.All() {
		methods := []string{rt.Method()}
		if rt.Method() == "" {
			methods = []string{"GET", "POST", "DELETE"}
		}
		for _, method := range methods {
			path := strings.NewReplacer("{room}", "ops").Replace(rt.Path())
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			stream := method == "GET" && (rt == route.StreamRoom || rt == route.MessageHub)
			if s := <-got; s.ended != stream || s.value == nil {
				t.Errorf("%s %s: its context has ended: %v, want %v", method, path, s.ended, stream)
			}
			_ = conn.Close()
		}
	}
}

func TestLater_EndsAWhileAfterItsParent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancel(t.Context())
		ctx, cancel := later(parent, readOn)
		defer cancel()
		time.Sleep(time.Hour) // fake time
		if ctx.Err() != nil {
			t.Error("it has ended before its parent")
		}
		end()
		time.Sleep(readOn - time.Millisecond) // fake time
		synctest.Wait()
		if ctx.Err() != nil {
			t.Error("it has ended too early")
		}
		time.Sleep(time.Millisecond) // fake time
		synctest.Wait()
		if ctx.Err() == nil {
			t.Error("it has not ended")
		}
		released, cancel := later(parent, readOn)
		cancel() // its goroutine ends, as synctest checks
		if released.Err() == nil {
			t.Error("cancel does not end it")
		}
	})
}
