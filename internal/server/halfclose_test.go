package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"restante/internal/testkit"
)

// TestHalfClose_EveryStoredMessageIsAnswered202 sends messages whose senders end their side of the connection at once.
func TestHalfClose_EveryStoredMessageIsAnswered202(t *testing.T) {
	s := start(t, t.TempDir())
	const posts = 60
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range posts / 4 {
				if status, answer := testkit.HalfClosed(t, s.Addr(), "POST", "/message?msg=x&client_id=ann", ""); status != http.StatusAccepted {
					t.Errorf("%d %s", status, answer)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, s.Addr()); n != posts {
		t.Errorf("%d messages are stored, want %d", n, posts)
	}
}

// TestHalfClose_EveryDoorAnswers tries what a half-closed connection may ask for.
func TestHalfClose_EveryDoorAnswers(t *testing.T) {
	s := start(t, t.TempDir())
	json := "Content-Type: application/json"
	for _, tc := range []struct {
		method, path, body string
		want               int
		headers            []string
	}{
		{"POST", "/message?client_id=ann", `{"msg":"a"}`, 202, []string{json}},
		{"POST", "/rooms/lobby/messages", `{"msg":"b","client_id":"ann"}`, 202, []string{json}},
		{"GET", "/rooms/lobby/messages?after=0", "", 200, nil},
		{"GET", "/messages/since?since=2000-01-01T00:00:00Z", "", 200, nil},
		{"GET", "/rooms", "", 200, nil},
		{"HEAD", "/rooms", "", 200, nil},
		{"GET", "/version", "", 200, nil},
		{"GET", "/healthz", "", 200, nil},
		{"GET", "/readyz", "", 200, nil},
		{"GET", "/metrics", "", 200, nil},
		{"GET", "/openapi.json", "", 200, nil},
		{"GET", "/nothing", "", 404, nil},
		{"POST", "/message?client_id=ann", `{`, 400, []string{json}},
	} {
		for range 5 { // the end of the client's side may come sooner or later
			if status, answer := testkit.HalfClosed(t, s.Addr(), tc.method, tc.path, tc.body, tc.headers...); status != tc.want {
				t.Errorf("%s %s: %d %s, want %d", tc.method, tc.path, status, answer, tc.want)
			}
		}
	}
}

// TestHalfClose_TheHubsRequests uses long polling with requests that end their side at once. A poll is answered
// at once and empty then, and takes no message.
func TestHalfClose_TheHubsRequests(t *testing.T) {
	s := start(t, t.TempDir())
	status, answer := testkit.HalfClosed(t, s.Addr(), "POST", "/messageHub/negotiate?negotiateVersion=1", "")
	var negotiated struct{ ConnectionToken string }
	if err := json.Unmarshal([]byte(answer), &negotiated); err != nil || status != 200 {
		t.Fatalf("negotiate: %d %s (%v)", status, answer, err)
	}
	hub := "/messageHub?client_id=ann&id=" + negotiated.ConnectionToken
	ask := func(method, body string) string {
		t.Helper()
		status, answer := testkit.HalfClosed(t, s.Addr(), method, hub, body)
		if status/100 != 2 {
			t.Errorf("%s: %d %s", method, status, answer)
		}
		return answer
	}
	ask("GET", "") // opens the connection
	ask("POST", `{"protocol":"json","version":1}`+"\x1e")
	ask("POST", strings.Repeat(`{"type":1,"invocationId":"1","target":"SendMessage","arguments":[{"msg":"x"}]}`+"\x1e", 5))
	if n := count(t, s.Addr()); n != 5 {
		t.Errorf("%d messages are stored, want 5", n)
	}
	ask("DELETE", "")
}
