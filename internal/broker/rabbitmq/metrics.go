package rabbitmq

import (
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq/deadletter"
)

type metrics struct {
	inFlight    prometheus.Gauge
	unacked     prometheus.Gauge
	held        prometheus.Gauge
	dead        *prometheus.CounterVec
	redelivered prometheus.Counter
	released    prometheus.Counter
	undecodable prometheus.Counter
	batch       prometheus.Histogram
}

func newMetrics() *metrics {
	m := &metrics{
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_publish_in_flight", Help: "Messages that wait for the broker's confirm.",
		}),
		unacked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_unacked", Help: "Messages that the broker has delivered to this node and that are not stored yet.",
		}),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_partitions_active", Help: "Partitions from which this node has got messages and still does.",
		}),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_dead_total", Help: "Messages dead-lettered, by where they came from.",
		}, []string{"from"}),
		redelivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_redelivered_total", Help: "Messages that the broker delivered again.",
		}),
		released: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_partitions_released_total", Help: "Partitions given up because another node has become their owner.",
		}),
		undecodable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_announcements_undecodable_total", Help: "Announcements that were skipped because they are not restante's.",
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_batch_messages", Help: "Messages handled at once.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
	}
	for _, from := range []string{deadletter.FromIntake, deadletter.FromInbox} { // exist before the first one
		m.dead.WithLabelValues(from)
	}
	return m
}

func (m *metrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.inFlight, m.unacked, m.held, m.dead, m.redelivered, m.released, m.undecodable, m.batch)
}
