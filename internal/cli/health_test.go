package cli

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealth_OfARunningServerAndAStoppedOne(t *testing.T) {
	s := startServer(t)
	for flags, want := range map[string]string{"": "ready\n", " --live": "alive\n"} {
		got := run(t.Context(), "", strings.Fields("health --url "+s.url()+flags)...)
		if got.code != exitOK || got.out != want || got.err != "" {
			t.Errorf("health%s: %+v", flags, got)
		}
	}
	s.stop()
	got := run(t.Context(), "", "health", "--url", s.url())
	if got.code != exitUnavailable || got.out != "" || !strings.Contains(got.err, s.url()) {
		t.Errorf("a stopped server: %+v", got)
	}
}

func TestHealth_PrintsTheServersAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		status   int
		body     string
		code     int
		out, err string // substrings
	}{
		"degraded": {
			http.StatusOK, `{"status":"degraded","checks":[{"name":"publishing","ok":true},{"name":"storing","ok":false,"reason":"no connection"}]}`,
			exitOK, "degraded; storing: no connection\n", "",
		},
		"not ready": {
			http.StatusServiceUnavailable, `{"detail":"the server is not ready: broker: no connection"}`,
			exitUnavailable, "", "the server is not ready: broker: no connection",
		},
		"another program": {http.StatusOK, "<html>", exitFailed, "", "not that of a restante server"},
		"no such page":    {http.StatusNotFound, "", exitFailed, "", "404"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/readyz" {
					t.Errorf("asked for %s", r.URL.Path)
				}
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer fake.Close()
			got := run(t.Context(), "", "health", "--url", fake.URL+"/")
			if got.code != tc.code || got.out != tc.out || !strings.Contains(got.err, tc.err) || tc.err == "" && got.err != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestHealth_GivesUp(t *testing.T) {
	asked := make(chan struct{}, 2)
	fake := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer fake.Close()
	got := run(t.Context(), "", "health", "--url", fake.URL, "--timeout", "50ms")
	if got.code != exitUnavailable || !strings.Contains(got.err, "no answer within 50ms") {
		t.Errorf("no answer: %+v", got)
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if got := run(ctx, "", "health", "--url", fake.URL); got.code != exitInterrupted {
		t.Errorf("interrupted: %+v", got)
	}
}

func TestHealth_OfAServerThatIsKnownByItsAddress(t *testing.T) {
	fake := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"ready"}`)
	}))
	defer fake.Close()
	if got := run(t.Context(), "", "health", "--url", fake.URL); got.code != exitUnavailable || !strings.Contains(got.err, "certificate") {
		t.Errorf("a certificate of an unknown authority: %+v", got)
	}
	if got := run(t.Context(), "", "health", "--any-certificate", "--url", fake.URL); got.code != exitOK || got.out != "ready\n" {
		t.Errorf("--any-certificate: %+v", got)
	}
}
