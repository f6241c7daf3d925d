package hub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

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
		c := h.newConn(t.Context(), p, eventStream)
		known, err := c.follow(anyone(t.Context()), at("a", Now))
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
