package link

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	up       *prometheus.GaugeVec
	connects *prometheus.CounterVec
	blocked  *prometheus.GaugeVec
}

func newMetrics() *metrics {
	return &metrics{
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "restante_broker_up", Help: "1 while this connection to the broker is open, by what it is for.",
		}, []string{"connection"}),
		connects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_broker_connects_total", Help: "Connections made to the broker; all but the first are reconnections.",
		}, []string{"connection"}),
		blocked: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "restante_broker_blocked", Help: "1 while the broker accepts nothing over this connection, because of a memory or disk alarm.",
		}, []string{"connection"}),
	}
}

// Register registers the metrics of the links.
func (b *Broker) Register(reg prometheus.Registerer) {
	reg.MustRegister(b.metrics.up, b.metrics.connects, b.metrics.blocked)
}
