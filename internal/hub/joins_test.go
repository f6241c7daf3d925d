package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// Readers join at random cursors, leave, stall, move, disconnect and come back at their cursors, while writers write and
// some announcements get lost or come twice. Each reader must get every number once, in order, from its cursor on.
func TestHub_RandomJoins(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { randomJoins(t, seed) })
	}
}

func randomJoins(t *testing.T, seed uint64) {
	log := &history{}
	log.append("a", int(seed)*70)
	h := start(t, log)
	const total, readers = 1500, 24
	var writing, reading sync.WaitGroup
	writing.Go(func() { writeAll(rand.New(rand.NewPCG(seed, 0)), h, log, total) })
	for i := range readers {
		reading.Go(func() {
			r := &wanderer{t: t, hub: h, rnd: rand.New(rand.NewPCG(seed, uint64(i)+1))}
			r.wander(log, &writing)
		})
	}
	reading.Wait()
}

// writeAll appends until the room has more than total messages; the last one is always announced.
func writeAll(rnd *rand.Rand, h *Hub, log *history, total int) {
	for n := 0; n < total; {
		batch := log.append("a", 1+rnd.IntN(8))
		n += len(batch)
		switch rnd.IntN(20) {
		case 0: // lost
		case 1:
			h.Deliver(batch)
			h.Deliver(batch)
		default:
			h.Deliver(batch)
		}
	}
	h.Deliver(log.append("a", 1))
}

// wanderer is a client that keeps its cursor over all its connections.
type wanderer struct {
	t    *testing.T
	hub  *Hub
	rnd  *rand.Rand
	seen int64 // the last number it saw
}

func (w *wanderer) wander(log *history, writing *sync.WaitGroup) {
	room, _ := log.Room(w.t.Context(), "a")
	w.seen = int64(w.rnd.IntN(int(room.LastSeq) + 1))
	for range 6 {
		w.visit(func(c *conn, p *peer) { w.misbehave(c, p) })
	}
	writing.Wait()
	room, _ = log.Room(w.t.Context(), "a")
	w.visit(func(_ *conn, p *peer) {
		if w.seen < room.LastSeq {
			w.await(p, room.LastSeq)
		}
	})
	if w.seen != room.LastSeq {
		w.t.Errorf("a reader ended at %d, want %d", w.seen, room.LastSeq)
	}
}

// visit connects at the cursor, does something, disconnects, and checks what was received.
func (w *wanderer) visit(do func(*conn, *peer)) {
	p := newPeer()
	c := w.hub.newConn(w.t.Context(), p, eventStream)
	from := w.seen
	if _, err := c.follow(anyone(w.t.Context()), at("a", from)); err != nil {
		w.t.Errorf("follow: %v", err)
	}
	do(c, p)
	p.end()
	c.close()
	got := p.seqs()
	if want := upTo(from+1, from+int64(len(got))); !slices.Equal(got, want) {
		w.t.Errorf("after %d: got %v", from, got)
	}
	w.seen = from + int64(len(got))
}

func (w *wanderer) misbehave(c *conn, p *peer) {
	room, _ := w.hub.logs.Shared.Room(w.t.Context(), "a")
	for range 5 {
		switch w.rnd.IntN(4) {
		case 0:
			p.stall(true)
		case 1:
			p.stall(false)
		case 2: // leave, and come back at the cursor
			c.unfollow("a")
			p.stall(false)
			got := p.seqs()
			seen := w.seen + int64(len(got))
			if _, err := c.follow(anyone(w.t.Context()), at("a", seen)); err != nil {
				w.t.Errorf("follow again: %v", err)
			}
		default:
			p.stall(false)
			if seen := w.seen + int64(len(p.seqs())); seen < room.LastSeq {
				w.await(p, seen+1)
			}
		}
	}
}

func (w *wanderer) await(p *peer, seq int64) {
	if err := p.awaitSeq(w.t.Context(), seq); err != nil {
		w.t.Errorf("waiting for message %d: %v", seq, err)
	}
}
