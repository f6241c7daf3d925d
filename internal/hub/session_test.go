package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
	"restante/internal/signalr"
)

type publisherFunc func(context.Context, chat.Message) error

func (f publisherFunc) Publish(ctx context.Context, m chat.Message) error { return f(ctx, m) }

// newSession returns a connection of "ann" to a hub with 20 messages in room "a", and what it has sent.
func newSession(t testing.TB) (*session, *peer, *[]chat.Message) {
	t.Helper()
	log := &history{}
	log.append("a", 20)
	h := start(t, log)
	sent := new([]chat.Message)
	h.accept = auth.CheckSender(&journey.Accept{Broker: publisherFunc(func(_ context.Context, m chat.Message) error {
		switch m.Msg {
		case "fail":
			return &errs.Error{Code: errs.Unavailable, Msg: "the disk is full", Err: errors.New("secret")}
		case "stopping":
			return &errs.Error{Code: errs.Unavailable, Msg: "the server is stopping", NotDone: true}
		case "break":
			return errors.New("secret")
		case "conflict":
			return fmt.Errorf("secret: %w", chat.ErrConflict)
		}
		*sent = append(*sent, m)
		return nil
	})})
	p := newPeer()
	return connect(t, h, p, "room=&client_id=ann"), p, sent
}

// connect opens a connection for p that may do everything, until the test ends.
func connect(t testing.TB, h *Hub, p *peer, hubURL string) *session {
	t.Helper()
	s, err := h.connect(anyone(t.Context()), p, eventStream, queryOf(t, hubURL))
	if err != nil {
		t.Fatalf("connect with %q: %v", hubURL, err)
	}
	t.Cleanup(func() { p.end(); s.Close() })
	return s
}

func queryOf(t testing.TB, raw string) url.Values {
	t.Helper()
	query, err := url.ParseQuery(raw)
	if err != nil {
		t.Fatal(err)
	}
	return query
}

// invoke calls a method as a client that may do everything.
func invoke(t *testing.T, s *session, method string, args ...string) (string, error) {
	t.Helper()
	return invokeAs(anyone(t.Context()), t, s, method, args...)
}

func invokeAs(ctx context.Context, t *testing.T, s *session, method string, args ...string) (string, error) {
	t.Helper()
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		raw[i] = json.RawMessage(a)
	}
	result, err := s.Invoke(ctx, signalr.Invocation{Target: method, Args: raw})
	s.Answered(ctx)
	if err != nil || result == nil {
		return "", err
	}
	b, err := json.Marshal(result)
	if err != nil {
		t.Fatalf("result of %s: %v", method, err)
	}
	return string(b), nil
}

func TestSession_SendMessageTakesArgumentsOrAnObject(t *testing.T) {
	const id = "0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f"
	for _, tc := range []struct {
		args []string
		want chat.Message
	}{
		{[]string{`"a"`, `"hi"`}, chat.Message{Room: "a", ClientID: "ann", Msg: "hi"}},
		{[]string{`"a"`, `"hi"`, `"` + id + `"`}, chat.Message{ID: id, Room: "a", ClientID: "ann", Msg: "hi"}},
		{[]string{`"a"`, `"hi"`, `null`}, chat.Message{Room: "a", ClientID: "ann", Msg: "hi"}},
		{[]string{`{"msg":"hi"}`}, chat.Message{Room: "lobby", ClientID: "ann", Msg: "hi"}},
		{
			[]string{`{"room":"b","msg":"hi","id":"` + id + `","client_id":"bob"}`},
			chat.Message{ID: id, Room: "b", ClientID: "bob", Msg: "hi"},
		},
	} {
		s, _, sent := newSession(t)
		result, err := invoke(t, s, sendMessage, tc.args...)
		if err != nil || len(*sent) != 1 {
			t.Errorf("SendMessage(%s): %v, sent %v", tc.args, err, *sent)
			continue
		}
		got := (*sent)[0]
		want := `{"id":"` + got.ID + `","sent_at":"` + got.SentAt.Format(chat.TimeFormat) + `"}`
		if result != want {
			t.Errorf("SendMessage(%s) answers %s, want %s", tc.args, result, want)
		}
		if tc.want.ID == "" {
			got.ID = ""
		}
		tc.want.SentAt = got.SentAt
		if got != tc.want {
			t.Errorf("SendMessage(%s) sent %+v, want %+v", tc.args, got, tc.want)
		}
	}
}

