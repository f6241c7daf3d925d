package hub

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
)

func TestSession_JoinsAsManyRoomsAsItMay(t *testing.T) {
	h := startWith(t, Config{MaxRooms: 2}, &history{})
	s := connect(t, h, newPeer(), "room=")
	const refused = "too_many: a connection may have joined 2 rooms at a time; leave one first"
	for _, step := range []struct{ method, room, err string }{
		{joinRoom, "a", ""},
		{joinRoom, "b", ""},
		{joinRoom, "c", refused},
		{joinRoom, "a", ""}, // moves the cursor
		{leaveRoom, "a", ""},
		{joinRoom, "c", ""},
		{joinRoom, "a", refused},
	} {
		_, err := invoke(t, s, step.method, `"`+step.room+`"`)
		if step.err == "" && err != nil || step.err != "" && (err == nil || err.Error() != step.err) {
			t.Errorf("%s %s: %v, want %q", step.method, step.room, err, step.err)
		}
	}
	if n := h.openRooms(); n != 2 {
		t.Errorf("%v rooms are open, want 2", n)
	}
}

func TestSession_CallsThatComeTooOftenAreRefused(t *testing.T) {
	asked := 0
	h := startWith(t, Config{Allow: func(context.Context) error {
		asked++
		return &errs.Error{Code: errs.RateLimited, Msg: "too often", RetryAfter: 1500 * time.Millisecond}
	}}, &history{})
	h.accept = auth.CheckSender(&journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return nil })})
	s := connect(t, h, newPeer(), "room=&client_id=ann")
	for method, args := range map[string][]string{
		joinRoom: {`"a"`}, leaveRoom: {`"a"`}, getMessagesSince: {`"a"`, "0"}, ping: nil,
	} {
		if _, err := invoke(t, s, method, args...); err == nil || err.Error() != "rate_limited: too often; try again in 2 s" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := invoke(t, s, sendMessage, `"a"`, `"hi"`); err != nil || asked != 4 {
		t.Errorf("a message, which has a limit of its own: %v; asked %d times", err, asked)
	}
	if n := h.openRooms(); n != 0 {
		t.Errorf("%v rooms are open", n)
	}
}

func TestHub_URLWithTooManyRooms(t *testing.T) {
	for _, tc := range []struct {
		limit, rooms int
		ok           bool
	}{{2, 2, true}, {2, 3, false}, {0, 200, true}, {0, 201, false}, {-1, 300, true}} {
		log := &hooked{history: &history{}}
		h := startWith(t, Config{MaxRooms: tc.limit}, log)
		query := url.Values{}
		for i := range tc.rooms {
			query.Add("room", fmt.Sprint("room", i))
		}
		s, err := h.connect(anyone(t.Context()), newPeer(), signalrJSON, query)
		switch {
		case (err == nil) != tc.ok:
			t.Errorf("%d rooms of %d: %v", tc.rooms, tc.limit, err)
		case err == nil:
			s.Close()
		case errs.CodeOf(err) != errs.TooMany || log.set(nil) != 0:
			t.Errorf("%d rooms of %d: %v, after asking about %d rooms", tc.rooms, tc.limit, err, log.set(nil))
		}
	}
}

func TestHub_ConnectIsCountedWhileItLasts(t *testing.T) {
	for _, tc := range []struct {
		url     string
		counted int
	}{{"room=a", 1}, {"room=", 1}, {"room=-", 1}, {"room=A", 1}, {"after=x", 0}} {
		var count counter
		h := startWith(t, Config{Connect: count.connect}, &history{})
		s, err := h.connect(anyone(t.Context()), newPeer(), signalrJSON, queryOf(t, tc.url))
		if err == nil {
			if count.open != 1 {
				t.Errorf("%q: counted %d times, want once", tc.url, count.open)
			}
			s.Close()
		}
		if count.total != tc.counted || count.open != 0 {
			t.Errorf("%q (%v): counted %d times, %d of them not given back", tc.url, err, count.total, count.open)
		}
	}
	count := counter{err: &errs.Error{Code: errs.TooMany, Msg: "too many connections"}}
	h := startWith(t, Config{Connect: count.connect}, &history{})
	if _, err := h.connect(anyone(t.Context()), newPeer(), signalrJSON, nil); errs.CodeOf(err) != errs.TooMany {
		t.Errorf("got %v, want %v", err, count.err)
	}
}

func TestHubError_SaysWhenToTryAgain(t *testing.T) {
	for _, tc := range []struct {
		after time.Duration
		want  string
	}{
		{0, "rate_limited: too many messages"},
		{time.Millisecond, "rate_limited: too many messages; try again in 1 s"},
		{2100 * time.Millisecond, "rate_limited: too many messages; try again in 3 s"},
	} {
		limited := &errs.Error{Code: errs.RateLimited, Msg: "too many messages", RetryAfter: tc.after}
		if got := hubError(fmt.Errorf("send: %w", limited)).Error(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
