package hub

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/chat"
	"restante/internal/turn"
)

// farStore is a slow store that counts how many reads it does at once.
type farStore struct {
	*history
	took time.Duration

	mu        sync.Mutex
	now, most int
}

// newFarStore returns an empty one. The bubble of t waits for the reads that no reader waits for.
func newFarStore(t *testing.T, took time.Duration) *farStore {
	t.Cleanup(func() { <-time.After(2 * took) })
	return &farStore{history: &history{}, took: took}
}

func (s *farStore) Room(ctx context.Context, name string) (chat.Room, error) {
	<-time.After(s.took / 10)
	return s.history.Room(ctx, name)
}

func (s *farStore) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	s.count(1)
	defer s.count(-1)
	messages, err := s.history.After(ctx, room, seq, limit)
	<-time.After(s.took)
	return messages, err
}

func (s *farStore) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	s.count(1)
	defer s.count(-1)
	messages, err := s.history.Page(ctx, room, seq)
	<-time.After(s.took)
	return messages, err
}

func (s *farStore) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
}

// mostReads returns how many reads there have been at once.
func (s *farStore) mostReads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

func TestPages_ReadsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("b", 5)
		h := startWith(t, Config{Turns: turn.New(turn.Config{Reads: 3})}, log)
		var peers []*peer
		for i := range 20 {
			log.append(fmt.Sprint("room", i), 5)
			p, c := follow(t, h, fmt.Sprint("room", i), 0)
			defer c.close()
			peers = append(peers, p)
		}
		var calls sync.WaitGroup
		for range 4 {
			s := connect(t, h, newPeer(), "room=")
			calls.Go(func() {
				if _, err := invoke(t, s, getMessagesSince, `"b"`, `0`); err != nil {
					t.Errorf("GetMessagesSince: %v", err)
				}
			})
		}
		synctest.Wait()
		calls.Wait()
		for _, p := range peers {
			p.waitSeq(t, 5)
		}
		if most := log.mostReads(); most != 3 {
			t.Errorf("%d reads at once, want 3", most)
		}
	})
}

// A connection that joins all rooms from their beginning, again and again, has one turn at a time like any other.
func TestPages_AFloodOfJoinsDelaysNoOther(t *testing.T) {
	for _, flooders := range []int{1, 20} {
		t.Run(fmt.Sprint(flooders), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { floodOfJoins(t, flooders) })
		})
	}
}

func floodOfJoins(t *testing.T, flooders int) {
	const rooms, catchUps, took, pages = 20, 2, 10 * time.Millisecond, 5
	log := newFarStore(t, took)
	for i := range rooms {
		log.append(fmt.Sprint("room", i), 2*pageMessages)
	}
	log.append("a", pages*pageMessages)
	h := startWith(t, Config{Turns: turn.New(turn.Config{Reads: catchUps})}, log)
	ctx, cancel := context.WithCancel(anyone(t.Context()))
	var flood sync.WaitGroup
	for range flooders {
		s := connect(t, h, newPeer(), "room=")
		flood.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = invokeAs(ctx, t, s, joinRoom, fmt.Sprintf(`"room%d"`, i%rooms), "0")
				h.pages.dropAll() // as if there were more rooms than fit into it
			}
		})
	}
	<-time.After(20 * took)
	reads := log.readCount()
	begun := time.Now()
	p, c := follow(t, h, "a", 0)
	p.waitSeq(t, pages*pageMessages)
	// Before each of its pages, the others that wait have their turn, and reads in progress finish.
	turns := (flooders+catchUps-1)/catchUps + 2
	if took, most := time.Since(begun), time.Duration(pages*turns+1)*took; took > most {
		t.Errorf("level after %v, want %v at most", took, most)
	}
	if n := log.readCount() - reads; n < 2*pages {
		t.Errorf("%d reads meanwhile: that is no flood", n)
	}
	cancel()
	flood.Wait()
	c.close()
}

