package sqlite

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	messages prometheus.Histogram
	seconds  prometheus.Histogram
	wal      prometheus.GaugeFunc
	filters  prometheus.Gauge
	ended    prometheus.Counter
}

func newMetrics(path string) metrics {
	return metrics{
		messages: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_sqlite_commit_messages", Help: "Messages of all waiting callers that one transaction took.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_sqlite_commit_seconds", Help: "Time of one transaction, with its sync and any checkpoint.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		wal: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "restante_sqlite_wal_bytes", Help: "Size of the write-ahead log, the file -wal beside the database.",
		}, func() float64 { return float64(walSize(path)) }),
		filters: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_sqlite_filter_bytes", Help: "Memory of the filters that say in which segments of the log an id may stand.",
		}),
		ended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_epochs_ended_total", Help: "Epochs of the log that have ended: the store has gone back, or is another one.",
		}),
	}
}

func (m *metrics) register(reg prometheus.Registerer) {
	if reg != nil {
		reg.MustRegister(m.messages, m.seconds, m.wal, m.filters, m.ended)
	}
}

func (m *metrics) observe(group []*request, took time.Duration) {
	n := 0
	for _, r := range group {
		n += len(r.batch)
	}
	m.messages.Observe(float64(n))
	m.seconds.Observe(took.Seconds())
}
