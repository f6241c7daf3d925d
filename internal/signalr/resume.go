package signalr

import (
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// resume gives a connection that may outlive its WebSocket a new one: the client has come back with the token of the
// connection, perhaps before the server has noticed that it was away. What it lacks follows (see resumable.attach).
func (s *Server) resume(w http.ResponseWriter, r *http.Request, sender Identity, to *resumable) {
	c := to.c
	if refused := c.present(r.Context(), sender); refused != nil {
		refused.write(w)
		return
	}
	if err := to.canReplay(r); err != nil {
		s.log.Debug("connection cannot be resumed", "connection", c.id, "error", err)
		s.metrics.stateful.ended(outcomeOf(err))
		c.drop(causeGone) // the client connects anew
		errNoConnection.write(w)
		return
	}
	conn, early, ok := s.upgrade(w, r, c)
	if !ok {
		return
	}
	socket := newSocket(c, conn)
	if !to.attach(socket) {
		s.metrics.stateful.ended(reconnectUnknown) // it has ended meanwhile
		_ = conn.Close()
		return
	}
	s.metrics.stateful.ended(reconnectResumed)
	s.log.Debug("connection resumed", "connection", c.id, "remote", r.RemoteAddr)
	s.running.Go(func() { socket.run(early) })
}

// errForgotten says that more than a connection remembers has not been acknowledged.
var errForgotten = errors.New("signalr: the client has not acknowledged messages that are not kept any more")

// canReplay returns why what the client has not acknowledged cannot be sent again to the client of a request, or nil.
func (r *resumable) canReplay(req *http.Request) error {
	r.mu.Lock()
	whole, runs := r.sent.whole(), r.sent.unacknowledged()
	r.mu.Unlock()
	session := r.c.liveSession()
	switch {
	case !whole:
		return errForgotten
	case session == nil:
		return ErrClosed
	}
	return session.Replayable(req.Context(), runs)
}

// reconnectOutcome is how a stateful reconnect has ended: a label of the metrics.
type reconnectOutcome int

const (
	reconnectResumed   reconnectOutcome = iota
	reconnectLate                       // the client has not come back within the window
	reconnectUnknown                    // no node has the connection
	reconnectForgotten                  // the client had not acknowledged more than is remembered
	reconnectRemoved                    // the store has not all that must be sent again
	reconnectForbidden                  // the client's newest token does not allow all that must be sent again
	reconnectOutcomes
)

// String is the value of the metrics' label.
func (o reconnectOutcome) String() string {
	return [reconnectOutcomes]string{"resumed", "late", "unknown", "forgotten", "removed", "forbidden"}[o]
}

// statefulMetrics are those of connections that may outlive their WebSockets.
type statefulMetrics struct {
	suspended  prometheus.Gauge
	reconnects [reconnectOutcomes]counter
}

func newStatefulMetrics(reg prometheus.Registerer) (m statefulMetrics) {
	m.suspended = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "restante_signalr_suspended_connections", Help: "Open connections without a WebSocket, whose clients may come back.",
	})
	reconnects := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_signalr_stateful_reconnects_total", Help: "How stateful reconnects have ended, by outcome.",
	}, []string{"outcome"})
	for o := range m.reconnects {
		m.reconnects[o] = reconnects.WithLabelValues(reconnectOutcome(o).String())
	}
	if reg != nil {
		reg.MustRegister(m.suspended, reconnects)
	}
	return m
}

func (m *statefulMetrics) ended(o reconnectOutcome) { m.reconnects[o].Inc() }

func outcomeOf(err error) reconnectOutcome {
	switch {
	case errors.Is(err, errForgotten):
		return reconnectForgotten
	case errors.Is(err, ErrRemoved):
		return reconnectRemoved
	case errors.Is(err, ErrForbidden):
		return reconnectForbidden
	default:
		return reconnectUnknown
	}
}

// find finds the connection of a WebSocket with the token of a connection that may outlive its WebSockets, on whichever node
// that is, or lets it open here. It reports whether it has answered the request: then the connection goes on, there is none,
// or it is on another node.
func (s *Server) find(w http.ResponseWriter, r *http.Request, sender Identity, token string) (answered bool) {
	if to := s.registry.resumable(token, sender.Name); to != nil {
		s.resume(w, r, sender, to)
		return true
	}
	if s.registry.opened(token) != nil || s.registry.isUnused(token, sender.Name) {
		return false
	}
	place, err := s.locate(r, token, true)
	switch {
	case err != nil:
		errUnknownYet.write(w)
	case place.Taken:
		return false
	case place.Open:
		s.serveThere(w, r, place.Node)
	default:
		s.metrics.stateful.ended(reconnectUnknown)
		errNoConnection.write(w)
	}
	return true
}