// Clients that join and leave at once, each at another page, do not use up the turns of those that stay.
func TestPages_ReadersDoNotWaitForThoseThatHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("a", 100*pageMessages)
		log.append("b", 1)
		h := startWith(t, Config{Turns: turn.New(turn.Config{Reads: 1})}, log)
		for i := range int64(60) {
			_, c := follow(t, h, "a", i*pageMessages)
			synctest.Wait() // it waits for its turn
			c.close()
		}
		reads := log.readCount()
		begun := time.Now()
		p, c := follow(t, h, "b", 0)
		p.waitSeq(t, 1)
		if took := time.Since(begun); took > 3*time.Second || log.readCount()-reads > 2 {
			t.Errorf("level after %v and %d reads", took, log.readCount()-reads)
		}
		c.close()
		h.pages.mu.Lock()
		defer h.pages.mu.Unlock()
		for name, r := range h.pages.rooms {
			for key, b := range r.blocks {
				if r.waiting != 0 || b.wanted.Len() != 0 || len(b.pages) == 0 {
					t.Errorf("block %v of room %s is wanted by no reader", key, name)
				}
			}
		}
	})
}

// Cached pages need no turn.
func TestPages_CacheIsNotQueuedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Hour)
		log.append("a", pageMessages)
		log.append("b", 1)
		h := startWith(t, Config{Turns: turn.New(turn.Config{Reads: 1})}, log)
		if _, err := h.pages.find(t.Context(), roomNamed("a"), eventStream, 1); err != nil {
			t.Fatal(err)
		}
		_, b := follow(t, h, "b", 0)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.pages.find(ctx, roomNamed("a"), eventStream, 7); err != nil {
			t.Errorf("find: %v", err)
		}
		b.close()
	})
}

// A page that was read while a reader waited for its turn is not read again.
func TestPages_ChecksTheCacheAgainInItsTurn(t *testing.T) {
	log := &history{}
	log.append("a", pageMessages+1)
	h := start(t, log)
	key := blockKey{firstEpoch, eventStream, 1}
	for _, step := range []struct {
		seq   int64
		reads int
	}{{pageMessages + 1, 1}, {pageMessages + 2, 1}} { // the last page has grown meanwhile
		before := log.readCount()
		wanted := h.pages.want("a", key, step.seq)
		for range 2 {
			if f, err := h.pages.read(t.Context(), "a", key); err != nil || !f.holds(step.seq) {
				t.Fatalf("read %d to %d, %v", f.first, f.last(), err)
			}
		}
		h.pages.unwant("a", key, wanted)
		if n := log.readCount() - before; n != step.reads {
			t.Errorf("the page of %d was read %d times, want %d", step.seq, n, step.reads)
		}
		log.append("a", 1)
	}
}

// A turn ends when the page is read, however slow the peer of its reader is.
func TestPages_SlowPeersHoldNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("a", 20*pageMessages)
		log.append("b", 1)
		h := startWith(t, Config{Turns: turn.New(turn.Config{Reads: 1})}, log)
		slow := newPeer()
		slow.stall(true)
		a := join(t, h, slow, 0)
		<-time.After(time.Minute)
		begun := time.Now()
		p, b := follow(t, h, "b", 0)
		p.waitSeq(t, 1)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("level after %v", took)
		}
		a.close()
		b.close()
	})
}

// A read that began before a message was stored does not have it. All readers that need it then share one more read.
func TestPages_ReadThatBeganTooEarlyIsRepeatedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("a", 20)
		h := startWith(t, Config{}, log)
		var readers sync.WaitGroup
		want := func(seq int64) {
			readers.Go(func() {
				if s, err := h.pages.find(t.Context(), roomNamed("a"), eventStream, seq); err != nil || !s.holds(seq) {
					t.Errorf("message %d: %v", seq, err)
				}
			})
		}
		want(20)
		synctest.Wait()
		log.append("a", 1)
		for range 10 {
			want(21)
		}
		readers.Wait()
		if n := log.readCount(); n != 2 {
			t.Errorf("%d reads, want 2", n)
		}
		_, err := h.pages.find(t.Context(), roomNamed("a"), eventStream, 22)
		if err == nil || !strings.Contains(err.Error(), "message 22 is announced but cannot be read") {
			t.Errorf("a message that does not exist: %v", err)
		}
	})
}

func TestPages_NegativeIsAnyNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		h := startWith(t, Config{Turns: turn.New(turn.Config{Reads: -1})}, log)
		var conns []*conn
		for i := range 50 {
			log.append(fmt.Sprint("room", i), 1)
			_, c := follow(t, h, fmt.Sprint("room", i), 1)
			conns = append(conns, c)
		}
		for i := range conns {
			log.append(fmt.Sprint("room", i), 1)
		}
		h.Resync()
		<-time.After(time.Minute)
		if most := log.mostReads(); most < 8 {
			t.Errorf("%d reads at once", most)
		}
		for _, c := range conns {
			c.close()
		}
	})
}
