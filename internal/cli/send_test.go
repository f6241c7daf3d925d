package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/chat"
)

func TestSend_OneMessage(t *testing.T) {
	s := startServer(t)
	got := run(t.Context(), "not read", "send", "--url", s.url(), "--client-id", "ann", "Hello,", "everyone")
	if got.code != exitOK || got.err != "" {
		t.Fatalf("%+v", got)
	}
	if _, err := chat.ParseID(strings.TrimSpace(got.out)); err != nil {
		t.Errorf("no id on the output: %q", got.out)
	}
	got = run(t.Context(), "", "send", "--url", s.url()+"/", "--client-id", "ann", "--json", "two")
	var m chat.Message
	if err := json.Unmarshal([]byte(got.out), &m); err != nil || m.Msg != "two" || m.ClientID != "ann" || m.SentAt.IsZero() {
		t.Errorf("--json: %+v", got)
	}
	if got = run(t.Context(), "", "send", "--url", s.url(), "--quiet", "three"); got.code != exitOK || got.out != "" || got.err != "" {
		t.Errorf("--quiet: %+v", got)
	}
	if got := s.log("lobby"); !slices.Equal(got, []string{"Hello, everyone", "two", "three"}) {
		t.Errorf("%q", got)
	}
}

func TestSend_EachLineInOrder(t *testing.T) {
	s := startServer(t)
	var want []string
	for n := range 100 {
		want = append(want, fmt.Sprintf("line %d\twith <&> 日本", n))
	}
	longest := strings.Repeat("x", chat.MaxMsgBytes)
	want = append(want, longest, "last, without an end")
	got := run(t.Context(), strings.Join(want, "\n\n"), "send", "--url", s.url(), "--room", "r2")
	if got.code != exitOK || strings.Count(got.out, "\n") != len(want) {
		t.Errorf("code %d, %d ids, %s", got.code, strings.Count(got.out, "\n"), got.err)
	}
	if stored := s.log("r2"); !slices.Equal(stored, want) {
		t.Errorf("%d lines stored of %d, or not as they were sent", len(stored), len(want))
	}
}

func TestSend_StopsAtALineThatIsRefused(t *testing.T) {
	s := startServer(t)
	for name, bad := range map[string]string{
		"too long for a message": strings.Repeat("x", chat.MaxMsgBytes+1),
		"too long for a line":    strings.Repeat("x", maxLine+1),
	} {
		room := fmt.Sprintf("r%d", len(bad))
		got := run(t.Context(), "one\n"+bad+"\nthree\n", "send", "--url", s.url(), "--room", room)
		if got.code != exitFailed || !strings.Contains(got.err, "line 2") {
			t.Errorf("%s: code %d, %s", name, got.code, got.err)
		}
		if stored := s.log(room); !slices.Equal(stored, []string{"one"}) {
			t.Errorf("%s: stored %q", name, stored)
		}
	}
}

// TestSend_RetriesWithTheSameID has a server that stores a message and then answers as if it had failed, in every way a
// server can.
func TestSend_RetriesWithTheSameID(t *testing.T) {
	var ids []string
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ ID string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		ids = append(ids, body.ID)
		switch len(ids) {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, "{}")
		}
	}))
	defer fake.Close()
	got := run(t.Context(), "", "send", "--url", fake.URL, "hi")
	if got.code != exitOK || strings.Count(got.err, "trying again") != 1 {
		t.Errorf("%+v", got)
	}
	if len(ids) != 4 || len(slices.Compact(ids)) != 1 || ids[0] != strings.TrimSpace(got.out) {
		t.Errorf("ids of the attempts: %q, printed %q", ids, got.out)
	}
}

func TestSend_GivesUpAfterItsTimeout(t *testing.T) {
	fake := httptest.NewServer(http.NotFoundHandler())
	url := fake.URL
	fake.Close()
	got := run(t.Context(), "one\ntwo\n", "send", "--url", url, "--timeout", "300ms")
	if got.code != exitUnavailable || !strings.Contains(got.err, "line 1") || !strings.Contains(got.err, "gave up after 300ms") {
		t.Errorf("%+v", got)
	}
}

