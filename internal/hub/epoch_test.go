package hub

import (
	"bytes"
	"context"
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
)

// secondEpoch and thirdEpoch are those of a store that has gone back once and twice.
var (
	secondEpoch = chat.Epoch{Store: "5a1e", ID: "bbbbbbbbbbbbbbbb"}
	thirdEpoch  = chat.Epoch{Store: "5a1e", ID: "cccccccccccccccc"}
)

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
				c := h.newConn(t.Context(), newPeer(), eventStream)
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
		slow := h.newConn(t.Context(), late, eventStream)
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
	c := h.newConn(t.Context(), p, eventStream)
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
	c := h.newConn(t.Context(), newPeer(), eventStream)
	defer c.close()
	if _, err := c.join(anyone(t.Context()), at("a", Now)); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("join: %v", err)
	}
	h.Deliver(inEpoch(secondEpoch, []chat.Message{message("a", 1, "hi")}))
	h.Enter(firstEpoch)
	log.known = true
	if _, err := c.join(anyone(t.Context()), at("a", Now)); err != nil {
		t.Errorf("join: %v", err)
	}
	if n := testutil.ToFloat64(h.metrics.doubts.WithLabelValues(doubtAnnouncement)); n != 0 {
		t.Errorf("%v doubts before the epoch is known", n)
	}
}

// unknown is a store that does not know its epoch yet.
type unknown struct {
	*history
	known bool
}

func (u *unknown) Epoch() (chat.Epoch, error) {
	_, err := u.Room(context.Background(), chat.DefaultRoom)
	return firstEpoch, err
}

func (u *unknown) Room(ctx context.Context, name string) (chat.Room, error) {
	if !u.known {
		return chat.Room{}, &errs.Error{Code: errs.Unavailable, Msg: "the store was not reached yet"}
	}
	return u.history.Room(ctx, name)
}

// undecided is a store whose reads wait until its epoch is known, as those of a driver that has not looked at its database yet.
type undecided struct {
	*history
	known chan struct{}
}

func (s *undecided) Epoch() (chat.Epoch, error) {
	return chat.Epoch{}, &errs.Error{Code: errs.Unavailable, Msg: "it is being looked at"}
}

func (s *undecided) Room(ctx context.Context, name string) (chat.Room, error) {
	<-s.known
	return s.history.Room(ctx, name)
}

// A join waits for a store that still finds out which epoch it is in, as every other read does.
func TestHub_JoinWaitsUntilTheEpochIsKnown(t *testing.T) {
	log := &undecided{&history{}, make(chan struct{})}
	h := start(t, log)
	c := h.newConn(t.Context(), newPeer(), eventStream)
	defer c.close()
	joined := make(chan error, 1)
	go func() {
		_, err := c.join(anyone(t.Context()), at("a", Now))
		joined <- err
	}()
	select {
	case err := <-joined:
		t.Fatalf("join: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	close(log.known)
	if err := <-joined; err != nil {
		t.Errorf("join: %v", err)
	}
}
