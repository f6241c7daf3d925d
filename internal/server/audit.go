package server

import (
	"context"
	"errors"
	"net/http"

	"restante/internal/audit"
	"restante/internal/auth"
	"restante/internal/forward"
	"restante/internal/lifecycle"
	"restante/internal/route"
)

// openAudit opens the audit log. What the other parts do in a request, or refuse, is told to the functions below.
func (s *Server) openAudit(context.Context) (_ lifecycle.Stop, err error) {
	s.audit, err = audit.Open(audit.Config{File: s.cfg.AuditLog, Node: s.peers.Self().ID, Log: s.log, Metrics: s.metrics})
	return s.audit.Close, err
}

// signedIn notes a token that this node has not seen before.
func (s *Server) signedIn(ctx context.Context, client *auth.Client) {
	s.audit.Note(ctx, audit.Event{What: audit.SignIn, Outcome: audit.OK, Who: client.ID, TokenID: client.TokenID})
}

// notingRefusals notes requests that have no client where they need one. The node that a client has reached notes it, not the one
// that gets the request, or a question about it, from there.
func (s *Server) notingRefusals(asked func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := auth.From(r.Context()); err != nil && needsClient(r) && !forward.Forwarded(r) && !asked(r) {
			outcome := audit.No
			if auth.Reason(err) == "unavailable" {
				outcome = audit.Failed
			}
			s.audit.Note(r.Context(), audit.Event{What: audit.Refused, Outcome: outcome, Reason: auth.Reason(err), Action: route.Of(r).Pattern()})
		}
		next.ServeHTTP(w, r)
	})
}

// needsClient reports whether a request is refused without a client. Preflights never have one.
func needsClient(r *http.Request) bool {
	rt := route.Of(r)
	return r.Method != http.MethodOptions && (rt.Access() != route.Public || rt == route.MessageHub)
}

// deniedRequest notes a request that the API has answered 403.
func (s *Server) deniedRequest(r *http.Request, requestID string, err error) {
	s.noteDenial(r.Context(), audit.Event{Action: route.Of(r).Pattern(), RequestID: requestID}, err)
}

// deniedCall notes a call of a hub method that was answered "forbidden".
func (s *Server) deniedCall(ctx context.Context, method string, err error) {
	s.noteDenial(ctx, audit.Event{Action: route.MessageHub.Path() + " " + method}, err)
}

// deniedHub notes a request to the hub that package signalr has answered 403.
func (s *Server) deniedHub(r *http.Request, reason string) {
	s.noteDenial(r.Context(), audit.Event{Action: route.MessageHub.Path()}, auth.Denial{Reason: reason})
}

// deniedHost notes a request under a name that is not the server's.
func (s *Server) deniedHost(r *http.Request) { s.deniedRequest(r, "", auth.Denial{Reason: "host"}) }

func (s *Server) noteDenial(ctx context.Context, e audit.Event, err error) {
	e.What, e.Outcome, e.Reason = audit.Denied, audit.No, "other"
	if why, ok := errors.AsType[auth.Denial](err); ok {
		e.Reason, e.Room = why.Reason, why.Room
	}
	s.audit.Note(ctx, e)
}

// operated notes a request to an endpoint for operators. The metrics are left out: they are read all day, by a token whose sign-in
// is noted, and hold no names of clients.
func (s *Server) operated(r *http.Request) {
	if rt := route.Of(r); rt != route.Metrics {
		s.audit.Note(r.Context(), audit.Event{What: audit.Admin, Outcome: audit.OK, Action: rt.Pattern()})
	}
}
