package hub

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
)

// Joins of one room share looks at the store. None takes part in a look that began before it came: what was stored before a join
// is in its answer.
func TestLooks_JoinsShareThoseThatBeginAfterThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const joins = 1000
		log := &hooked{history: &history{}}
		log.append("a", 1)
		h, stop := running(t, log)
		log.set(func(room chat.Room) (chat.Room, error) {
			<-time.After(time.Second)
			return room, nil
		})
		var joining sync.WaitGroup
		for i := range joins {
			if i%100 == 0 {
				<-time.After(130 * time.Millisecond)
			}
			stored := log.append("a", 1)[0].Seq
			c := h.newConn(t.Context(), newPeer(), eventStream)
			joining.Go(func() {
				defer c.close()
				at, err := c.join(anyone(t.Context()), at("a", Now))
				if err != nil || at.LastSeq < stored {
					t.Errorf("a join after message %d was stored found %d messages, %v", stored, at.LastSeq, err)
				}
			})
		}
		joining.Wait()
		if asked := log.set(nil); asked > 4 {
			t.Errorf("%d joins made %d looks at the store, want a handful", joins, asked)
		}
		stop()
	})
}

func TestLooks_AFailureFailsOnlyThoseThatWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looks
		failure := errors.New("the store is down")
		var begun atomic.Int32
		ask := func() (chat.Room, error) {
			n := begun.Add(1)
			<-time.After(time.Second)
			if n == 2 {
				return chat.Room{}, failure
			}
			return chat.Room{LastSeq: int64(n)}, nil
		}
		var got [5]error
		var waiting sync.WaitGroup
		for i, after := range []int{0, 100, 200, 1100, 2100} {
			waiting.Go(func() {
				<-time.After(time.Duration(after) * time.Millisecond)
				_, got[i] = l.share(t.Context(), ask)
			})
		}
		waiting.Wait()
		if want := []error{nil, failure, failure, nil, nil}; !slices.Equal(got[:], want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if begun.Load() != 4 {
			t.Errorf("%d looks, want 4", begun.Load())
		}
	})
}

func TestLooks_WhoLeavesDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l looks
		release := make(chan struct{})
		ask := func() (chat.Room, error) {
			<-release
			return chat.Room{}, nil
		}
		var waiting sync.WaitGroup
		for range 2 {
			waiting.Go(func() { _, _ = l.share(t.Context(), ask) })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.share(ctx, ask); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(release)
		waiting.Wait()
	})
}

// A store that has fewer messages than were announced may have gone back. Nobody is given the messages that it does not have.
func TestHub_GhostsAreNotServed(t *testing.T) {
	for name, find := range map[string]func(t *testing.T, h *Hub){
		"by a join":       func(*testing.T, *Hub) {},
		"by a comparison": func(_ *testing.T, h *Hub) { h.Resync() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				log := &history{}
				h, stop := runningWith(t, Config{Look: func() { asked++ }}, log)
				_, stays := follow(t, h, "a", 0)
				h.Deliver(log.append("a", 20))
				synctest.Wait()
				log.goBack("a", 15, chat.Epoch{})
				find(t, h)
				<-time.After(100 * time.Millisecond)

				p, c := follow(t, h, "a", 10)
				<-time.After(3 * time.Second)
				wantSeqs(t, p.seqs(), upTo(11, 15))
				if n := testutil.ToFloat64(h.metrics.doubts.WithLabelValues(doubtNumbers)); asked != 1 || n != 1 {
					t.Errorf("the store was asked %d times, %v counted, want once", asked, n)
				}
				c.close()
				stays.close()
				stop()
			})
		})
	}
}
