package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"restante/internal/auth"
)

// Every answer 403 is told with its reason and the id of the request, and nothing else is.
func TestAPI_TellsWhatWasDeniedAndWhatOperatorsAskedFor(t *testing.T) {
	var told []string
	s := newMemory()
	tell := func(c *Config) {
		c.ThisMachine = true
		c.Denied = func(r *http.Request, requestID string, err error) {
			why, _ := errors.AsType[auth.Denial](err)
			told = append(told, fmt.Sprintf("%s %s %s %s", r.URL.Path, requestID, why.Reason, why.Room))
		}
		c.Operated = func(r *http.Request) { told = append(told, "operated "+r.URL.Path) }
		c.History, c.Rooms = auth.Log{Next: s}, auth.Log{Next: s}
		c.Accept = auth.CheckSender(c.Accept)
	}
	a := newAPI(t, s, tell)
	ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"lobby"}}
	header := func(more ...string) []string { return append([]string{"X-Request-Id", "r1"}, more...) }
	as(ann, a, "GET", "http://localhost/rooms/lobby/messages", "", header()...)
	as(ann, a, "GET", "http://localhost/rooms/board/messages", "", header()...)
	as(ann, a, "POST", "http://localhost/message?msg=x&room=lobby", "", header()...)
	as(ann, a, "GET", "http://localhost/metrics", "", header()...)
	as(nil, a, "GET", "http://localhost/metrics", "", header()...)
	as(&auth.Client{ID: "root", Admin: true}, a, "GET", "http://localhost/metrics", "", header()...)
	as(ann, a, "POST", "http://localhost/message?msg=x", "", header("Origin", "https://evil.example.org")...)
	as(ann, a, "GET", "http://evil.example.org/rooms", "", header()...)
	want := []string{
		"/rooms/board/messages r1 room board", "/message r1 read_only lobby", "/metrics r1 admin ", "operated /metrics",
		"/message r1 origin ", "/rooms r1 host ",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
