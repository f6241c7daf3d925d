package hub

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

const floorReset = "id: 50\nevent: reset\n" +
	`data: {"room":"a","reason":"floor","epoch":"aaaaaaaaaaaaaaaa","last_seq":100,"after":50,"from":11}` + "\n\n"

// A reader whose next messages have been removed is told so and goes on after them.
func TestConn_BelowTheFloorAtTheJoin(t *testing.T) {
	log := &history{}
	log.append("a", 100)
	log.raise(50)
	h := start(t, log)
	p := newPeer()
	c := h.newConn(t.Context(), p, eventStream)
	t.Cleanup(func() { p.end(); c.close() })
	if got, err := c.follow(anyone(t.Context()), at("a", 10)); err != nil || got.reset == nil || got.reset.After != 50 {
		t.Fatalf("follow: %+v, %v", got, err)
	}
	p.waitSeq(t, 100)
	if got := p.text(); !strings.HasPrefix(got, floorReset) {
		t.Errorf("the stream begins with %.200q, want the reset", got)
	}
	wantSeqs(t, p.seqs(), upTo(50, 100)) // 50 is the id of the reset
	if n := testutil.ToFloat64(h.metrics.resets.WithLabelValues("floor")); n != 1 {
		t.Errorf("%v resets counted", n)
	}
}

// Messages are removed while the reader is slow.
func TestConn_BelowTheFloorWhileCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &history{}
		log.append("a", 10)
		h, stop := running(t, log)
		p, c := follow(t, h, "a", 0)
		synctest.Wait()
		p.stall(true)
		for range 3 { // the first waits for the peer, the others are in the tail until it is dropped
			h.Deliver(log.append("a", 30))
			synctest.Wait()
		}
		log.raise(50)
		h.listRooms()[0].dropTail()
		p.stall(false)
		<-time.After(time.Second)
		got := p.text()
		from := strings.Index(got, "event: reset")
		if from < 0 || !strings.Contains(got, `"reason":"floor"`) || !strings.Contains(got, `"after":50`) {
			t.Fatalf("the reader was not told; it got %v", p.seqs())
		}
		if before := strings.Count(got[:from], "event: message"); before != 40 {
			t.Errorf("%d messages before the reset, want the 40 that it had", before)
		}
		if seqs := p.seqs(); seqs[len(seqs)-1] != 100 {
			t.Errorf("the reader ended at %d", seqs[len(seqs)-1])
		}
		c.close()
		stop()
	})
}

// The announcement of a message was lost, and the message has been removed when the hub finds that.
func TestConn_BelowTheFloorLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, all := range []bool{false, true} {
			log := &history{}
			log.append("a", 10)
			h, stop := running(t, log)
			p, c := follow(t, h, "a", 10)
			log.append("a", 5) // without an announcement
			if all {
				log.raise(15)
				h.Resync()
			} else {
				log.raise(13)
				h.Deliver(log.append("a", 1))
			}
			<-time.After(4 * time.Second)
			if got := p.text(); !strings.Contains(got, `"from":11}`) {
				t.Errorf("the reader was not told: %q", got)
			}
			h.Deliver(log.append("a", 1))
			<-time.After(time.Second)
			if all {
				wantSeqs(t, p.seqs(), []int64{15, 16})
			} else {
				wantSeqs(t, p.seqs(), []int64{13, 14, 15, 16, 17})
			}
			c.close()
			stop()
		}
	})
}

// A message that was announced but cannot be read, although the store has a later one, is asked for again: nothing says that it
// has been removed.
func TestConn_WaitsForAMessageThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &hidden{history: &history{}, from: 5}
		log.append("a", 10)
		h, stop := running(t, log)
		p, c := follow(t, h, "a", 0)
		<-time.After(10 * time.Second)
		wantSeqs(t, p.seqs(), upTo(1, 4))
		log.show()
		<-time.After(10 * time.Second)
		wantSeqs(t, p.seqs(), upTo(1, 10))
		c.close()
		stop()
	})
}
