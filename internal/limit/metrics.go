package limit

import "github.com/prometheus/client_golang/prometheus"

// limit is the name of a limit: a label of the metrics.
type limit string

const (
	limitSends       limit = "sends"
	limitRequests    limit = "requests"
	limitConnections limit = "connections"
	limitPerAddress  limit = "connections_per_address"
	limitPerClient   limit = "connections_per_client"

	limitUnfinished           limit = "unfinished"
	limitUnfinishedPerAddress limit = "unfinished_per_address"
	limitLargeHeads           limit = "large_heads"
	limitMemory               limit = "memory"
)

type metrics struct{ counts map[limit]prometheus.Counter }

// newMetrics returns the metrics and registers them with r, unless r is nil.
func newMetrics(r prometheus.Registerer, most int, open, unfinished func() float64) *metrics {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_limited_total", Help: "Messages, requests and connections refused because of a limit.",
	}, []string{"limit"})
	m := &metrics{counts: make(map[limit]prometheus.Counter)}
	for _, l := range []limit{
		limitSends, limitRequests, limitConnections, limitPerAddress, limitPerClient,
		limitUnfinished, limitUnfinishedPerAddress, limitLargeHeads, limitMemory,
	} {
		m.counts[l] = refused.WithLabelValues(string(l))
	}
	if r != nil {
		r.MustRegister(refused,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "restante_tcp_connections", Help: "TCP connections that are open."}, open),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "restante_unfinished_connections", Help: "TCP connections whose TLS handshake or request head is not complete.",
			}, unfinished),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "restante_tcp_connections_limit", Help: "TCP connections that may be open; negative: any number.",
			}, func() float64 { return float64(most) }))
	}
	return m
}

func (m *metrics) refused(l limit) { m.counts[l].Inc() }
