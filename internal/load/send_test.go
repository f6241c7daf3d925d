package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
)

// logStub is a server with a log in memory. answer gives the status of the n-th post; the post is stored if that is a
// 2xx or 0, and 0 closes the connection without an answer.
func logStub(t *testing.T, answer func(n int) int) string {
	t.Helper()
	var mu sync.Mutex
	var log []chat.Message
	posts := 0
	mux := http.NewServeMux()
	mux.HandleFunc("POST /rooms/{room}/messages", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		posts++
		status := answer(posts)
		var m chat.Message
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		if status/100 == 2 || status == 0 {
			m.Room, m.Seq, m.StoredAt = r.PathValue("room"), int64(len(log)+1), time.Now()
			log = append(log, m)
		}
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	})
	mux.HandleFunc("GET /rooms/{room}/messages", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var after int
		_, _ = fmt.Sscan(r.FormValue("after"), &after)
		_ = json.NewEncoder(w).Encode(map[string]any{"messages": log[after:min(len(log), after+3)], "last_seq": len(log)})
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"version":"v0"}`)) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestSenders_RepeatTheSameIDUntilItIsAccepted(t *testing.T) {
	url := logStub(t, func(n int) int {
		if n%3 == 0 {
			return http.StatusAccepted
		}
		return http.StatusServiceUnavailable
	})
	senders, err := StartSenders(t.Context(), SenderConfig{URL: url, Senders: 2, Each: 5, Retry: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	senders.Wait()
	sends := senders.Stop()
	stored, err := ReadRoom(t.Context(), url, "lobby", 0)
	if err != nil {
		t.Fatal(err)
	}
	r := Check(Evidence{Sends: sends, Stored: stored})
	if err := r.Err(); err != nil || r.Accepted != 10 || senders.Accepted() != 10 {
		t.Errorf("%s: %v", &r, err)
	}
	if a := senders.Answers(); a[202] != 10 || a[503] != 20 {
		t.Errorf("answers %v", a)
	}
}

// A server that stores a message again when it is sent again breaks a promise: Check must find it.
func TestSenders_RepeatAfterALostAnswer(t *testing.T) {
	url := logStub(t, func(n int) int {
		if n == 2 {
			return 0
		}
		return http.StatusAccepted
	})
	senders, err := StartSenders(t.Context(), SenderConfig{URL: url, Senders: 1, Each: 3, Retry: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	senders.Wait()
	sends := senders.Stop()
	stored, err := ReadRoom(t.Context(), url, "lobby", 0)
	if err != nil {
		t.Fatal(err)
	}
	if r := Check(Evidence{Sends: sends, Stored: stored}); r.Duplicated != 1 || r.Accepted != 3 {
		t.Errorf("%s", &r)
	}
	if senders.Err() == nil || sends[1].Attempts != 2 {
		t.Errorf("error %v, %+v", senders.Err(), sends[1])
	}
}

func TestSenders_StopEndsThem(t *testing.T) {
	url := logStub(t, func(int) int { return http.StatusInternalServerError })
	senders, err := StartSenders(t.Context(), SenderConfig{URL: url, Senders: 3, Retry: time.Millisecond, StopTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	sends := senders.Stop()
	for _, s := range sends {
		if !s.Accepted.IsZero() {
			t.Errorf("accepted: %+v", s)
		}
	}
}

// The server closes the connection at the moment in which the sender is stopped, so that both ends close it at once.
func TestPost_EndsFromBothSidesAtOnce(t *testing.T) {
	for range 300 {
		ctx, stop := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close()
			stop()
		}))
		if status, err := Post(ctx, server.URL, &Send{Room: "r", ID: "1", ClientID: "c", Text: "t"}); err == nil {
			t.Errorf("answered %d by a server that hung up", status)
		}
		server.Close()
	}
}

func TestBench_PrintsAndChecks(t *testing.T) {
	var out bytes.Buffer
	url := logStub(t, func(int) int { return http.StatusAccepted })
	err := Bench(t.Context(), &out, Options{URL: url, Scenarios: []string{"publish"}, Senders: 2, Rooms: 1, Duration: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"machine ", "v0", "messages/s durable", "lost 0"} {
		if !bytes.Contains(out.Bytes(), []byte(want)) {
			t.Errorf("output lacks %q", want)
		}
	}
	t.Log(out.String())
}

func TestBench_FailsWhenAPromiseIsBroken(t *testing.T) {
	url := logStub(t, func(n int) int {
		if n == 2 {
			return 0
		}
		return http.StatusAccepted
	})
	err := Bench(t.Context(), &bytes.Buffer{}, Options{URL: url, Scenarios: []string{"publish"}, Senders: 1, Duration: 50 * time.Millisecond})
	if err == nil {
		t.Error("a duplicate went unnoticed")
	}
}

func TestOptions_ValidateListsEveryFault(t *testing.T) {
	err := Options{URL: "ftp://x", Scenarios: []string{"nonsense"}}.Validate()
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("nonsense")) || !bytes.Contains([]byte(err.Error()), []byte("address")) {
		t.Errorf("got %v", err)
	}
}
