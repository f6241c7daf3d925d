package auth

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	tokens    *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	ended     prometheus.Counter
	reloads   *prometheus.CounterVec
	reg       prometheus.Registerer // nil: not registered
}

func newMetrics() *metrics {
	m := &metrics{
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_tokens_total", Help: "Requests whose token was checked, by outcome.",
		}, []string{"outcome"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_key_set_refreshes_total", Help: "Attempts to fetch the key set of tokens, by how they ended.",
		}, []string{"outcome"}),
		ended: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_revoked_requests_total", Help: "Event streams and requests in progress that were ended because their token was revoked.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "restante_key_file_reloads_total", Help: "Changed files of keys and secrets of tokens that were read again, by how that ended.",
		}, []string{"outcome"}),
	}
	for _, why := range refusals {
		m.tokens.WithLabelValues(string(why))
	}
	m.tokens.WithLabelValues("ok")
	m.tokens.WithLabelValues("unavailable")
	for _, outcome := range []string{"ok", "failed"} {
		m.refreshes.WithLabelValues(outcome)
		m.reloads.WithLabelValues(outcome)
	}
	return m
}

// register shows the metrics, those of key sets that are made later included. A nil registerer shows none.
func (m *metrics) register(reg prometheus.Registerer) {
	if m.reg = reg; reg != nil {
		reg.MustRegister(m.tokens, m.refreshes, m.reloads, m.ended)
	}
}

// age shows how old a key set is. Its name is a URL without a query; of several sets with one name and issuer the first is shown.
func (m *metrics) age(name, issuer string, age func() time.Duration) {
	if m.reg == nil {
		return
	}
	_ = m.reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "restante_key_set_age_seconds", Help: "Time since the key set of tokens was fetched, or since the start of the node if it never was.",
		ConstLabels: prometheus.Labels{"url": name, "issuer": issuer},
	}, func() float64 { return age().Seconds() }))
}

// count counts a request by the outcome of Verify.
func (m *metrics) count(err error) {
	outcome := "ok"
	if err != nil {
		outcome = Reason(err)
	}
	m.tokens.WithLabelValues(outcome).Inc()
}