func TestSession_JoinRoomReadsFromTheCursor(t *testing.T) {
	s, p, _ := newSession(t)
	result, err := invoke(t, s, joinRoom, `"a"`, `17`)
	if want := `{"last_seq":20,"oldest_seq":1,"epoch":"aaaaaaaaaaaaaaaa"}`; err != nil || result != want {
		t.Fatalf("JoinRoom answers %s (%v), want %s", result, err, want)
	}
	p.waitSeq(t, 20)
	wantSeqs(t, p.seqs(), upTo(18, 20))
	if _, err := invoke(t, s, leaveRoom, `"a"`); err != nil {
		t.Errorf("LeaveRoom: %v", err)
	}
	if len(s.conn.readers) != 0 {
		t.Error("still reads the room it has left")
	}
	if _, err := invoke(t, s, leaveRoom, `"never-joined"`); err != nil {
		t.Errorf("LeaveRoom of a room that is not joined: %v", err)
	}
}

func TestSession_JoinRoomWithoutCursorIsFromNow(t *testing.T) {
	for _, args := range [][]string{{`"a"`}, {`"a"`, `null`}} {
		s, p, _ := newSession(t)
		if _, err := invoke(t, s, joinRoom, args...); err != nil {
			t.Fatalf("JoinRoom(%s): %v", args, err)
		}
		log, ok := s.hub.logs.Shared.(*history)
		if !ok {
			t.Fatal("the store is not in memory")
		}
		s.hub.Deliver(log.append("a", 1))
		p.waitSeq(t, 21)
		wantSeqs(t, p.seqs(), []int64{21})
	}
}

func TestSession_GetMessagesSinceIsAPage(t *testing.T) {
	s, _, _ := newSession(t)
	for _, tc := range []struct {
		args  []string
		first int64
		n     int
	}{
		{[]string{`"a"`, `0`}, 1, 20},
		{[]string{`"a"`, `15`, `3`}, 16, 3},
		{[]string{`"a"`, `15.0`, `3e0`}, 16, 3},
		{[]string{`"a"`, `{"after":1.5e1,"rev":-0.0}`, `30e-1`}, 16, 3},
		{[]string{`"a"`, `20`}, 0, 0},
		{[]string{`"empty"`, `0`, `null`}, 0, 0},
	} {
		result, err := invoke(t, s, getMessagesSince, tc.args...)
		if err != nil {
			t.Errorf("GetMessagesSince(%s): %v", tc.args, err)
			continue
		}
		var got struct {
			Messages []chat.Message `json:"messages"`
			LastSeq  int64          `json:"last_seq"`
		}
		if err := json.Unmarshal([]byte(result), &got); err != nil || got.Messages == nil {
			t.Errorf("GetMessagesSince(%s) answers %s (%v)", tc.args, result, err)
		}
		if len(got.Messages) != tc.n || tc.n > 0 && got.Messages[0].Seq != tc.first {
			t.Errorf("GetMessagesSince(%s): %d messages from %v, want %d from %d", tc.args, len(got.Messages), got.Messages, tc.n, tc.first)
		}
	}
}

