package rabbitmq

import (
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/chat"
)

type metrics struct {
	inFlight  prometheus.Gauge
	unacked   prometheus.Gauge
	held      prometheus.Gauge
	dead      *prometheus.CounterVec
	destroyed prometheus.Counter

	conflictsDropped prometheus.Counter

	letters     prometheus.Gauge
	dangers     prometheus.Gauge
	redelivered prometheus.Counter
	released    prometheus.Counter
	refused     prometheus.Counter
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
		inFlight: gauge("restante_publish_in_flight", "Messages that wait for the broker's confirm."),
		unacked:  gauge("restante_unacked", "Messages that the broker has delivered to this node and that are not stored yet."),
		held:     gauge("restante_partitions_active", "Partitions from which this node has got messages and still does."),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_dead_total", Help: "Messages dead-lettered, by where they came from.",
		}, []string{"from"}),
		destroyed:        counter("restante_destroyed_total", "Messages that were destroyed on the broker: with a queue that somebody deleted, or as dead letters that the broker has removed."),
		conflictsDropped: counter("restante_conflicts_dropped_total", "Conflicts that were dropped, because their sender has had its dead letters of this hour."),
		letters:          gauge("restante_dead_letters", "Dead letters that wait, NaN until the node has looked."),
		dangers:          gauge("restante_broker_dangers", "Settings of RabbitMQ's queues that may lose messages, NaN while they are not known."),
		redelivered:      counter("restante_redelivered_total", "Messages that the broker delivered again."),
		released:         counter("restante_partitions_released_total", "Partitions given up because another node has become their owner."),
		refused:          counter("restante_announcements_refused_total", "Announcements that RabbitMQ has refused, because one of the queues for them does not take them."),
		undecodable:      counter("restante_announcements_undecodable_total", "Announcements that were skipped because they are not restante's."),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_announcements_missed_total", Help: "Times this hub compared its rooms with the store because announcements may have been lost, by reason.",
		}, []string{"reason"}),
		declined: gauge("restante_partitions_declined", "Partitions that this node leaves to others, because it does not know the kind or version of their entries."),
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

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

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
	reg.MustRegister(m.inFlight, m.unacked, m.held, m.dead, m.letters, m.dangers, m.destroyed, m.redelivered, m.released, m.refused,
		m.undecodable, m.conflictsDropped, m.missed, m.declined, m.batch, m.unknown, m.unheard)
}
