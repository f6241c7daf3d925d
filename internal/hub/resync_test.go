package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
)

// hooked is a store whose answers functions of the test may change.
type hooked struct {
	*history
	mu       sync.Mutex
	asked    int // calls of Room
	hook     func(chat.Room) (chat.Room, error)
	compared int // calls of LastSeqs
	compare  func(last []int64) ([]int64, error)
}

func (h *hooked) Room(ctx context.Context, name string) (chat.Room, error) {
	room, err := h.history.Room(ctx, name)
	h.mu.Lock()
	hook := h.hook
	h.asked++
	h.mu.Unlock()
	if hook == nil || err != nil {
		return room, err
	}
	return hook(room)
}

func (h *hooked) LastSeqs(ctx context.Context, rooms []string) ([]int64, error) {
	last, err := h.history.LastSeqs(ctx, rooms)
	h.mu.Lock()
	compare := h.compare
	h.compared++
	h.mu.Unlock()
	if compare == nil || err != nil {
		return last, err
	}
	return compare(last)
}

// set changes what Room answers, and returns how often it was called.
func (h *hooked) set(hook func(chat.Room) (chat.Room, error)) (asked int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hook = hook
	return h.asked
}

// setCompare changes what LastSeqs answers, and returns how often it was called since the last change.
func (h *hooked) setCompare(compare func([]int64) ([]int64, error)) (compared int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	compared, h.compared, h.compare = h.compared, 0, compare
	return compared
}

func isDown([]int64) ([]int64, error) { return nil, errors.New("the store is down") }

// running runs a hub over log in a bubble until stop is called.
func running(t *testing.T, log SharedHistory) (h *Hub, stop func()) {
	t.Helper()
	return runningWith(t, Config{TailBytes: 4 << 10}, log)
}

func runningWith(t *testing.T, cfg Config, log SharedHistory) (h *Hub, stop func()) {
	t.Helper()
	h = New(cfg, logsOf(log), nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Run(ctx)
	}()
	return h, func() {
		cancel()
		<-done
	}
}

// follow reads a room after seq.
func follow(t *testing.T, h *Hub, room string, seq int64) (*peer, *conn) {
	t.Helper()
	p := newPeer()
	c := h.newConn(t.Context(), p, eventStream)
	if _, err := c.follow(anyone(t.Context()), at(room, seq)); err != nil {
		t.Fatalf("follow %s: %v", room, err)
	}
	return p, c
}

func TestHub_ResyncWakesRoomsThatAreBehind(t *testing.T) {
	log := &history{}
	h := start(t, log)
	p := newPeer()
	join(t, h, p, 0)
	h.Deliver(log.append("a", 3))
	log.append("a", 300) // without an announcement
	h.Resync()
	p.waitSeq(t, 303)
	h.Deliver(log.append("a", 1))
	p.waitSeq(t, 304)
	wantSeqs(t, p.seqs(), upTo(1, 304))
	if n := testutil.ToFloat64(h.metrics.roomsBehind); n != 1 {
		t.Errorf("%v rooms were behind, want 1", n)
	}
}

// Whatever asks for comparisons, and however often, the store is asked once a second at most.
func TestHub_ResyncIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		log.append("a", 1)
		h, stop := running(t, log)
		_, c := follow(t, h, "a", 0)
		for range 10_000 {
			h.Resync()
			<-time.After(time.Millisecond)
		}
		if asked := log.setCompare(nil); asked < 9 || asked > 11 {
			t.Errorf("the store was asked %d times in 10 s, want once a second", asked)
		}
		<-time.After(time.Minute)
		if asked := log.setCompare(nil); asked > 1 {
			t.Errorf("the store was asked %d times although nothing asked", asked)
		}
		c.close()
		stop()
	})
}

