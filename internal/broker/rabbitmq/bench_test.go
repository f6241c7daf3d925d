package rabbitmq_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/testkit"
)

func text(room string) chat.Message {
	return chat.Message{
		ID: uuid.Must(uuid.NewV7()).String(), Room: room, ClientID: "bench",
		Msg: fmt.Sprintf("%0100d", 1), SentAt: chat.Micros(time.Now()),
	}
}

// BenchmarkDriver_Publish is what many senders at once get: messages a second, and how long one of them waits.
func BenchmarkDriver_Publish(b *testing.B) {
	for _, publishers := range []int{1, 64} {
		b.Run(fmt.Sprint(publishers), func(b *testing.B) { benchmark(b, publishers, false) })
		b.Run(fmt.Sprint(publishers, "+consume"), func(b *testing.B) { benchmark(b, publishers, true) })
	}
}

func benchmark(b *testing.B, publishers int, consume bool) {
	d, err := rabbitmq.Open(b.Context(), rabbitmq.Config{URLs: testkit.VHost(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	var mu sync.Mutex
	var confirms, handled []time.Duration
	all, batches := make(chan struct{}), 0
	if consume {
		go d.Consume(b.Context(), func(_ context.Context, batch []chat.Message) error {
			mu.Lock()
			defer mu.Unlock()
			batches++
			for i := range batch {
				handled = append(handled, time.Since(batch[i].SentAt))
			}
			if len(handled) == b.N {
				close(all)
			}
			return nil
		})
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := p; i < b.N; i += publishers {
				m := text(fmt.Sprint("room-", p))
				if err := d.Publish(b.Context(), m); err != nil {
					b.Error(err)
				}
				took := time.Since(m.SentAt)
				mu.Lock()
				confirms = append(confirms, took)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if consume {
		<-all
		b.ReportMetric(float64(b.N)/float64(batches), "msg/batch")
		report(b, handled, "handled")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	report(b, confirms, "confirm")
}

func report(b *testing.B, took []time.Duration, what string) {
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(took[len(took)*p/100].Microseconds())/1000, fmt.Sprintf("p%d-%s-ms", p, what))
	}
}
