package auth

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	tokens    *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	ended     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
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
	}
	for _, why := range refusals {
		m.tokens.WithLabelValues(string(why))
	}
	m.tokens.WithLabelValues("ok")
	m.tokens.WithLabelValues("unavailable")
	m.refreshes.WithLabelValues("ok")
	m.refreshes.WithLabelValues("failed")
	if reg != nil {
		reg.MustRegister(m.tokens, m.refreshes, m.ended)
	}
	return m
}

// count counts a request by the outcome of Verify.
func (m *metrics) count(err error) {
	outcome := "ok"
	if why, ok := errors.AsType[refusal](err); ok {
		outcome = string(why)
	} else if err != nil {
		outcome = "unavailable"
	}
	m.tokens.WithLabelValues(outcome).Inc()
}
