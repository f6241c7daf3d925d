package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// A web page whose name was made to lead to the server (DNS rebinding) asks under that name, as a page of the server's own.
func TestHost_NamesHaveToBeSaid(t *testing.T) {
	t.Parallel()
	const foreign, said = "evil.example", "chat.example.org"
	for name, c := range map[string]struct {
		args     []string
		foreigns int // the status under a foreign name
		names    int // the status under the name that some of them say
	}{
		"nothing said":         {nil, 403, 403},
		"without":              {[]string{"--auth", "none"}, 403, 403},
		"behind a proxy":       {[]string{"--auth", "none", "--trusted-proxy", "127.0.0.1", "--drain-delay", "0s"}, 403, 403},
		"with a name":          {[]string{"--auth", "none", "--host", "other.example,Chat.Example.org"}, 403, 200},
		"with an address said": {[]string{"--advertise", "http://" + said + ":8080"}, 403, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, testkit.Options{Args: c.args})
			port := s.Addr()[strings.LastIndex(s.Addr(), ":"):]
			for _, request := range []string{
				"GET /rooms", "POST /message?msg=hi&client_id=ann", "GET /rooms/lobby/messages", "GET /messages/since?since=2026-01-01T00:00:00Z", "HEAD /rooms/lobby/events",
				"POST /messageHub/negotiate?negotiateVersion=1", "GET /metrics", "GET /docs", "GET /version", "GET /",
			} {
				for host, want := range map[string]int{foreign: c.foreigns, said: c.names, "localhost": 200, "127.0.0.1": 200} {
					for _, suffix := range []string{"", port} {
						got := askAs(t, s.URL(), host+suffix, request)
						if got == http.StatusAccepted {
							got = http.StatusOK
						}
						if got != want {
							t.Errorf("%s as %s is answered %d, want %d", request, host+suffix, got, want)
						}
					}
				}
			}
			if got := askAs(t, s.URL(), foreign, "GET /healthz"); got != http.StatusOK {
				t.Errorf("a probe under another name is answered %d", got)
			}
		})
	}
}

// Requests that a node forwards have passed the check of that node, and nodes check before they forward.
func TestHost_IsCheckedWhereARequestArrives(t *testing.T) {
	t.Parallel()
	cluster := testkit.NewCluster(t)
	cluster.Start(t, testkit.Options{}, "api", "consumer")
	hub := cluster.Start(t, testkit.Options{Args: []string{"--host", "chat.example.org"}}, "hub")
	eventually(t, func() bool { return askAs(t, hub.URL(), "localhost", "GET /rooms") == http.StatusOK })
	for host, want := range map[string]int{"chat.example.org": http.StatusOK, "evil.example": http.StatusForbidden} {
		if got := askAs(t, hub.URL(), host, "GET /rooms"); got != want {
			t.Errorf("a forwarded request as %s is answered %d, want %d", host, got, want)
		}
	}
}

// askAs sends a request under the name of a host, and returns the status.
func askAs(t *testing.T, url, host, request string) int {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(t.Context(), method, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Origin", fmt.Sprint("http://", host))
	r.Header.Set("X-Forwarded-Host", "localhost")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
