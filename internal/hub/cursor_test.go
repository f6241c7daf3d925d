package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/chat"
	"restante/internal/signalr"
)

// gone is a store with 20 messages in room "a" that went back to 12, so that its second epoch began after that.
func gone(*testing.T) *history {
	log := &history{
		epochs: []chat.Epoch{firstEpoch, secondEpoch},
		begins: map[string]int64{"": 12, firstEpoch.ID: 12, "unknown0": 0},
	}
	log.append("a", 20)
	return log
}

const resetOf12 = `{"room":"a","reason":"epoch","epoch":"bbbbbbbbbbbbbbbb","last_seq":20,"after":12}`

// A cursor of another epoch is answered with a reset at every door of the hub, and reading goes on where nothing new is passed over.
func TestHub_CursorOfAnotherEpoch(t *testing.T) {
	for _, tc := range []struct {
		object string // of JoinRoom and GetMessagesSince
		url    string // of the hub URL
		cursor chat.Cursor
		reset  string // "": none
		first  int64  // message
	}{
		{`{"after":15,"epoch":"bbbbbbbbbbbbbbbb"}`, "after=15&epoch=bbbbbbbbbbbbbbbb", chat.Cursor{Seq: 15, Epoch: secondEpoch.ID}, "", 16},
		{`{"after":15}`, "after=15", chat.Cursor{Seq: 15}, "", 16},
		{`15`, "after=15&rev=3", chat.Cursor{Seq: 15}, "", 16},
		{`{"after":15,"rev":7,"epoch":"aaaaaaaaaaaaaaaa"}`, "after=15&rev=7&epoch=aaaaaaaaaaaaaaaa", chat.Cursor{Seq: 15, Epoch: firstEpoch.ID}, resetOf12, 13},
		{`{"after":1000,"epoch":"aaaaaaaaaaaaaaaa"}`, "after=1000&epoch=aaaaaaaaaaaaaaaa", chat.Cursor{Seq: 1000, Written: true}, resetOf12, 13},
		{`{"after":7,"epoch":"aaaaaaaaaaaaaaaa"}`, "after=7&epoch=aaaaaaaaaaaaaaaa", chat.Cursor{Seq: 7, Written: true}, strings.Replace(resetOf12, `:12}`, `:7}`, 1), 8},
		{`{"after":15,"epoch":"unknown0"}`, "after=15&epoch=unknown0", chat.Cursor{Seq: 15, Epoch: "unknown0"}, strings.Replace(resetOf12, `:12}`, `:0}`, 1), 1},
	} {
		t.Run(tc.url, func(t *testing.T) {
			h := start(t, gone(t))
			s := connect(t, h, newPeer(), "room=")
			wantAnswer := func(method, arg string) {
				t.Helper()
				got, err := invoke(t, s, method, `"a"`, arg)
				member := `"epoch":"bbbbbbbbbbbbbbbb"`
				if tc.reset != "" {
					member += `,"reset":` + tc.reset
				}
				if err != nil || !strings.HasSuffix(got, member+"}") {
					t.Errorf("%s(%s): %s, %v, want it to end with %s", method, arg, got, err, member)
				}
				if want := fmt.Sprintf(`"seq":%d,`, tc.first); method == getMessagesSince {
					if _, rest, _ := strings.Cut(got, `"seq":`); !strings.HasPrefix(`"seq":`+rest, want) {
						t.Errorf("%s(%s) begins with %.10s, want %s", method, arg, rest, want)
					}
				}
			}
			wantAnswer(joinRoom, tc.object)
			wantAnswer(getMessagesSince, tc.object)
			for enc, told := range map[encoding]string{
				signalrJSON:        `{"type":1,"target":"Reset","arguments":[` + tc.reset + "]}\x1e",
				signalrMessagePack: "\xa5Reset",
				eventStream:        fmt.Sprintf("id: %d;bbbbbbbbbbbbbbbb\nevent: reset\ndata: %s\n\n", tc.first-1, tc.reset),
			} {
				p := newPeer()
				s, err := h.connect(anyone(t.Context()), p, enc, queryOf(t, "room=a&"+tc.url))
				if err != nil {
					t.Fatal(err)
				}
				wantTold(t, p, tc.reset != "", told)
				p.end()
				s.Close()
			}
			wantStream(t, h, tc.cursor, tc.first, tc.reset)
		})
	}
}

