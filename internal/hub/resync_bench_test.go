package hub

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/signalr"
	"restante/internal/store"
	"restante/internal/store/sqlite"
)

// countSink takes everything, and says when that was the last of what is expected.
type countSink struct {
	expected *atomic.Int64
	all      chan<- struct{}
}

func (s countSink) TryWrite([]byte) bool {
	if s.expected.Add(-1) == 0 {
		s.all <- struct{}{}
	}
	return true
}

func (s countSink) TryWriteRun(payload []byte, _ signalr.Run) bool { return s.TryWrite(payload) }

func (countSink) Wait(ctx context.Context) error { return ctx.Err() }

func (countSink) Renew() {}

// slowStore is a store at the other end of a network.
type slowStore struct {
	SharedHistory
	roundTrip time.Duration
}

func (s slowStore) Room(ctx context.Context, name string) (chat.Room, error) {
	<-time.After(s.roundTrip)
	return s.SharedHistory.Room(ctx, name)
}

func (s slowStore) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	<-time.After(s.roundTrip)
	return s.SharedHistory.After(ctx, room, seq, limit)
}

func (s slowStore) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	<-time.After(s.roundTrip)
	return s.SharedHistory.Page(ctx, room, seq)
}

func (s slowStore) LastSeqs(ctx context.Context, rooms []string) ([]int64, error) {
	<-time.After(s.roundTrip)
	return s.SharedHistory.LastSeqs(ctx, rooms)
}

// BenchmarkHub_Resync is the time from Resync until every one of 5,000 rooms' readers has a message that was not
// announced: the second between the two looks, and the rest.
func BenchmarkHub_Resync(b *testing.B) {
	for name, slow := range map[string]time.Duration{"near": 0, "network": 500 * time.Microsecond} {
		b.Run(name, func(b *testing.B) { benchResync(b, slow) })
	}
}

// BenchmarkHub_Compare is one comparison of 10,000 open rooms, none of which is behind.
func BenchmarkHub_Compare(b *testing.B) {
	database, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "db"), sqlite.Config{})
	if err != nil {
		b.Fatal(err)
	}
	st := store.New(database, store.Config{AppendTimeout: time.Minute})
	defer st.Close()
	benchCompare(b, st)
}

func benchCompare(b *testing.B, st *store.Store) {
	const rooms = 10_000
	batch := make([]chat.Message, rooms)
	for i := range batch {
		batch[i] = message(fmt.Sprint("room", i), 0, "hi")
		batch[i].ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	}
	if _, err := st.Append(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	h := start(b, st)
	var expected atomic.Int64
	for i := range rooms {
		c := h.newConn(b.Context(), countSink{&expected, nil}, eventStream)
		defer c.close()
		if _, err := c.follow(anyone(b.Context()), at(fmt.Sprint("room", i), 1)); err != nil {
			b.Fatal(err)
		}
	}
	looks := resyncs{h: h}
	b.ReportAllocs()
	for b.Loop() {
		if behind, err := looks.compare(b.Context(), h.listRooms()); err != nil || len(behind) > 0 {
			b.Fatalf("%d rooms are behind, %v", len(behind), err)
		}
	}
}

func benchResync(b *testing.B, roundTrip time.Duration) {
	const rooms = 5000
	database, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "db"), sqlite.Config{})
	if err != nil {
		b.Fatal(err)
	}
	st := store.New(database, store.Config{AppendTimeout: time.Minute})
	defer st.Close()
	var history SharedHistory = st
	if roundTrip > 0 {
		history = slowStore{st, roundTrip}
	}
	h := start(b, history)
	var expected atomic.Int64
	all := make(chan struct{})
	for i := range rooms {
		c := h.newConn(b.Context(), countSink{&expected, all}, eventStream)
		defer c.close()
		if _, err := c.follow(anyone(b.Context()), at(fmt.Sprint("room", i), 0)); err != nil {
			b.Fatal(err)
		}
	}
	round := 0
	for b.Loop() {
		b.StopTimer()
		round++
		batch := make([]chat.Message, rooms)
		for i := range batch {
			batch[i] = message(fmt.Sprint("room", i), 0, "hi")
			batch[i].ID = fmt.Sprintf("%08d-0000-4000-8000-%012d", round, i)
		}
		expected.Store(rooms)
		if _, err := st.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		h.Resync()
		<-all
	}
}
