package revocation

import "github.com/prometheus/client_golang/prometheus"

type metrics struct{ made *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, r *Revoker) *metrics {
	m := &metrics{made: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_revoked_total", Help: "Revocations that were made on this node, by what they name.",
	}, []string{"kind"})}
	m.made.WithLabelValues(string(Sub))
	m.made.WithLabelValues(string(JTI))
	if reg == nil {
		return m
	}
	reg.MustRegister(m.made,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "restante_revocations", Help: "Revocations that are in force on this node.",
		}, func() float64 { return float64(r.list.size.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "restante_revocations_known", Help: "1 when this node knows what is revoked; while it is 0, requests with tokens are answered 503.",
		}, func() float64 {
			if r.known.Load() {
				return 1
			}
			return 0
		}))
	return m
}
