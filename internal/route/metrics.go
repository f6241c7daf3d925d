package route

import (
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/peer"
)

// target is where a request is passed on to, a label of the metrics: a role, or the node of a connection.
type target string

const targetNode target = "node"

// outcome is how that ended, a label of the metrics.
type outcome string

const (
	passed      outcome = "ok"          // the other node has answered, whatever it was
	gone        outcome = "gone"        // the node has ended: 404
	unavailable outcome = "unavailable" // no node was reached, or it broke off before it answered: 503
	loop        outcome = "loop"        // it had been passed on before: 503
	aborted     outcome = "aborted"     // by the client, by Drain, or by the other node in the middle of its answer
)

type metrics struct{ forwarded *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer, open func() float64) *metrics {
	m := &metrics{forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_forwarded_total", Help: "Requests passed on to other nodes, by target (node: that of the connection) and outcome.",
	}, []string{"target", "outcome"})}
	targets := []target{targetNode}
	for _, role := range peer.Roles() {
		targets = append(targets, target(role))
	}
	for _, t := range targets { // all series are there from the start
		for _, o := range []outcome{passed, gone, unavailable, loop, aborted} {
			m.forwarded.WithLabelValues(string(t), string(o))
		}
	}
	if reg != nil {
		reg.MustRegister(m.forwarded, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "restante_forwarding", Help: "Requests that are being passed on to other nodes now, streams among them.",
		}, open))
	}
	return m
}

func (m *metrics) count(t target, o outcome) { m.forwarded.WithLabelValues(string(t), string(o)).Inc() }