func TestSend_RefusalsAreNotRetried(t *testing.T) {
	var attempts atomic.Int32
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		attempts.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"detail":"you may not", "errors":[{"field":"room","message":"is not yours"}]}`)
	}))
	defer fake.Close()
	got := run(t.Context(), "", "send", "--url", fake.URL, "hi")
	if got.code != exitFailed || attempts.Load() != 1 || !strings.Contains(got.err, "you may not; room: is not yours") {
		t.Errorf("%d attempts, %+v", attempts.Load(), got)
	}
}

func TestSend_InterruptedWhileItWaitsForALine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	done := make(chan int)
	go func() { done <- Main(ctx, []string{"send"}, in, io.Discard, io.Discard) }()
	cancel()
	if code := <-done; code != exitInterrupted {
		t.Error("exit code", code)
	}
	_ = typed.Close() // ends the goroutine that still reads
}

func TestRetrier_HonoursRetryAfterAndItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notices := 0
		r := newRetrier(50*time.Second, func(error) { notices++ })
		busy := &refusal{status: 429, text: "busy", retryAfter: 20 * time.Second}
		start := time.Now()
		for n := range 3 {
			if err := r.wait(t.Context(), busy); (err == nil) != (n < 2) {
				t.Errorf("wait %d after %v: %v", n, time.Since(start), err)
			}
		}
		if took := time.Since(start); took < 40*time.Second || notices != 1 {
			t.Errorf("took %v, %d notices", took, notices)
		}
		r.success()
		if err := r.wait(t.Context(), errors.New("connection refused")); err != nil || notices != 2 {
			t.Errorf("the first failure after a success: %v, %d notices", err, notices)
		}
		if err := r.wait(t.Context(), &refusal{status: 422, text: "no"}); err == nil {
			t.Error("a permanent refusal is retried")
		}
	})
}

// TestSend_SaysWhetherAMessageMayHaveBeenAccepted: an earlier attempt without an answer leaves that open, whatever the last says.
func TestSend_SaysWhetherAMessageMayHaveBeenAccepted(t *testing.T) {
	const text = "which may have been accepted"
	for name, tc := range map[string]struct {
		answers []int // 0: none; the last is repeated
		code    int
		want    bool
	}{
		"refused":                      {[]int{403}, exitFailed, false},
		"too fast, then refused":       {[]int{429, 403}, exitFailed, false},
		"no answer, then refused":      {[]int{0, 403}, exitFailed, true},
		"unavailable, then refused":    {[]int{503, 403}, exitFailed, true},
		"unavailable until the end":    {[]int{503}, exitUnavailable, true},
		"without an answer until then": {[]int{0}, exitUnavailable, true},
	} {
		t.Run(name, func(t *testing.T) {
			var attempts atomic.Int32
			fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				n := int(attempts.Add(1))
				status := tc.answers[min(n, len(tc.answers))-1]
				if status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(status)
			}))
			defer fake.Close()
			got := run(t.Context(), "", "send", "--url", fake.URL, "--timeout", "1500ms", "hi")
			if got.code != tc.code || strings.Contains(got.err, text) != tc.want || !strings.Contains(got.err, "message 0") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestSend_InterruptedWhileAMessageIsOnItsWay(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ids := make(chan string, 1)
	fake := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct{ ID string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		ids <- body.ID
		cancel()
		<-r.Context().Done()
	}))
	defer fake.Close()
	got := run(ctx, "", "send", "--url", fake.URL, "hi")
	if want := "message " + <-ids + ", which may have been accepted: interrupted"; got.code != exitInterrupted || !strings.Contains(got.err, want) {
		t.Errorf("%+v, want %q", got, want)
	}
}
