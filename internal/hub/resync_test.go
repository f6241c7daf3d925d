package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
)

// hooked is a store whose answers about rooms a function of the test may change.
type hooked struct {
	*history
	mu    sync.Mutex
	asked int
	hook  func(chat.Room) (chat.Room, error)
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

func (h *hooked) set(hook func(chat.Room) (chat.Room, error)) (asked int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hook = hook
	return h.asked
}

// running runs a hub over log in a bubble until stop is called.
func running(t *testing.T, log History) (h *Hub, stop func()) {
	t.Helper()
	h = New(Config{TailBytes: 4 << 10}, logsOf(log), nil)
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
	c := h.newConn(p, eventStream)
	if _, err := c.follow(anyone(t.Context()), room, seq); err != nil {
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

func TestHub_ResyncIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		log.append("a", 1)
		h, stop := running(t, log)
		_, c := follow(t, h, "a", 0)
		entered, release := make(chan struct{}, 10), make(chan struct{})
		before := log.set(func(room chat.Room) (chat.Room, error) {
			entered <- struct{}{}
			<-release
			return room, nil
		})
		h.Resync()
		<-entered
		for range 100 {
			h.Resync() // while the first one runs, so that one more is due
		}
		close(release)
		synctest.Wait()
		if asked := log.set(nil) - before; asked != 2 {
			t.Errorf("the store was asked %d times, want 2", asked)
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
		before := log.set(func(chat.Room) (chat.Room, error) { return chat.Room{}, errors.New("the store is down") })
		h.Resync()
		<-time.After(time.Minute)
		synctest.Wait()
		if asked := log.set(nil) - before; asked < 4*12 || asked > 4*40 {
			t.Errorf("the store was asked %d times in a minute, want a few at once, with pauses of up to 5 s", asked)
		}
		<-time.After(8 * time.Second)
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
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		h, stop := running(t, log)
		_, c := follow(t, h, "a", 0)
		log.set(func(chat.Room) (chat.Room, error) { return chat.Room{}, errors.New("the store is down") })
		h.Resync()
		<-time.After(time.Minute)
		c.close()
		stop()
	})
}

// However many rooms the store cannot read, the hub compares the others.
func TestHub_ResyncSkipsBadRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hooked{history: &history{}}
		h, stop := running(t, log)
		var conns []*conn
		for i := range 3 * concurrentCompare {
			_, c := follow(t, h, fmt.Sprint("bad", i), 0)
			conns = append(conns, c)
		}
		p, c := follow(t, h, "good", 0)
		conns = append(conns, c)
		log.append("good", 2)
		log.set(func(room chat.Room) (chat.Room, error) {
			if room.Name != "good" {
				return room, errors.New("corrupt")
			}
			return room, nil
		})
		h.Resync()
		<-time.After(5 * time.Second)
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(1, 2))

		// Another one compares all rooms, the good one too, although the bad ones still fail.
		log.append("good", 2)
		h.Resync()
		<-time.After(5 * time.Second)
		synctest.Wait()
		wantSeqs(t, p.seqs(), upTo(1, 4))
		for _, c := range conns {
			c.close()
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
		log.set(func(room chat.Room) (chat.Room, error) { // asked first to resolve the cursor
			log.set(opens)
			return room, nil
		})
		p := newPeer()
		c := h.newConn(p, eventStream)
		opening := make(chan error, 1)
		go func() {
			_, err := c.follow(anyone(t.Context()), "a", 1)
			opening <- err
		}()
		<-answered
		log.append("a", 2) // without an announcement
		h.Resync()
		synctest.Wait()
		close(release)
		if err := <-opening; err != nil {
			t.Fatalf("follow: %v", err)
		}
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
	if want := `{"last_seq":25,"oldest_seq":1}`; err != nil || got != want {
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
	if got, err := invoke(t, s, joinRoom, `"a"`); err != nil || got != `{"last_seq":3,"oldest_seq":1}` {
		t.Fatalf("JoinRoom: %s, %v", got, err)
	}
	p.waitSeq(t, 5)
	wantSeqs(t, p.seqs(), upTo(4, 5))
}

// The broker is away again and again, for random times: then no announcement arrives, and a Resync follows. The very last
// messages are never announced. Readers that stay, those that come and go, and those that join from now on must each get
// every number once, in order.
func TestHub_RandomOutages(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { randomOutages(t, seed) })
	}
}

func randomOutages(t *testing.T, seed uint64) {
	log := &history{}
	log.append("a", int(seed)*70)
	h := start(t, log)
	var writing, reading sync.WaitGroup
	stays := newPeer()
	join(t, h, stays, 0)
	writing.Go(func() { writeThroughOutages(rand.New(rand.NewPCG(seed, 0)), h, log) })
	for i := range 12 {
		reading.Go(func() {
			r := &wanderer{t: t, hub: h, rnd: rand.New(rand.NewPCG(seed, uint64(i)+1))}
			r.wander(log, &writing)
		})
		reading.Go(func() { joinFromNow(t, h, log, &writing) })
	}
	reading.Wait()
	room, _ := log.Room(t.Context(), "a")
	stays.waitSeq(t, room.LastSeq)
	wantSeqs(t, stays.seqs(), upTo(1, room.LastSeq))
}

func writeThroughOutages(rnd *rand.Rand, h *Hub, log *history) {
	const total = 1500
	away := false
	for n := 0; n < total; {
		batch := log.append("a", 1+rnd.IntN(8))
		n += len(batch)
		if !away {
			h.Deliver(batch)
		}
		if rnd.IntN(25) == 0 {
			if away = !away; !away {
				h.Resync()
			}
		}
	}
	log.append("a", 3)
	h.Resync()
}

// joinFromNow joins as JoinRoom does, and must get everything after the last_seq of the answer.
func joinFromNow(t *testing.T, h *Hub, log *history, writing *sync.WaitGroup) {
	for range 10 {
		p := newPeer()
		c := h.newConn(p, eventStream)
		known, err := c.follow(anyone(t.Context()), "a", Now)
		if err != nil {
			t.Errorf("join: %v", err)
		}
		writing.Wait()
		room, _ := log.Room(t.Context(), "a")
		if known.LastSeq < room.LastSeq {
			if err := p.awaitSeq(t.Context(), room.LastSeq); err != nil {
				t.Errorf("waiting for message %d: %v", room.LastSeq, err)
			}
		}
		p.end()
		c.close()
		if got, want := p.seqs(), upTo(known.LastSeq+1, room.LastSeq); !slices.Equal(got, want) {
			t.Errorf("from now, after %d: got %v, want to %d", known.LastSeq, got, room.LastSeq)
		}
	}
}