// wantTold waits until a peer has all messages, and checks that a reset, if there is one, comes before them.
func wantTold(t *testing.T, p *peer, reset bool, told string) {
	t.Helper()
	if err := p.until(t.Context(), func() bool { return bytes.Contains(p.got, []byte("message 20")) }); err != nil {
		t.Fatal(err)
	}
	got := p.text()
	switch at := strings.Index(got, told); {
	case !reset && strings.Contains(got, `eset`):
		t.Errorf("a reset came: %.200q", got)
	case reset && (at < 0 || strings.Contains(got[:at], "message")):
		t.Errorf("got %.300q, want first %q", got, told)
	}
}

// wantStream checks the beginning of an event stream.
func wantStream(t *testing.T, h *Hub, cursor chat.Cursor, first int64, reset string) {
	t.Helper()
	ctx, cancel := context.WithCancel(anyone(t.Context()))
	w := newWire(t)
	ended := make(chan error, 1)
	cursor.Room = "a"
	go func() { ended <- h.Follow(ctx, cursor, w) }()
	want := ":\n"
	if reset != "" {
		want += fmt.Sprintf("id: %d;bbbbbbbbbbbbbbbb\nevent: reset\ndata: %s\n\n", first-1, reset)
	}
	want += fmt.Sprintf("id: %d;bbbbbbbbbbbbbbbb\nevent: message\ndata: {", first)
	var got []byte
	for buf := make([]byte, 4<<10); len(got) < len(want); {
		n, err := w.peer.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, buf[:n]...)
	}
	if !strings.HasPrefix(string(got), want) {
		t.Errorf("the stream begins with %.300q, want %q", got, want)
	}
	cancel()
	w.peer.Close()
	<-ended
}

// A number of the present epoch that is beyond the end is the same error at every door.
func TestHub_CursorBeyondTheEnd(t *testing.T) {
	h := start(t, gone(t))
	s := connect(t, h, newPeer(), "room=")
	const text = "must be from 0 to the number of the newest message, 20, is 21"
	for _, tc := range []struct {
		field string
		call  func() error
	}{
		{"after", func() error { _, err := invoke(t, s, joinRoom, `"a"`, `21`); return err }},
		{"after", func() error {
			_, err := invoke(t, s, joinRoom, `"a"`, `{"after":21,"epoch":"bbbbbbbbbbbbbbbb"}`)
			return err
		}},
		{"seq", func() error { _, err := invoke(t, s, getMessagesSince, `"a"`, `21`); return err }},
		{"after", func() error { _, err := invoke(t, s, getMessagesSince, `"a"`, `{"after":21}`); return err }},
		{"after", func() error {
			_, err := h.connect(anyone(t.Context()), newPeer(), signalrJSON, queryOf(t, "room=a&after=21"))
			return hubError(err)
		}},
		{"after", func() error { return hubError(h.Follow(anyone(t.Context()), at("a", 21), noStream{})) }},
	} {
		if err := tc.call(); err == nil || err.Error() != "invalid: "+tc.field+": "+text {
			t.Errorf("got %v, want invalid: %s: %s", err, tc.field, text)
		}
	}
}

// The answer to JoinRoom, with its reset, comes before the messages that follow it.
func TestSession_JoinRoomAnswersBeforeTheMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := gone(t)
		h, stop := running(t, log)
		p := newPeer()
		s := connect(t, h, p, "room=")
		for _, level := range []bool{false, true} {
			args := []json.RawMessage{json.RawMessage(`"a"`), json.RawMessage(`{"after":15,"epoch":"aaaaaaaaaaaaaaaa"}`)}
			before := len(p.text())
			if _, err := s.Invoke(anyone(t.Context()), signalr.Invocation{Target: joinRoom, Args: args}); err != nil {
				t.Fatal(err)
			}
			if level {
				h.Deliver(inEpoch(secondEpoch, log.append("a", 1)))
			}
			<-time.After(time.Minute)
			if got := p.text()[before:]; got != "" {
				t.Errorf("%.100q was written before the answer", got)
			}
			s.Answered(anyone(t.Context()))
			<-time.After(time.Second)
			if got := p.text()[before:]; !strings.HasPrefix(got, "id: 13;") {
				t.Errorf("the messages begin with %.100q, want 13", got)
			}
		}
		p.end()
		s.Close()
		stop()
	})
}