func TestHub_ResyncWaitsForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rooms = 100
		log := &hooked{history: &history{}}
		h, stop := running(t, log)
		var peers []*peer
		var conns []*conn
		for i := range rooms {
			room := fmt.Sprint("room", i)
			log.append(room, 1)
			p, c := follow(t, h, room, 1)
			log.append(room, 2) // without an announcement
			peers, conns = append(peers, p), append(conns, c)
		}
		log.setCompare(isDown)
		h.Resync()
		<-time.After(time.Minute)
		synctest.Wait()
		if asked := log.setCompare(nil); asked < 10 || asked > 30 {
			t.Errorf("the store was asked %d times in a minute, want it with pauses that grow from 1 to 5 s", asked)
		}
		<-time.After(9 * time.Second)
		synctest.Wait()
		for i, p := range peers {
			if got := p.seqs(); !slices.Equal(got, upTo(2, 3)) {
				t.Fatalf("room %d: got %v, want 2 and 3", i, got)
			}
			conns[i].close()
		}
		stop()
	})
}

func TestHub_ResyncEndsWithRun(t *testing.T) {
	for name, failing := range map[string]bool{"while the store fails": true, "between two looks": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &hooked{history: &history{}}
				h, stop := running(t, log)
				_, c := follow(t, h, "a", 0)
				log.append("a", 1)
				if failing {
					log.setCompare(isDown)
				}
				h.Resync()
				<-time.After(500 * time.Millisecond)
				c.close()
				began := time.Now()
				stop()
				if took := time.Since(began); took > 0 {
					t.Errorf("the end took %v", took)
				}
			})
		})
	}
}

// A room whose announcement is on its way when the store is asked keeps its tail: its readers do not read the store.
func TestHub_ResyncLooksAgainBeforeItGivesUpATail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 3)
		h, stop := running(t, log)
		p, c := follow(t, h, "a", 3)
		for range 5 {
			late := log.append("a", 1)
			h.Resync()
			<-time.After(900 * time.Millisecond)
			h.Deliver(late)
			<-time.After(2 * time.Second)
		}
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(4, 8))
		if log.reads > 0 || testutil.ToFloat64(h.metrics.roomsBehind) > 0 {
			t.Errorf("%d pages read, %v rooms behind, want none", log.reads, testutil.ToFloat64(h.metrics.roomsBehind))
		}

		// The next announcement is lost, and the one after it comes between the two looks.
		log.append("a", 1)
		h.Resync()
		<-time.After(900 * time.Millisecond)
		h.Deliver(log.append("a", 1))
		<-time.After(200 * time.Millisecond)
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(4, 10))

		log.append("a", 1) // is lost for good
		h.Resync()
		<-time.After(900 * time.Millisecond)
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(4, 10))
		<-time.After(1200 * time.Millisecond)
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(4, 11))
		if n := testutil.ToFloat64(h.metrics.roomsBehind); n != 1 {
			t.Errorf("%v rooms were behind, want 1", n)
		}
		c.close()
		stop()
	})
}

// A hub on many machines finds what it was not told of by itself, in time, and says so when it happens again.
func TestHub_ComparesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		h, stop := runningWith(t, Config{CompareEvery: 2 * time.Second}, log)
		p, c := follow(t, h, "a", 0)
		for n := int64(1); n <= 20; n++ {
			<-time.After(1300 * time.Millisecond)
			log.append("a", 1) // without an announcement
			<-time.After(4 * time.Second)
			synctest.Wait()
			if got := p.seqs(); !slices.Equal(got, upTo(1, n)) {
				t.Fatalf("4 s after message %d: got %v", n, got)
			}
		}
		if n := testutil.ToFloat64(h.metrics.roomsUnheard); n != 19 {
			t.Errorf("%v unheard rooms, want all but the first of 20", n)
		}
		log.setCompare(nil)
		<-time.After(time.Minute)
		if asked := log.setCompare(nil); asked < 29 || asked > 31 {
			t.Errorf("the store was asked %d times in a minute, want every 2 s", asked)
		}
		log.setCompare(func(last []int64) ([]int64, error) {
			<-time.After(2 * time.Second)
			return last, nil
		})
		<-time.After(time.Minute)
		if asked := log.setCompare(nil); asked < 5 || asked > 8 {
			t.Errorf("a store that needs 2 s was asked %d times in a minute, want a fifth of the time", asked)
		}
		<-time.After(10 * time.Second)
		c.close()
		stop()
	})
}

