package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/signalr"
)

// secondEpoch and thirdEpoch are those of a store that has gone back once and twice.
var (
	secondEpoch = chat.Epoch{Store: "5a1e", ID: "bbbbbbbbbbbbbbbb"}
	thirdEpoch  = chat.Epoch{Store: "5a1e", ID: "cccccccccccccccc"}
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
		{`15`, "after=15&rev=3&epoch=", chat.Cursor{Seq: 15}, "", 16},
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
	want := ":\n\n"
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

// Enter ends what there is: nothing of the old epoch is written after it has returned. Who comes again is in the new one.
func TestHub_EnterEndsTheOldEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 300)
		h, stop := running(t, log)
		level, _ := follow(t, h, "a", 300)
		slow, _ := follow(t, h, "a", 300)
		slow.stall(true)
		for range 2 { // the first waits for the peer, the other is in the tail
			h.Deliver(log.append("a", 20))
			synctest.Wait()
		}
		h.Enter(firstEpoch) // it is in that one
		<-time.After(time.Second)
		if level.wasRenewed() || slow.wasRenewed() {
			t.Fatal("connections ended although the epoch is the same")
		}
		before := len(level.text()) + len(slow.text()) + len(slow.pending)
		log.goBack("a", 310, secondEpoch)
		h.Enter(secondEpoch)
		slow.stall(false)
		h.Deliver([]chat.Message{message("a", 341, "a ghost")})
		<-time.After(time.Second)
		if len(level.text())+len(slow.text()) != before {
			t.Error("something was written after the epoch had ended")
		}
		if !level.wasRenewed() || !slow.wasRenewed() {
			t.Error("connections were not asked to connect again")
		}
		again, c := follow(t, h, "a", 305)
		h.Deliver(inEpoch(secondEpoch, log.append("a", 2)))
		synctest.Wait()
		got := again.text()
		if want := "id: 306;bbbbbbbbbbbbbbbb\n"; !strings.HasPrefix(got, want) ||
			!strings.Contains(got, "id: 312;bbbbbbbbbbbbbbbb\n") || strings.Contains(got, "ghost") {
			t.Errorf("the new epoch begins with %.100q, want %q", got, want)
		}
		c.close()
		if n := len(h.rooms); n != 0 {
			t.Errorf("%d rooms are open without readers", n)
		}
		stop()
	})
}

func inEpoch(e chat.Epoch, messages []chat.Message) []chat.Message {
	stored := make([]chat.Message, len(messages))
	for i, m := range messages {
		m.Epoch = e.ID
		stored[i] = m
	}
	return stored
}

// The store tells the hub of its epoch a little later than readers find it. A join waits for that; without it, it is refused.
func TestHub_JoinWhileTheEpochChanges(t *testing.T) {
	for name, enters := range map[string]bool{"and ends": true, "and does not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &history{}
				log.append("a", 20)
				h, stop := running(t, log)
				stays, sc := follow(t, h, "a", 20)
				log.goBack("a", 10, secondEpoch)
				joined := make(chan error, 1)
				c := h.newConn(newPeer(), eventStream)
				go func() {
					at, err := c.join(anyone(t.Context()), at("a", 5))
					if err == nil && (at.Epoch != secondEpoch || at.LastSeq != 10) {
						err = fmt.Errorf("joined %+v", at.Room)
					}
					joined <- err
				}()
				if enters {
					<-time.After(50 * time.Millisecond)
					h.Enter(secondEpoch)
				}
				if err := <-joined; enters && err != nil || !enters && errs.CodeOf(err) != errs.Unavailable {
					t.Errorf("the join: %v", err)
				}
				<-time.After(time.Second)
				if renewed, got := stays.wasRenewed(), stays.text(); renewed != enters || got != "" {
					t.Errorf("the reader of the old epoch was renewed: %v, got %q", renewed, got)
				}
				sc.close()
				c.close()
				stop()
			})
		})
	}
}

// A connection that joins when the epoch ends is asked to connect again and gets nothing. Readers of the new epoch stay as they
// are when it leaves.
func TestHub_JoinInProgressWhenTheEpochEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		log.append("a", 20)
		h, stop := running(t, log)
		asked, release := make(chan struct{}), make(chan struct{})
		log.set(func(room chat.Room) (chat.Room, error) {
			log.set(nil)
			close(asked)
			<-release
			return room, nil
		})
		joined := make(chan error, 1)
		late := newPeer()
		slow := h.newConn(late, eventStream)
		go func() {
			_, err := slow.follow(anyone(t.Context()), at("a", 5))
			joined <- err
		}()
		<-asked
		log.goBack("a", 10, secondEpoch)
		h.Enter(secondEpoch)
		p, c := follow(t, h, "a", 10)
		close(release)
		if err := <-joined; err != nil {
			t.Errorf("join: %v", err)
		}
		<-time.After(time.Second)
		if got := late.text(); got != "" || !late.wasRenewed() {
			t.Errorf("renewed: %v, got %q", late.wasRenewed(), got)
		}
		slow.close()
		h.Deliver(inEpoch(secondEpoch, log.append("a", 1)))
		synctest.Wait()
		if got := p.text(); !strings.HasPrefix(got, "id: 11;bbbbbbbbbbbbbbbb\n") {
			t.Errorf("the reader got %q", got)
		}
		c.close()
		stop()
	})
}

