package broker

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
	"restante/internal/errs"
)

type metrics struct {
	accepted        prometheus.Counter
	confirmed       prometheus.Counter
	announced       prometheus.Counter
	heardMessages   prometheus.Counter
	retries         prometheus.Counter
	failed          *prometheus.CounterVec
	batchesFailed   *prometheus.CounterVec
	confirmSeconds  prometheus.Histogram
	announceSeconds prometheus.Histogram
	heardSeconds    prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		accepted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_accepted_total", Help: "Valid messages handed to the broker.",
		}),
		confirmed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_confirmed_total", Help: "Messages that the broker has confirmed: their senders were answered 2xx.",
		}),
		announced: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_announced_total", Help: "Stored messages announced to the hubs, repeats included.",
		}),
		heardMessages: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_heard_total", Help: "Stored messages of whose announcement this node was told, repeats included.",
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_broker_retries_total", Help: "Attempts to publish or announce after the first.",
		}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_publish_failed_total", Help: "Messages that were not confirmed, by class of error.",
		}, []string{"code"}),
		batchesFailed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_batches_failed_total", Help: "Batches that could not be persisted, by class of error.",
		}, []string{"code"}),
		confirmSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_confirm_seconds", Help: "From handing a message to the broker to its confirm.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
		announceSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_announce_seconds", Help: "Time to announce one stored batch, until the broker has it.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 17),
		}),
		heardSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "restante_accept_to_heard_seconds",
			Help:    "From sent_at of a message to this node being told of it, if it has readers; with two nodes, by the clocks of both.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 18),
		}),
	}
	for _, code := range []errs.Code{errs.Invalid, errs.Unavailable, errs.Internal} { // exist before the first failure
		m.failed.WithLabelValues(string(code))
		m.batchesFailed.WithLabelValues(string(code))
	}
	m.failed.WithLabelValues(string(errs.Conflict))
	if reg != nil {
		reg.MustRegister(m.accepted, m.confirmed, m.announced, m.heardMessages, m.retries, m.failed, m.batchesFailed,
			m.confirmSeconds, m.announceSeconds, m.heardSeconds)
	}
	return m
}

// heard observes messages that were announced.
func (m *metrics) heard(stored []chat.Message) {
	now := time.Now()
	m.heardMessages.Add(float64(len(stored)))
	for i := range stored {
		m.heardSeconds.Observe(max(0, now.Sub(stored[i].SentAt).Seconds())) // the sender's node may have another clock
	}
}
