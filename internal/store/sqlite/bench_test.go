package sqlite

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/store/drivertest"
)

// BenchmarkAppend is the durable path under load: every caller appends one message of 200 bytes and waits until it is on
// stable storage. Ids are time-ordered, as the server makes them.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 64, 512} {
		for _, rooms := range []int{1, 64} {
			b.Run(fmt.Sprintf("callers=%d/rooms=%d", callers, rooms), func(b *testing.B) {
				benchmarkAppend(b, callers, rooms)
			})
		}
	}
}

func benchmarkAppend(b *testing.B, callers, rooms int) {
	d := open(b, b.TempDir()+"/bench.db", Config{})
	text := strings.Repeat("x", 200)
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				m := chat.Message{
					ID: uuid.Must(uuid.NewV7()).String(), Room: fmt.Sprintf("room-%d", n%int64(rooms)),
					ClientID: "bench", Msg: text, SentAt: start,
				}
				if _, err := d.Append(b.Context(), []chat.Message{m}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "rows/s")
}

// BenchmarkAfter reads full pages of history.
func BenchmarkAfter(b *testing.B) {
	d := open(b, b.TempDir()+"/bench.db", Config{})
	for range 10 {
		batch := make([]chat.Message, 1000)
		for i := range batch {
			batch[i] = chat.Message{ID: uuid.NewString(), Room: "lobby", ClientID: "bench", Msg: strings.Repeat("x", 200), SentAt: time.Now()}
		}
		if _, err := d.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := int64(0); pb.Next(); i++ {
			if _, err := d.After(b.Context(), "lobby", i*500%9500, chat.MaxPage); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkLastSeqs compares all rooms of a hub with the store.
func BenchmarkLastSeqs(b *testing.B) {
	drivertest.BenchmarkLastSeqs(b, open(b, b.TempDir()+"/bench.db", Config{}))
}

func open(tb testing.TB, path string, cfg Config) *Driver {
	tb.Helper()
	d, err := Open(tb.Context(), path, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}
