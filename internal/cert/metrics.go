package cert

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	expires  prometheus.Gauge
	failures prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		expires: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_tls_certificate_expires_timestamp_seconds",
			Help: "When the first of the server's certificates ends, in seconds since 1970; 0 while one is missing.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_tls_certificate_failures_total",
			Help: "New certificates that were not taken: changed files that are no pair, orders that failed.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.expires, m.failures)
	}
	return m
}
