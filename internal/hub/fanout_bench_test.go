package hub

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/signalr"
)

// byteSink takes everything, and says when all readers together have what is expected.
type byteSink struct {
	expected *atomic.Int64
	all      chan<- struct{}
}

func (s byteSink) TryWrite(payload []byte) bool {
	if s.expected.Add(-int64(len(payload))) == 0 {
		s.all <- struct{}{}
	}
	return true
}

func (s byteSink) TryWriteRun(payload []byte, _ signalr.Run) bool { return s.TryWrite(payload) }

func (byteSink) Wait(ctx context.Context) error { return ctx.Err() }

func (byteSink) Renew() {}

// BenchmarkHub_FanOut is the time until 1,000 readers of a busy room have eight more messages, in a hub with 10,000 other
// rooms: alone, and while all rooms are compared with the store once a second. The readers never read the store.
func BenchmarkHub_FanOut(b *testing.B) {
	for name, every := range map[string]time.Duration{"alone": 0, "compared": time.Second} {
		b.Run(name, func(b *testing.B) { benchFanOut(b, Config{CompareEvery: every}) })
	}
}

func benchFanOut(b *testing.B, cfg Config) {
	const readers, rooms, messages = 1000, 10_000, 8
	log := &history{}
	h := startWith(b, cfg, log)
	var expected atomic.Int64
	all := make(chan struct{}, 1)
	open := func(room string) {
		c := h.newConn(b.Context(), byteSink{&expected, all}, eventStream)
		b.Cleanup(c.close)
		if _, err := c.follow(anyone(b.Context()), at(room, 0)); err != nil {
			b.Fatal(err)
		}
	}
	for i := range rooms {
		open(fmt.Sprint("room", i))
	}
	for range readers {
		open("busy")
	}
	for b.Loop() {
		batch := log.append("busy", messages)
		expected.Store(int64(readers * len(encode(eventStream, firstEpoch, batch).buf)))
		h.Deliver(batch)
		<-all
	}
	if log.reads > 0 {
		b.Errorf("%d pages were read from the store, want none", log.reads)
	}
}