// A store that has grown past its loss gives other messages the numbers that a reader waits for. The reader does not get them before
// it has come back with its cursor.
func TestHub_PagesOfTheNextEpochAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 20)
		h, stop := running(t, log)
		p, c := follow(t, h, "a", 20)
		log.goBack("a", 10, secondEpoch)
		log.append("a", 15) // without an announcement
		h.Resync()
		<-time.After(10 * time.Second)
		if got := p.text(); got != "" {
			t.Errorf("got %q", got)
		}
		h.Enter(secondEpoch)
		<-time.After(time.Second)
		if !p.wasRenewed() {
			t.Error("the reader was not asked to connect again")
		}
		c.close()
		stop()
	})
}

// Joins, moves and leaves go on while the store changes its epoch again and again. No connection gets messages of two epochs, or
// of another one than the answer to its join names.
func TestHub_JoinsAndEpochsAtRandom(t *testing.T) {
	log := &history{}
	log.append("a", 200)
	h := start(t, log)
	var over atomic.Bool
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for !over.Load() {
				joinOnce(t, h)
			}
		})
	}
	for i := range 200 {
		e := chat.Epoch{Store: "5a1e", ID: fmt.Sprintf("e%015d", i)}
		log.goBack("a", 200, e)
		h.Enter(e)
		for range 5 {
			h.Deliver(inEpoch(e, log.append("a", 3)))
		}
	}
	over.Store(true)
	running.Wait()
}

func joinOnce(t *testing.T, h *Hub) {
	p := newPeer()
	c := h.newConn(p, eventStream)
	defer c.close()
	defer p.end()
	at, err := c.follow(anyone(t.Context()), at("a", 100))
	if err != nil {
		if errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("join: %v", err)
		}
		return
	}
	_ = p.until(t.Context(), func() bool { return p.renewed || bytes.Contains(p.got, []byte("id: 215")) })
	p.mu.Lock()
	defer p.mu.Unlock()
	for line := range bytes.Lines(p.got) {
		if id, ok := bytes.CutPrefix(line, []byte("id: ")); ok && at.Epoch.ID != firstEpoch.ID {
			if _, of, _ := strings.Cut(strings.TrimSpace(string(id)), ";"); of != at.Epoch.ID {
				t.Errorf("joined in %s, got event %s", at.Epoch.ID, id)
			}
		}
	}
}

// A message of another epoch is not delivered: the hub drops what it has, asks the store to look, and compares.
func TestHub_MessageOfAnotherEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		log := &history{}
		h, stop := runningWith(t, Config{Look: func() { asked++ }}, log)
		p, c := follow(t, h, "a", 0)
		h.Deliver(inEpoch(firstEpoch, log.append("a", 3)))
		h.Deliver(log.append("a", 1)) // of an earlier version, which names no epoch
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(1, 4))
		if asked != 0 {
			t.Errorf("the store was asked %d times", asked)
		}
		h.Deliver(inEpoch(thirdEpoch, []chat.Message{message("a", 5, "a ghost")}))
		if s := h.rooms["a"].tail.Load().segs[eventStream]; asked != 1 || len(s) != 0 {
			t.Errorf("the store was asked %d times, %d segments are kept", asked, len(s))
		}
		log.append("a", 1)
		<-time.After(3 * time.Second)
		wantSeqs(t, p.seqs(), upTo(1, 5))
		if strings.Contains(p.text(), "ghost") {
			t.Error("the message of another epoch was delivered")
		}
		if n := testutil.ToFloat64(h.metrics.doubts.WithLabelValues(doubtAnnouncement)); n != 1 {
			t.Errorf("%v doubts counted, want 1", n)
		}
		c.close()
		stop()
	})
}

// Clients of an epoch that is over come back spread over a second a thousand.
func TestHub_EnterRenewsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const conns = 2000
		log := &history{}
		h, stop := running(t, log)
		peers := make([]*peer, conns)
		for i := range peers {
			var c *conn
			peers[i], c = follow(t, h, "a", 0)
			defer c.close()
		}
		h.Enter(secondEpoch)
		renewed := func() (n int) {
			for _, p := range peers {
				if p.wasRenewed() {
					n++
				}
			}
			return n
		}
		<-time.After(time.Second)
		if n := renewed(); n < conns/3 || n > conns*2/3 {
			t.Errorf("%d of %d were asked to come back within a second, want half of them", n, conns)
		}
		<-time.After(time.Second + 10*time.Millisecond)
		if n := renewed(); n != conns {
			t.Errorf("%d of %d were asked to come back within two seconds", n, conns)
		}
		stop()
	})
}

// Before the store has said in which epoch it is, nobody joins.
func TestHub_EpochIsNotKnownYet(t *testing.T) {
	log := &unknown{history: &history{}}
	h := start(t, log)
	c := h.newConn(newPeer(), eventStream)
	defer c.close()
	if _, err := c.join(anyone(t.Context()), at("a", Now)); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("join: %v", err)
	}
	h.Deliver(inEpoch(secondEpoch, []chat.Message{message("a", 1, "hi")}))
	h.Enter(firstEpoch)
	if _, err := c.join(anyone(t.Context()), at("a", Now)); err != nil {
		t.Errorf("join: %v", err)
	}
	if n := testutil.ToFloat64(h.metrics.doubts.WithLabelValues(doubtAnnouncement)); n != 0 {
		t.Errorf("%v doubts before the epoch is known", n)
	}
}

// unknown is a store that does not know its epoch.
type unknown struct{ *history }

func (unknown) Epoch() (chat.Epoch, error) {
	return chat.Epoch{}, &errs.Error{Code: errs.Unavailable, Msg: "the store was not reached yet"}
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