func TestSession_BadCallsGetAnErrorThatNamesTheFault(t *testing.T) {
	s, _, sent := newSession(t)
	for _, tc := range []struct {
		method string
		args   []string
		want   string
	}{
		{ping, []string{`1`}, "Invocation provides 1 argument(s) but target expects 0."},
		{sendMessage, nil, "Invocation provides 0 argument(s) but target expects 2 to 3."},
		{sendMessage, []string{`"a"`, `"b"`, `null`, `null`}, "expects 2 to 3"},
		{sendMessage, []string{`7`, `"hi"`}, "invalid: room: has the wrong type: a number where a string is expected"},
		{sendMessage, []string{`null`, `"hi"`}, "invalid: room: must not be null"},
		{sendMessage, []string{`"A"`, `"hi"`}, "invalid: room: must be"},
		{sendMessage, []string{`"a"`, `""`}, "invalid: msg: must be"},
		{sendMessage, []string{`"a"`, `"hi"`, `"1"`}, "invalid: id: must be a UUID"},
		{sendMessage, []string{`"a"`}, "invalid: message: must be an object"},
		{sendMessage, []string{`{"msg":"hi","color":"red"}`}, `invalid: message: must be an object {room?, msg, id?, client_id?}: json: unknown field "color"`},
		{sendMessage, []string{`{"msg":7}`}, "invalid: msg: has the wrong type"},
		{sendMessage, []string{`"a"`, `"fail"`}, "unavailable: it is not known whether the message was accepted: the disk is full; send it again with the same id, "},
		{sendMessage, []string{`{"room":"a","msg":"fail","id":"0192F0C1-5A2B-7C3D-8E4F-5A6B7C8D9E0F"}`}, "the disk is full; send it again with the same id, 0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e0f, that"},
		{sendMessage, []string{`"a"`, `"stopping"`}, "unavailable: the message was not accepted: the server is stopping; send it again with the same id, "},
		{sendMessage, []string{`"a"`, `"conflict"`, `"0192F0C1-5A2B-7C3D-8E4F-5A6B7C8D9E0F"`}, "conflict: this sender has used the id for another text in the room, and that text is kept; a new text needs a new id"},
		{sendMessage, []string{`"a"`, `"break"`}, "internal: it is not known whether the message was accepted: internal error; send it again with the same id, "},
		{joinRoom, []string{`"a"`, `-1`}, "invalid: after: must be"},
		{joinRoom, []string{`"a"`, `21`}, "invalid: after: must be from 0 to the number of the newest message, 20, is 21"},
		{joinRoom, []string{`"a"`, `1.5`}, "invalid: after: has the wrong type"},
		{joinRoom, []string{`"a"`, `"7"`}, "invalid: after: has the wrong type: a string where a whole number is expected"},
		{joinRoom, []string{`"a"`, `{}`}, "invalid: after: is missing"},
		{joinRoom, []string{`"a"`, `{"epoch":"aaaaaaaaaaaaaaaa"}`}, "invalid: after: is missing"},
		{joinRoom, []string{`"a"`, `{"after":-1}`}, "invalid: after: must be the number of a message, or 0, is -1"},
		{joinRoom, []string{`"a"`, `{"after":"7"}`}, "invalid: after: has the wrong type"},
		{joinRoom, []string{`"a"`, `{"after":7,"rev":-1}`}, "invalid: rev: must be the number of a change, or 0, is -1"},
		{joinRoom, []string{`"a"`, `{"after":7,"rev":1.5}`}, "invalid: rev: has the wrong type"},
		{joinRoom, []string{`"a"`, `{"after":7,"epoch":""}`}, "invalid: epoch: must be the id of an epoch"},
		{joinRoom, []string{`"a"`, `{"after":7,"epoch":"a;b"}`}, "invalid: epoch: must be the id of an epoch"},
		{joinRoom, []string{`"a"`, `{"after":7,"seq":7}`}, `invalid: after: must be an object {after, rev?, epoch?}: json: unknown field "seq"`},
		{joinRoom, []string{`"A"`}, "invalid: room: must be"},
		{leaveRoom, []string{`""`}, "invalid: room: must be"},
		{getMessagesSince, []string{`"a"`, `0`, `501`}, "invalid: limit: must be from 1 to 500, is 501"},
		{getMessagesSince, []string{`"a"`, `-1`}, "invalid: seq: must be the number of a message, or 0, is -1"},
		{getMessagesSince, []string{`"a"`, `null`}, "invalid: seq: must not be null"},
		{getMessagesSince, []string{`"a"`, `21`}, "invalid: seq: must be from 0 to the number of the newest message, 20, is 21"},
		{getMessagesSince, []string{`"a"`, `{"after":21}`}, "invalid: after: must be from 0 to the number of the newest message, 20, is 21"},
		{getMessagesSince, []string{`"a"`, `{"after":-1}`}, "invalid: after: must be the number of a message, or 0, is -1"},
		{getMessagesSince, []string{`"a"`, `{"since":1}`}, `invalid: seq: must be an object {after, rev?, epoch?}: json: unknown field "since"`},
		{getMessagesSince, []string{`"a"`}, "expects 2 to 3"},
	} {
		_, err := invoke(t, s, tc.method, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s(%s): %v, want %q", tc.method, tc.args, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s(%s) tells the cause: %v", tc.method, tc.args, err)
		}
	}
	if len(*sent) != 0 {
		t.Errorf("bad calls sent %v", *sent)
	}
}

