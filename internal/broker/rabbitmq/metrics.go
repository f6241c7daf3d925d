package rabbitmq

import (
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/chat"
)

type metrics struct {
	inFlight    prometheus.Gauge
	unacked     prometheus.Gauge
	held        prometheus.Gauge
	dead        *prometheus.CounterVec
	destroyed   prometheus.Counter
	letters     prometheus.Gauge
	dangers     prometheus.Gauge
	redelivered prometheus.Counter
	released    prometheus.Counter
	undecodable prometheus.Counter
	missed      *prometheus.CounterVec
	declined    prometheus.Gauge
	batch       prometheus.Histogram
	unknown     *prometheus.GaugeVec
	unheard     *prometheus.CounterVec
	features    featureLabels // of unknown and unheard
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
		destroyed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_destroyed_total", Help: "Messages that were destroyed on the broker: with a queue that somebody deleted, or as dead letters that the broker has removed.",
		}),
		letters: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_dead_letters", Help: "Dead letters that wait, NaN until the node has looked.",
		}),
		dangers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_broker_dangers", Help: "Settings of RabbitMQ's queues that may lose messages, NaN while they are not known.",
		}),
		redelivered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_redelivered_total", Help: "Messages that the broker delivered again.",
		}),
		released: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_partitions_released_total", Help: "Partitions given up because another node has become their owner.",
		}),
		undecodable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_announcements_undecodable_total", Help: "Announcements that were skipped because they are not restante's.",
		}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_announcements_missed_total", Help: "Times this hub compared its rooms with the store because announcements may have been lost, by reason.",
		}, []string{"reason"}),
		declined: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_partitions_declined", Help: "Partitions that this node leaves to others, because it does not know the kind or version of their entries.",
		}),
		unknown: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "restante_unknown_entries", Help: "Accepted messages that this node has got and keeps, because it does not know their kind or version.",
		}, []string{"feature"}),
		unheard: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_announcements_unknown_total", Help: "Announcements that were passed over, because this node does not know their kind or version.",
		}, []string{"feature"}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "restante_batch_messages", Help: "Messages handled at once.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		}),
	}
	for _, from := range []string{deadletter.FromIntake, deadletter.FromInbox} { // exist before the first one
		m.dead.WithLabelValues(from)
	}
	for _, reason := range []string{missedBegun, missedDropped, missedUndecodable, missedSilent} {
		m.missed.WithLabelValues(reason)
	}
	m.letters.Set(math.NaN())
	m.dangersUnknown()
	m.unknown.WithLabelValues(otherFeatures)
	m.unheard.WithLabelValues(otherFeatures)
	return m
}

// setLetters notes how many dead letters wait.
func (m *metrics) setLetters(n int) { m.letters.Set(float64(n)) }

// dangersUnknown notes that the settings of the queues are not known.
func (m *metrics) dangersUnknown() { m.dangers.Set(math.NaN()) }

// featureLabels gives features their labels. Any user of the broker can invent features, so that only the first few have
// labels and the rest share one.
type featureLabels struct {
	mu    sync.Mutex
	known map[chat.Feature]string
}

const (
	maxFeatureLabels = 20
	otherFeatures    = "other"
)

// of returns the label of a feature, which is always the same.
func (l *featureLabels) of(f chat.Feature) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	label, ok := l.known[f]
	switch {
	case ok:
	case len(l.known) == maxFeatureLabels:
		label = otherFeatures
	default:
		if l.known == nil {
			l.known = map[chat.Feature]string{}
		}
		label = string(f)
		l.known[f] = label
	}
	return label
}

// keep counts an accepted message of a feature that is kept, or with -1 no longer is.
func (m *metrics) keep(f chat.Feature, n float64) { m.unknown.WithLabelValues(m.features.of(f)).Add(n) }

// passOver counts an announcement of a feature.
func (m *metrics) passOver(f chat.Feature) { m.unheard.WithLabelValues(m.features.of(f)).Inc() }

func (m *metrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.inFlight, m.unacked, m.held, m.dead, m.letters, m.dangers, m.destroyed, m.redelivered, m.released,
		m.undecodable, m.missed, m.declined, m.batch, m.unknown, m.unheard)
}
