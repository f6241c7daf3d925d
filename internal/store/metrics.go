package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/store/driver"
)

type metrics struct {
	stored        prometheus.Counter
	duplicates    prometheus.Counter
	retries       prometheus.Counter
	failed        *prometheus.CounterVec
	batchMessages prometheus.Histogram
	appendSeconds prometheus.Histogram
	ageSeconds    prometheus.Histogram
	readSeconds   *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		stored: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_stored_total", Help: "Messages numbered and stored, without repeats.",
		}),
		duplicates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_duplicates_total", Help: "Messages that were stored already and added nothing.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_store_retries_total", Help: "Attempts of a store operation after the first.",
		}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_store_errors_total", Help: "Store operations that failed, by class of error.",
		}, []string{"operation", "code"}),
		batchMessages: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_append_messages", Help: "Messages in one batch that was appended.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 13),
		}),
		appendSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_append_seconds", Help: "Time to append one batch, until it is on stable storage.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		ageSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "restante_accept_to_store_seconds",
			Help:    "From sent_at to stored_at of messages, of batches without repeats.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
		}),
		readSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "restante_store_read_seconds", Help: "Time of one read from the store.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}, []string{"operation"}),
	}
	if reg != nil {
		reg.MustRegister(m.stored, m.duplicates, m.retries, m.failed,
			m.batchMessages, m.appendSeconds, m.ageSeconds, m.readSeconds)
	}
	return m
}

// appended observes one batch. The age of a repeat says nothing about now.
func (m *metrics) appended(done driver.Appended, took time.Duration) {
	m.stored.Add(float64(done.Fresh))
	m.duplicates.Add(float64(len(done.Messages) - done.Fresh))
	m.batchMessages.Observe(float64(len(done.Messages)))
	m.appendSeconds.Observe(took.Seconds())
	if done.Fresh < len(done.Messages) {
		return
	}
	for i := range done.Messages {
		age := done.Messages[i].StoredAt.Sub(done.Messages[i].SentAt)
		m.ageSeconds.Observe(max(0, age.Seconds())) // the clock may have stepped back
	}
}
