package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/route"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  string // the pattern of event streams, which last as long as their readers like
}

// newMetrics returns the metrics, and registers them and the others with reg unless that is nil.
func newMetrics(reg prometheus.Registerer, others ...prometheus.Collector) (metrics, error) {
	m := metrics{
		streams: route.StreamRoom.Pattern(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_http_requests_total",
			Help: "HTTP requests by route pattern and status; without those of the hub.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "restante_http_request_duration_seconds",
			Help:    "Seconds from request to the end of the answer, by route pattern; without event streams and the hub.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range append(others, m.requests, m.seconds) {
		if err := reg.Register(c); err != nil {
			return m, fmt.Errorf("register HTTP metrics: %w", err)
		}
	}
	return m, nil
}

// newBuildInfo returns a metric whose labels say which build runs.
func newBuildInfo(b Build) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "restante_build_info", Help: "1, with what runs in its labels.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	}, func() float64 { return 1 })
}

func (m *metrics) observe(pattern string, status int, took time.Duration) {
	m.requests.WithLabelValues(pattern, statusLabel(status)).Inc()
	if pattern != m.streams {
		m.seconds.WithLabelValues(pattern).Observe(took.Seconds())
	}
}

func statusLabel(status int) string {
	switch status {
	case http.StatusOK:
		return "200"
	case http.StatusAccepted:
		return "202"
	}
	return strconv.Itoa(status)
}
