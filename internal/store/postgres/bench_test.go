package postgres

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
	"restante/internal/testkit"
)

// BenchmarkAppend is what consumers do: each appends one batch after the other, of messages of 200 bytes in rooms of its own,
// and waits until it is on stable storage. Ids are time-ordered, as the server makes them. One operation is one message.
func BenchmarkAppend(b *testing.B) {
	for _, consumers := range []int{1, 8} {
		for _, size := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("consumers=%d/batch=%d", consumers, size), func(b *testing.B) { benchmarkAppend(b, consumers, size) })
		}
	}
}

func benchmarkAppend(b *testing.B, consumers, size int) {
	d := open(b, testkit.Database(b), Config{})
	text := strings.Repeat("x", 200)
	var next atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	b.ResetTimer()
	for consumer := range consumers {
		all.Go(func() {
			batch := make([]chat.Message, size)
			for n := next.Add(int64(size)); n < int64(b.N+size); n = next.Add(int64(size)) {
				for i := range batch {
					batch[i] = chat.Message{
						ID: uuid.Must(uuid.NewV7()).String(), Room: fmt.Sprintf("room-%d-%d", consumer, i%8),
						ClientID: "bench", Msg: text, SentAt: start,
						Origin: chat.Origin{Partition: consumer, Generation: 1},
					}
				}
				if _, err := d.Append(b.Context(), batch); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "rows/s")
}

// BenchmarkLastSeqs compares all rooms of a hub with the store.
func BenchmarkLastSeqs(b *testing.B) {
	drivertest.BenchmarkLastSeqs(b, open(b, testkit.Database(b), Config{}))
}
