package signalr

import "github.com/prometheus/client_golang/prometheus"

// counter is what a hot path needs of a metric.
type counter = prometheus.Counter

// metrics are the server's. Every possible combination of labels exists from the start: the number of series is known, and
// a client cannot add to it.
type metrics struct {
	connections [LongPolling + 1]prometheus.Gauge
	messages    [kindSequence + 1]counter
	ended       [causes]counter
	bytes       counter
	early       prometheus.Gauge
	invocations *prometheus.CounterVec
	unknown     counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	connections := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "restante_signalr_connections", Help: "Open connections, by transport.",
	}, []string{"transport"})
	messages := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_signalr_messages_received_total", Help: "Hub messages received, by type.",
	}, []string{"type"})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_signalr_connections_closed_total", Help: "Connections that have ended, by reason.",
	}, []string{"reason"})
	m := &metrics{
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_signalr_written_bytes_total", Help: "Bytes handed to connections, framing included.",
		}),
		early: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "restante_signalr_early_bytes", Help: "Bytes that clients sent before they opened their transport, and that wait for it.",
		}),
		invocations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_signalr_invocations_total", Help: "Calls of hub methods, by method and outcome.",
		}, []string{"method", "outcome"}),
	}
	for t := WebSockets; t <= LongPolling; t++ {
		m.connections[t] = connections.WithLabelValues(t.String())
	}
	for k := range m.messages {
		m.messages[k] = messages.WithLabelValues(kind(k).String())
	}
	for why := range causes {
		m.ended[why] = ended.WithLabelValues(why.String())
	}
	m.unknown = m.invocations.WithLabelValues("", callUnknown.String())
	if reg != nil {
		reg.MustRegister(connections, messages, ended, m.bytes, m.early, m.invocations)
	}
	return m
}

// method returns the counters of one hub method.
func (m *metrics) method(name string) (outcomes [callOutcomes]counter) {
	for o := range callUnknown {
		outcomes[o] = m.invocations.WithLabelValues(name, o.String())
	}
	return outcomes
}

func (m *metrics) opened(t Transport) { m.connections[t].Inc() }

func (m *metrics) closed(t Transport, why cause) {
	m.connections[t].Dec()
	m.ended[why].Inc()
}

func (m *metrics) received(k kind) { m.messages[k].Inc() }

func (m *metrics) invoked(method *method, o callOutcome) {
	if method == nil {
		m.unknown.Inc()
		return
	}
	method.outcomes[o].Inc()
}

func (m *metrics) written(n int) { m.bytes.Add(float64(n)) }
