package hub

import (
	"fmt"
	"testing"
)

func (l *lagging) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func followRooms(t testing.TB, h *Hub, s sink, rooms int, after int64) *conn {
	t.Helper()
	c := h.newConn(t.Context(), s, eventStream)
	t.Cleanup(c.close)
	for r := range rooms {
		if _, err := c.follow(anyone(t.Context()), at(fmt.Sprint("r", r), after)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The gauge looks at the connections that are behind, and at no other.
func TestHub_LagLooksAtConnectionsThatAreBehindOnly(t *testing.T) {
	const level, behind, rooms = 100, 3, 20
	log := &history{}
	h := startWith(t, Config{MaxRooms: -1}, log)
	for r := range rooms {
		log.append(fmt.Sprint("r", r), 5)
	}
	for range level {
		followRooms(t, h, newPeer(), rooms, Now)
	}
	var slow []*conn
	var peers []*peer
	for range behind {
		p := newPeer()
		p.stall(true)
		peers, slow = append(peers, p), append(slow, followRooms(t, h, p, rooms, Now))
	}
	if n, lag := h.lagging.count(), h.lagging.slowest(); n != 0 || lag != 0 {
		t.Errorf("%d connections are behind, by %v", n, lag)
	}
	h.Deliver(log.append("r7", 1)) // fills the buffers of the slow peers
	for _, p := range peers {
		if err := p.until(t.Context(), func() bool { return len(p.pending) > 0 }); err != nil {
			t.Fatal(err)
		}
	}
	h.Deliver(log.append("r7", 1))
	h.Deliver(log.append("r7", 2))
	waitUntil(t, func() bool { return h.lagging.count() == behind && h.lagging.slowest() == 3 })
	h.Deliver(log.append("r7", 5)) // while they wait for their peers
	waitUntil(t, func() bool { return h.lagging.slowest() == 8 })
	peers[0].stall(false)
	peers[0].waitSeq(t, 14)
	waitUntil(t, func() bool { return h.lagging.count() == behind-1 })
	for _, c := range slow {
		c.close()
	}
	if n, lag := h.lagging.count(), h.lagging.slowest(); n != 0 || lag != 0 {
		t.Errorf("%d closed connections are behind, by %v", n, lag)
	}
}

// BenchmarkHub_Lag is one scrape of the gauge with 1,000 connections of 200 rooms each: while all are level, and while none is.
func BenchmarkHub_Lag(b *testing.B) {
	for name, slow := range map[string]bool{"level": false, "behind": true} {
		b.Run(name, func(b *testing.B) {
			const conns, rooms = 1000, 200
			log := &history{}
			h := startWith(b, Config{MaxRooms: -1, TailBytes: 4 << 10}, log)
			for r := range rooms {
				log.append(fmt.Sprint("r", r), 1)
			}
			after := Now
			if slow {
				after = 0
			}
			for range conns {
				followRooms(b, h, &deaf{}, rooms, after)
			}
			b.ResetTimer()
			for b.Loop() {
				h.lagging.slowest()
			}
		})
	}
}
