package epoch

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	ended prometheus.Counter
	held  prometheus.Gauge
}

func newMetrics() *metrics {
	m := &metrics{
		ended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_epochs_ended_total", Help: "Epochs of the log that have ended: the store has gone back, or is another one.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_store_held", Help: "1 while the database is not used, because it is not known to be the one that it was.",
		}),
	}
	m.held.Set(1)
	return m
}

func (m *metrics) register(reg prometheus.Registerer) {
	if reg != nil {
		reg.MustRegister(m.ended, m.held)
	}
}
