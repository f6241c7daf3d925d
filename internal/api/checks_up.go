package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/health"
)

// checksUp shows the outcome of the checks of /readyz as metrics. It runs them when Prometheus collects, so the values are
// true on nodes that no load balancer asks.
type checksUp struct {
	outcomes func() []health.Outcome
	up       *prometheus.Desc
}

func newChecksUp(outcomes func() []health.Outcome) *checksUp {
	return &checksUp{outcomes, prometheus.NewDesc("restante_check_up", "1 if the check of /readyz succeeds now.", []string{"check"}, nil)}
}

// Describe implements prometheus.Collector.
func (c *checksUp) Describe(descs chan<- *prometheus.Desc) { descs <- c.up }

// Collect implements prometheus.Collector. It blocks for as long as the slowest check, health.Limit at most.
func (c *checksUp) Collect(found chan<- prometheus.Metric) {
	for _, o := range c.outcomes() {
		up := 0.0
		if o.Err == nil {
			up = 1
		}
		found <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, up, o.Name)
	}
}
