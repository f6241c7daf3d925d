package hub

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/journey"
)

// cy is a client with a token for some rooms.
func cy(rooms ...string) *auth.Client { return &auth.Client{ID: "cy", Rooms: rooms, Publish: true} }

// connectAs opens a connection of a client until the test ends, and returns the context of its calls.
func connectAs(t *testing.T, h *Hub, p *peer, client *auth.Client, hubURL string) (*session, context.Context) {
	t.Helper()
	ctx := auth.With(t.Context(), client)
	s, err := h.connect(ctx, p, eventStream, queryOf(t, hubURL))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.end(); s.Close() })
	return s, ctx
}

// renew has the session take over the rights of a newer token, and returns the context of its later calls.
func renew(t *testing.T, s *session, client *auth.Client) context.Context {
	t.Helper()
	ctx := auth.With(t.Context(), client)
	s.Renewed(ctx)
	return ctx
}

const forbiddenRoom = "forbidden: room: the token is not for this room"

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

func TestSession_NarrowerRightsEndReaders(t *testing.T) {
	log := &history{}
	h := start(t, log)
	h.accept = auth.CheckSender(&journey.Accept{Broker: publisherFunc(func(context.Context, chat.Message) error { return nil })})
	p := newPeer()
	s, _ := connectAs(t, h, p, cy("a", "b"), "room=a&room=b")
	h.Deliver(log.append("a", 1))
	p.waitSeq(t, 1)

	ctx := renew(t, s, cy("b"))
	if h.Listens("a") || !h.Listens("b") {
		t.Errorf("listens to a: %v, to b: %v", h.Listens("a"), h.Listens("b"))
	}
	h.Deliver(log.append("a", 5))
	h.Deliver(log.append("b", 2))
	p.waitSeq(t, 2)
	if got := p.text(); strings.Count(got, `"room":"a"`) != 1 || strings.Count(got, `"room":"b"`) != 2 {
		t.Errorf("the client got %s", got)
	}
	_, err := invokeAs(ctx, t, s, joinRoom, `"a"`, `0`)
	wantError(t, "JoinRoom", err, forbiddenRoom)
	_, err = invokeAs(ctx, t, s, getMessagesSince, `"a"`, `0`)
	wantError(t, "GetMessagesSince", err, forbiddenRoom)
	_, err = invokeAs(ctx, t, s, sendMessage, `"a"`, `"hi"`)
	wantError(t, "SendMessage", err, forbiddenRoom)
	if _, err = invokeAs(ctx, t, s, sendMessage, `"b"`, `"hi"`); err != nil {
		t.Error("SendMessage to a room that is still allowed:", err)
	}

	ctx = renew(t, s, &auth.Client{ID: "cy", Rooms: auth.Rooms{"b"}})
	_, err = invokeAs(ctx, t, s, sendMessage, `"b"`, `"hi"`)
	wantError(t, "SendMessage with a token for reading", err, "forbidden: the token is for reading only")

	ctx = renew(t, s, cy("*"))
	if _, err := invokeAs(ctx, t, s, joinRoom, `"a"`, `1`); err != nil {
		t.Error("JoinRoom of a room that is allowed now:", err)
	}
	p.waitSeq(t, 6)
}

// A request without a client cannot be, and would give no rights.
func TestSession_NoClientNoRights(t *testing.T) {
	h := start(t, &history{})
	s, _ := connectAs(t, h, newPeer(), cy("a"), "room=a")
	s.Renewed(t.Context())
	if h.Listens("a") {
		t.Error("reads on without a client")
	}
}

// held is a store whose reads wait.
type held struct {
	*history
	entered chan struct{} // a read has begun
	release chan struct{} // closed: reads go on
}

func newHeld() *held {
	return &held{history: &history{}, entered: make(chan struct{}, 100), release: make(chan struct{})}
}

func (h *held) wait() {
	h.entered <- struct{}{}
	<-h.release
}

func (h *held) Room(ctx context.Context, name string) (chat.Room, error) {
	if name == "slow" {
		h.wait()
	}
	return h.history.Room(ctx, name)
}

func (h *held) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	messages, err := h.history.Page(ctx, room, seq)
	h.wait()
	return messages, err
}

func TestSession_JoinInProgressWithOldRights(t *testing.T) {
	for name, tc := range map[string]struct {
		rooms []string
		want  string
	}{
		"not allowed any more": {[]string{"other"}, forbiddenRoom},
		"still allowed":        {[]string{"sl*"}, ""},
	} {
		for _, method := range []string{joinRoom, getMessagesSince} {
			t.Run(name+" by "+method, func(t *testing.T) {
				log := newHeld()
				log.append("slow", 3)
				h := start(t, log)
				s, ctx := connectAs(t, h, newPeer(), cy("slow"), "room=")
				answer := make(chan error, 1)
				go func() {
					_, err := invokeAs(ctx, t, s, method, `"slow"`, `3`)
					answer <- err
				}()
				<-log.entered
				renew(t, s, cy(tc.rooms...))
				close(log.release)
				err := <-answer
				if tc.want != "" {
					wantError(t, "the call", err, tc.want)
				} else if err != nil {
					t.Error(err)
				}
				if reads := tc.want == "" && method == joinRoom; h.Listens("slow") != reads {
					t.Errorf("the room has a reader: %v", !reads)
				}
			})
		}
	}
}

func TestConn_CatchUpInProgressWritesNothingThatIsForbidden(t *testing.T) {
	log := newHeld()
	log.append("a", 300)
	h := start(t, log)
	p := newPeer()
	s, _ := connectAs(t, h, p, cy("a", "b"), "room=a&after=0&room=b")
	<-log.entered
	renew(t, s, cy("b"))
	close(log.release)
	h.Deliver(log.append("b", 1)) // the pump writes it when the connection is level again
	p.waitSeq(t, 1)
	if got := p.text(); strings.Contains(got, `"room":"a"`) {
		t.Errorf("the client got %.200s", got)
	}
}

// Whatever runs meanwhile, nothing of a room is written once Renewed has returned without the right to it.
func TestSession_RightsChangeUnderLoad(t *testing.T) {
	log := &history{}
	log.append("a", 200)
	h := start(t, log)
	p := newPeer()
	s, _ := connectAs(t, h, p, cy("a", "b"), "room=b")
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		pace := time.NewTicker(100 * time.Microsecond)
		defer pace.Stop()
		for ctx.Err() == nil {
			h.Deliver(log.append("a", 1))
			h.Deliver(log.append("b", 1))
			<-pace.C
		}
	})
	running.Go(func() { // calls come one at a time, each with the rights of its moment
		for ctx.Err() == nil {
			_, _ = invokeAs(auth.With(t.Context(), cy("a", "b")), t, s, joinRoom, `"a"`)
		}
	})
	for range 50 {
		before := p.heard("a")
		if err := p.until(ctx, func() bool { return bytes.Count(p.got, []byte(`"room":"a"`)) > before }); err != nil {
			t.Fatal(err)
		}
		renew(t, s, cy("b"))
		before = p.heard("a")
		others := p.heard("b")
		if err := p.until(ctx, func() bool { return bytes.Count(p.got, []byte(`"room":"b"`)) > others+2 }); err != nil {
			t.Fatal(err)
		}
		if after := p.heard("a"); after != before {
			t.Fatalf("%d messages of a room that is not allowed any more", after-before)
		}
		renew(t, s, cy("a", "b"))
	}
}

// heard returns how many messages of a room the peer has.
func (p *peer) heard(room string) int { return strings.Count(p.text(), `"room":"`+room+`"`) }
