package forward

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/peer"
)

// target says where a request is forwarded to, a label of the metrics: a role, the node of a connection, or a node that is only
// asked something.
type target string

const (
	targetNode     target = "node"
	targetQuestion target = "question"
)

// outcome says how that ended, a label of the metrics.
type outcome string

const (
	answered    outcome = "ok"          // the other node has answered, with any status
	ended       outcome = "gone"        // the node has ended: 404
	unavailable outcome = "unavailable" // no node was reached, or it closed the connection before it answered: 503
	loop        outcome = "loop"        // the request had been forwarded before: 503
	refused     outcome = "refused"     // there was no memory for it: 503
	aborted     outcome = "aborted"     // by the client, by Drain, or by the other node in the middle of its answer
)

type metrics struct {
	forwarded *prometheus.CounterVec
	wrongKeys prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, open func() float64, peers *peer.Table) *metrics {
	m := &metrics{forwarded: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_forwarded_total", Help: "Requests forwarded to other nodes, by target (node: that of the connection; question: asked which connections it has) and outcome.",
	}, []string{"target", "outcome"}), wrongKeys: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "restante_node_wrong_keys_total", Help: "Connections to other nodes that were given up because another key than the announced one answered.",
	})}
	targets := []target{targetNode, targetQuestion}
	for _, role := range peer.Roles() {
		targets = append(targets, target(role))
	}
	for _, t := range targets { // all series exist from the start
		for _, o := range []outcome{answered, ended, unavailable, loop, refused, aborted} {
			m.forwarded.WithLabelValues(string(t), string(o))
		}
	}
	if reg == nil {
		return m
	}
	reg.MustRegister(m.forwarded, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "restante_forwarding", Help: "Requests that are being forwarded to other nodes now, streams among them.",
	}, open))
	if peers.Self().ID == "" {
		return m // the only node of a cluster hears no heartbeats
	}
	reg.MustRegister(m.wrongKeys, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "restante_nodes_plain", Help: "Nodes that this node reaches without encryption now, because they are of a version before.",
	}, func() float64 { return float64(peers.Plain()) }))
	for _, role := range peer.Roles() {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "restante_nodes_alive", Help: "Nodes with a role that this node hears of now, itself among them.",
			ConstLabels: prometheus.Labels{"role": string(role)},
		}, func() float64 { return float64(len(peers.Alive(role, time.Now()))) }))
	}
	return m
}

func (m *metrics) count(t target, o outcome) { m.forwarded.WithLabelValues(string(t), string(o)).Inc() }