// Without open rooms, and for rooms that are closed between two looks, nothing is done.
func TestHub_ResyncOfClosedRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		h, stop := running(t, log)
		h.Resync()
		<-time.After(5 * time.Second)
		if asked := log.setCompare(nil); asked > 0 {
			t.Errorf("the store was asked %d times about no room", asked)
		}
		_, c := follow(t, h, "a", 0)
		log.append("a", 2)
		h.Resync()
		<-time.After(500 * time.Millisecond)
		c.close()
		<-time.After(5 * time.Second)
		if n := testutil.ToFloat64(h.metrics.roomsBehind); n > 0 {
			t.Errorf("%v rooms were behind, want none: the room was closed", n)
		}
		if asked := log.setCompare(nil); asked != 1 {
			t.Errorf("the store was asked %d times, want once", asked)
		}
		stop()
	})
}

// A room that is being opened has asked the store before a message was stored, and the announcement of that is lost.
func TestHub_ResyncFindsARoomThatIsBeingOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		log.append("a", 1)
		h, stop := running(t, log)
		answered, release := make(chan struct{}), make(chan struct{})
		opens := func(room chat.Room) (chat.Room, error) {
			log.set(nil)
			close(answered)
			<-release
			return room, nil
		}
		log.set(opens)
		p := newPeer()
		c := h.newConn(t.Context(), p, eventStream)
		opening := make(chan error, 1)
		go func() {
			_, err := c.follow(anyone(t.Context()), at("a", 1))
			opening <- err
		}()
		<-answered
		log.append("a", 2) // without an announcement
		h.Resync()
		<-time.After(500 * time.Millisecond) // the hub has looked once
		close(release)
		if err := <-opening; err != nil {
			t.Fatalf("follow: %v", err)
		}
		<-time.After(time.Second)
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(2, 3))
		c.close()
		stop()
	})
}

// While announcements are lost, the tails of open rooms are behind the store. Joins use the store.
func TestSession_JoinRoomWhileAnnouncementsAreLost(t *testing.T) {
	s, p, _ := newSession(t) // 20 messages
	log, ok := s.hub.logs.Shared.(*history)
	if !ok {
		t.Fatal("the store is not in memory")
	}
	old := newPeer()
	join(t, s.hub, old, 20)
	log.append("a", 5) // without an announcement
	got, err := invoke(t, s, joinRoom, `"a"`)
	if want := `{"last_seq":25,"oldest_seq":1,"epoch":"aaaaaaaaaaaaaaaa"}`; err != nil || got != want {
		t.Fatalf("JoinRoom: %s, %v, want %s", got, err, want)
	}
	// Another client has a cursor. It gets the messages up to its last_seq without the broker.
	again := newPeer()
	if _, err := invoke(t, connect(t, s.hub, again, "room="), joinRoom, `"a"`, `22`); err != nil {
		t.Fatal(err)
	}
	again.waitSeq(t, 25)

	s.hub.Resync()
	old.waitSeq(t, 25)
	s.hub.Deliver(log.append("a", 2))
	p.waitSeq(t, 27)
	old.waitSeq(t, 27)
	again.waitSeq(t, 27)
	wantSeqs(t, p.seqs(), upTo(26, 27))
	wantSeqs(t, old.seqs(), upTo(21, 27))
	wantSeqs(t, again.seqs(), upTo(23, 27))
}

// A message that comes while a connection joins is either in the answer's last_seq or delivered.
func TestSession_JoinRoomFromNowHasNoHole(t *testing.T) {
	log := &hooked{history: &history{}}
	log.append("a", 3)
	h := start(t, log)
	join(t, h, newPeer(), 3) // the room is open
	p := newPeer()
	s := connect(t, h, p, "room=")
	log.set(func(room chat.Room) (chat.Room, error) {
		log.set(nil)
		h.Deliver(log.append("a", 2))
		return room, nil
	})
	if got, err := invoke(t, s, joinRoom, `"a"`); err != nil || got != `{"last_seq":3,"oldest_seq":1,"epoch":"aaaaaaaaaaaaaaaa"}` {
		t.Fatalf("JoinRoom: %s, %v", got, err)
	}
	p.waitSeq(t, 5)
	wantSeqs(t, p.seqs(), upTo(4, 5))
}
