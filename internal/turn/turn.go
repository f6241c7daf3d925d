// Package turn bounds how many reads of history the store answers at a time. History is read by everybody who catches up and
// by HTTP requests. Without a bound they would use all connections to the database, and new messages could not be stored.
package turn

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"restante/internal/memory"
)

// Default is how many reads may be in progress at a time by default.
const Default = 32

// Config configures Turns. The zero value is ready to use.
type Config struct {
	// Reads is how many reads may be in progress at a time. Further reads wait for their turn, first come, first served.
	// Negative: any number. Default: Default.
	Reads int
	// Memory is where what a read takes is counted while its turn lasts. Default: nowhere.
	Memory *memory.Budget
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
}

// Turns are what reads of history wait for. All readers of one store share them. The methods may be called concurrently.
type Turns struct {
	free        *semaphore.Weighted // first come, first served
	memory      *memory.Budget
	waiting     prometheus.Gauge
	waitSeconds prometheus.Histogram
}

// New returns turns that nobody has taken.
func New(cfg Config) *Turns {
	reads := int64(cfg.Reads)
	switch {
	case reads < 0:
		reads = math.MaxInt64
	case reads == 0:
		reads = Default
	}
	t := &Turns{
		free: semaphore.NewWeighted(reads), memory: cfg.Memory,
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_catchup_waiting", Help: "Reads of history that wait for their turn.",
		}),
		waitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "restante_catchup_wait_seconds",
			Help:    "How long reads of history have waited for their turn.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 10),
		}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(t.waiting, t.waitSeconds)
	}
	return t
}

// priceOfRead is about what a read takes until its caller has its page, in bytes: the texts and what they are encoded to. Few pages
// are as large as a page may be.
const priceOfRead = 512 << 10

// Take blocks until the caller may read history from the store, and there is memory for it, or until ctx is done: then it returns the context's error. The
// caller calls done once when it has what it read. A turn is for one read: the caller must not wait for a peer during its turn,
// and must not take a second turn.
func (t *Turns) Take(ctx context.Context) (done func(), err error) {
	t.waiting.Inc()
	defer t.waiting.Dec()
	start := time.Now()
	if err := t.free.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	held := t.memory.Hold(memory.Read, "")
	if err := held.Await(ctx, priceOfRead); err != nil {
		t.free.Release(1)
		return nil, err
	}
	t.waitSeconds.Observe(time.Since(start).Seconds())
	return func() {
		held.Release()
		t.free.Release(1)
	}, nil
}
