package sqlite

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	messages prometheus.Histogram
	seconds  prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		messages: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_sqlite_commit_messages", Help: "Messages of all waiting callers that one transaction took.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_sqlite_commit_seconds", Help: "Time of one transaction, with its sync and any checkpoint.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
	}
	if reg != nil {
		reg.MustRegister(m.messages, m.seconds)
	}
	return m
}

func (m *metrics) observe(group []*request, took time.Duration) {
	n := 0
	for _, r := range group {
		n += len(r.batch)
	}
	m.messages.Observe(float64(n))
	m.seconds.Observe(took.Seconds())
}
