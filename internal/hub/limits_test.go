package hub

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

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
		joinRoom: {`"a"`}, leaveRoom: {`"a"`}, getMessagesSince: {`"a"`, "0"},
	} {
		if _, err := invoke(t, s, method, args...); err == nil || err.Error() != "rate_limited: too often; try again in 2 s" {
			t.Errorf("%s: %v", method, err)
		}
	}
	if _, err := invoke(t, s, sendMessage, `"a"`, `"hi"`); err != nil || asked != 3 {
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
			t.Errorf("%d rooms of %d: %v, after looking at %d", tc.rooms, tc.limit, err, log.set(nil))
		}
	}
}

func TestHub_ConnectIsCountedWhileItLasts(t *testing.T) {
	for _, tc := range []struct {
		url     string
		counted int
	}{{"room=a", 1}, {"room=", 1}, {"room=A", 1}, {"after=x", 0}} {
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

// farStore is a store that takes its time, and counts how many reads it does at once.
type farStore struct {
	*history
	took time.Duration

	mu        sync.Mutex
	now, most int
}

// newFarStore returns an empty one; the bubble of t waits for reads that nobody waits for.
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
		h := startWith(t, Config{CatchUps: 3}, log)
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
		if waiting := testutil.ToFloat64(h.metrics.waiting); waiting == 0 {
			t.Error("nobody is said to wait")
		}
		calls.Wait()
		for _, p := range peers {
			p.waitSeq(t, 5)
		}
		if most := log.mostReads(); most != 3 {
			t.Errorf("%d reads at once, want 3", most)
		}
		if waiting := testutil.ToFloat64(h.metrics.waiting); waiting != 0 {
			t.Errorf("%v are said to wait", waiting)
		}
		if n := testutil.CollectAndCount(h.metrics.waitSeconds); n != 1 {
			t.Errorf("the waiting is not measured")
		}
	})
}

// A connection that joins all rooms it may from their beginning, again and again, has one turn at a time like any other.
func TestPages_AFloodOfJoinsHoldsNobodyUp(t *testing.T) {
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
	h := startWith(t, Config{CatchUps: catchUps}, log)
	ctx, cancel := context.WithCancel(anyone(t.Context()))
	var flood sync.WaitGroup
	for range flooders {
		s := connect(t, h, newPeer(), "room=")
		flood.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				_, _ = invokeAs(ctx, t, s, joinRoom, fmt.Sprintf(`"room%d"`, i%rooms), "0")
				h.pages.cache.Purge() // as if there were more rooms than it has place for
			}
		})
	}
	<-time.After(20 * took)
	reads := log.readCount()
	begun := time.Now()
	p, c := follow(t, h, "a", 0)
	p.waitSeq(t, pages*pageMessages)
	// Before each of its pages, the others that wait have their turn, and what is being read is finished.
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

// Clients that come only to leave again, each at another page, do not use up the turns of those that stay.
func TestPages_NobodyWaitsForThoseThatHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("a", 100*pageMessages)
		log.append("b", 1)
		h := startWith(t, Config{CatchUps: 1}, log)
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
		if len(h.pages.wanted) != 0 {
			t.Errorf("%d pages are wanted by nobody", len(h.pages.wanted))
		}
	})
}

// What is in memory waits for no turn.
func TestPages_CacheIsNotQueuedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Hour)
		log.append("a", pageMessages)
		log.append("b", 1)
		h := startWith(t, Config{CatchUps: 1}, log)
		if _, err := h.pages.find(t.Context(), "a", eventStream, 1); err != nil {
			t.Fatal(err)
		}
		_, b := follow(t, h, "b", 0)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := h.pages.find(ctx, "a", eventStream, 7); err != nil {
			t.Errorf("find: %v", err)
		}
		b.close()
	})
}

// A page that was read while a reader waited for its turn is not read again.
func TestPages_LooksAgainWhenItsTurnHasCome(t *testing.T) {
	log := &history{}
	log.append("a", pageMessages+1)
	h := start(t, log)
	for page, reads := range map[int64]int{0: 1, 1: 2} { // the last page may have grown
		before := log.readCount()
		key := pageKey{"a", eventStream, page}
		h.pages.want(key, 1)
		for range 2 {
			if _, err := h.pages.read(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		h.pages.want(key, -1)
		if n := log.readCount() - before; n != reads {
			t.Errorf("page %d was read %d times, want %d", page, n, reads)
		}
	}
}

// A turn is over when the page is read, however slow the peer is that gets it.
func TestPages_SlowPeersHoldNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("a", 20*pageMessages)
		log.append("b", 1)
		h := startWith(t, Config{CatchUps: 1}, log)
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

// A read that others began before a message was stored does not hold it. All who need it then share one more.
func TestPages_ReadThatBeganTooEarlyIsRepeatedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		log.append("a", 20)
		h := startWith(t, Config{}, log)
		var readers sync.WaitGroup
		want := func(seq int64) {
			readers.Go(func() {
				if s, err := h.pages.find(t.Context(), "a", eventStream, seq); err != nil || !s.holds(seq) {
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
		_, err := h.pages.find(t.Context(), "a", eventStream, 22)
		if err == nil || !strings.Contains(err.Error(), "message 22 is announced but cannot be read") {
			t.Errorf("a message that is not there: %v", err)
		}
	})
}

func TestPages_NegativeIsAnyNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newFarStore(t, time.Second)
		h := startWith(t, Config{CatchUps: -1}, log)
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
