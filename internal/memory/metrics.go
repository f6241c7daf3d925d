package memory

import "github.com/prometheus/client_golang/prometheus"

// register makes the metrics, and registers them with r unless that is nil.
func (b *Budget) register(r prometheus.Registerer) {
	b.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_memory_refused_total",
		Help: "What was refused, or had to wait, because the memory for clients, or the part of it that one client gets, was used up.",
	}, []string{"what"})
	b.evicted = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_memory_evicted_total",
		Help: "Newest ends of rooms, and pages of history, that were dropped because the memory for them was needed.",
	}, []string{"what"})
	for kind := range kinds { // exist before the first time
		if kind == Tail || kind == Page {
			b.evicted.WithLabelValues(kind.String())
		} else {
			b.refused.WithLabelValues(kind.String())
		}
	}
	if r != nil {
		r.MustRegister(b.refused, b.evicted, usage{b, prometheus.NewDesc(
			"restante_memory_bytes", "Memory that is in use for clients.", []string{"what"}, nil)},
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "restante_memory_limit_bytes", Help: "Memory that may be in use for clients.",
			}, func() float64 { return float64(b.limit) }))
	}
}

// usage is the metric of what is kept and held.
type usage struct {
	budget *Budget
	desc   *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (u usage) Describe(descs chan<- *prometheus.Desc) { descs <- u.desc }

// Collect implements prometheus.Collector.
func (u usage) Collect(metrics chan<- prometheus.Metric) {
	u.budget.mu.Lock()
	by := u.budget.by
	u.budget.mu.Unlock()
	for kind, bytes := range by {
		metrics <- prometheus.MustNewConstMetric(u.desc, prometheus.GaugeValue, float64(bytes), Kind(kind).String())
	}
}