// Ping answers nothing, and needs no rights.
func TestSession_Ping(t *testing.T) {
	h := start(t, &history{})
	nobody := auth.With(t.Context(), &auth.Client{ID: "ann"})
	s, err := h.connect(nobody, newPeer(), signalrJSON, queryOf(t, "room=-"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := invokeAs(nobody, t, s, ping); err != nil || got != "" {
		t.Errorf("Ping is answered %q, %v", got, err)
	}
}

func TestSession_SenderMustBeNamed(t *testing.T) {
	s, _, _ := newSession(t)
	s.clientID = ""
	if _, err := invoke(t, s, sendMessage, `"a"`, `"hi"`); err == nil || !strings.Contains(err.Error(), "client_id: is missing") {
		t.Errorf("got %v", err)
	}
}

func TestCursorsOf_HubURL(t *testing.T) {
	for _, tc := range []struct {
		query string
		want  []chat.Cursor
		ok    bool
	}{
		{"", []chat.Cursor{{Room: "lobby", Seq: Now}}, true},
		{"room=", []chat.Cursor{}, true},
		{"room=-", []chat.Cursor{}, true},
		{"room=-&after=1", nil, false},
		{"after=7", []chat.Cursor{{Room: "lobby", Seq: 7}}, true},
		{"room=a&room=b", []chat.Cursor{{Room: "a", Seq: Now}, {Room: "b", Seq: Now}}, true},
		{"room=a&after=0&room=b", []chat.Cursor{{Room: "a", Seq: 0}, {Room: "b", Seq: Now}}, true},
		{"room=a&after=1.0&rev=2.0", []chat.Cursor{{Room: "a", Seq: 1}}, true},
		{"room=a&after=1.5", nil, false},
		{"room=a&after=1&after=2", nil, false},
		{"room=&after=1", nil, false},
		{"room=a&after=1&epoch=x1&rev=0", []chat.Cursor{{Room: "a", Seq: 1, Epoch: "x1"}}, true},
		{
			"room=a&after=1&epoch=&rev=&room=b&after=2&epoch=x2&rev=3",
			[]chat.Cursor{{Room: "a", Seq: 1}, {Room: "b", Seq: 2, Epoch: "x2"}}, true,
		},
		{"room=a&after=1&epoch=x1&epoch=x2", nil, false},
		{"room=a&after=1&epoch=a-b", nil, false},
		{"room=a&after=1&rev=x", nil, false},
		{"room=a&epoch=x1", nil, false},
		{"room=a&rev=1", nil, false},
		{"after=x", nil, false},
		{"after=", nil, false},
		{"after=-1", nil, false},
	} {
		got, err := cursorsOf(queryOf(t, tc.query), auth.Anyone())
		if (err == nil) != tc.ok || tc.ok && !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: %v (%v), want %v", tc.query, got, err, tc.want)
		}
	}
}

func FuzzSession_Invoke(f *testing.F) {
	f.Add(0, `"a"`, `"hi"`, `null`)
	f.Add(0, `{"room":"a","msg":"hi"}`, ``, ``)
	f.Add(1, `"a"`, `3`, ``)
	f.Add(1, `"a"`, `{"after":3,"rev":0,"epoch":"aaaaaaaaaaaaaaaa"}`, ``)
	f.Add(3, `"a"`, `{"after":3,"epoch":"x"}`, `7`)
	f.Add(2, `"a"`, ``, ``)
	f.Add(3, `"a"`, `0`, `7`)
	f.Add(3, `"a"`, `-9223372036854775808`, ``)
	s, _, _ := newSession(f)
	f.Fuzz(func(t *testing.T, method int, a, b, c string) {
		inv := signalr.Invocation{Target: chatHub{}.Methods()[uint(method)%4]}
		for _, arg := range []string{a, b, c} {
			if !json.Valid([]byte(arg)) { // the protocol passes nothing else on
				break
			}
			inv.Args = append(inv.Args, json.RawMessage(arg))
		}
		_, err := s.Invoke(anyone(t.Context()), inv)
		var hubErr *signalr.HubError
		var argErr *signalr.ArgumentError
		if err != nil && !errors.As(err, &hubErr) && !errors.As(err, &argErr) || hubErr != nil && strings.HasPrefix(hubErr.Msg, "internal") {
			t.Errorf("%s(%s): %v", inv.Target, inv.Args, err)
		}
	})
}
