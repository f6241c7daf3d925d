package broker

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	accepted       prometheus.Counter
	confirmed      prometheus.Counter
	announced      prometheus.Counter
	retries        prometheus.Counter
	failed         *prometheus.CounterVec
	batchesFailed  *prometheus.CounterVec
	confirmSeconds prometheus.Histogram
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
	}
	if reg != nil {
		reg.MustRegister(m.accepted, m.confirmed, m.announced, m.retries, m.failed, m.batchesFailed, m.confirmSeconds)
	}
	return m
}
