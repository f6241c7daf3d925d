package server

import (
	"context"

	"restante/internal/api"
	"restante/internal/audit"
	"restante/internal/auth"
	"restante/internal/config"
	"restante/internal/errs"
	"restante/internal/lifecycle"
	"restante/internal/revocation"
	"restante/internal/route"
)

// openRevocations begins to know what is revoked. On one machine the store says it; many machines start without their store, and
// the broker's record says it then.
func (s *Server) openRevocations(ctx context.Context) (lifecycle.Stop, error) {
	cfg := revocation.Config{Store: s.store, Record: s.record, Keep: s.cfg.JWT.MaxTTL, Log: s.log, Metrics: s.metrics}
	if !s.alone() {
		cfg.Nodes = s.peers
	}
	s.revoker = revocation.New(cfg)
	if s.alone() {
		return nil, s.revoker.Load(ctx)
	}
	s.revoker.LookAtRecord()
	return nil, nil
}

func (s *Server) runRevocations(ctx context.Context) error { return s.revoker.Run(ctx) }

// revocations returns what operators revoke tokens with.
func (s *Server) revocations() api.Revoker {
	if s.cfg.Auth == config.AuthJWT {
		return auditedRevoker{s.revoker, s.audit}
	}
	return withoutTokens{}
}

// auditedRevoker is a revoker whose revocations stand in the audit log.
type auditedRevoker struct {
	*revocation.Revoker
	audit *audit.Log
}

// Revoke implements api.Revoker.
func (n auditedRevoker) Revoke(ctx context.Context, k revocation.Key, reason, by string) (revocation.Outcome, error) {
	done, err := n.Revoker.Revoke(ctx, k, reason, by)
	e := audit.Event{What: audit.Revoked, Outcome: audit.OK, Reason: string(k.Kind), Action: route.Revoke.Pattern(), Subject: k.Name}
	if err != nil {
		e.Outcome = audit.Failed
	}
	n.audit.Note(auth.With(ctx, &auth.Client{ID: by}), e) // the operator's own token may be the one that was revoked
	return done, err
}

// withoutTokens refuses to revoke: without authentication everybody is an operator, and there are no tokens.
type withoutTokens struct{}

// Revoke implements api.Revoker.
func (withoutTokens) Revoke(context.Context, revocation.Key, string, string) (revocation.Outcome, error) {
	return revocation.Outcome{}, &errs.Error{Code: errs.Forbidden, Msg: "this server takes no tokens (that needs --auth jwt), so there are none to revoke"}
}

// Entries implements api.Revoker.
func (withoutTokens) Entries(revocation.Key, int) (page []revocation.Entry, more bool) {
	return nil, false
}
