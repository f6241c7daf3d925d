package store

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

type metrics struct {
	stored        prometheus.Counter
	duplicates    prometheus.Counter
	conflicts     prometheus.Counter
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
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_conflicts_total", Help: "Messages that are not kept, because their sender had used their id in the room for another text.",
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
			Help:    "From sent_at to stored_at of messages, by the clocks of the node that accepted and of the store.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
		}),
		readSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "restante_store_read_seconds", Help: "Time of one read from the store.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}, []string{"operation"}),
	}
	for operation, read := range map[string]bool{
		"append": false, "restore": false, "switch_on": false, "check": false,
		"after": true, "before": true, "seq_at": true, "room": true, "rooms": true, "rooms_named": true, "last_seqs": true,
		"switches": true,
	} { // all series exist from the start
		if read {
			m.readSeconds.WithLabelValues(operation)
		}
		for _, code := range []errs.Code{errs.Invalid, errs.Unavailable, errs.Internal} {
			m.failed.WithLabelValues(operation, string(code))
		}
	}
	if reg != nil {
		reg.MustRegister(m.stored, m.duplicates, m.conflicts, m.retries, m.failed,
			m.batchMessages, m.appendSeconds, m.ageSeconds, m.readSeconds)
	}
	return m
}

// appended observes one batch, without the age of repeats: they may be old.
func (m *metrics) appended(done driver.Appended, took time.Duration) {
	m.stored.Add(float64(done.Fresh))
	m.duplicates.Add(float64(len(done.Messages) - done.Fresh - len(done.Conflicts)))
	m.conflicts.Add(float64(len(done.Conflicts)))
	m.batchMessages.Observe(float64(len(done.Messages)))
	m.appendSeconds.Observe(took.Seconds())
	added := fresh(done)
	for i := range added {
		m.ageSeconds.Observe(max(0, added[i].StoredAt.Sub(added[i].SentAt).Seconds())) // the clocks may differ
	}
}

// fresh returns the messages that were stored by the call: of the distinct ones, those that were stored last.
func fresh(done driver.Appended) []chat.Message {
	if done.Fresh == len(done.Messages) {
		return done.Messages
	}
	if done.Fresh == 0 {
		return nil
	}
	type number struct {
		room string
		seq  int64
	}
	seen := make(map[number]bool, len(done.Messages))
	distinct := make([]chat.Message, 0, len(done.Messages))
	for i := range done.Messages {
		m := &done.Messages[i]
		if n := (number{m.Room, m.Seq}); !seen[n] {
			seen[n] = true
			distinct = append(distinct, *m)
		}
	}
	slices.SortFunc(distinct, func(a, b chat.Message) int { return b.StoredAt.Compare(a.StoredAt) })
	return distinct[:min(done.Fresh, len(distinct))]
}
