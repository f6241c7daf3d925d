package api

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// checksUp shows the outcome of the checks of /readyz as metrics. It runs them when Prometheus collects, so the values are
// true on nodes that no load balancer asks.
type checksUp struct {
	check func(ctx context.Context) []checked
	up    *prometheus.Desc
}

func newChecksUp(check func(ctx context.Context) []checked) *checksUp {
	return &checksUp{check, prometheus.NewDesc("restante_check_up", "1 if the check of /readyz succeeds now.", []string{"check"}, nil)}
}

// Describe implements prometheus.Collector.
func (c *checksUp) Describe(descs chan<- *prometheus.Desc) { descs <- c.up }

// Collect implements prometheus.Collector. It blocks for as long as the slowest check, checkTimeout at most.
func (c *checksUp) Collect(found chan<- prometheus.Metric) {
	for _, r := range c.check(context.Background()) {
		up := 0.0
		if r.OK {
			up = 1
		}
		found <- prometheus.MustNewConstMetric(c.up, prometheus.GaugeValue, up, r.Name)
	}
}
