package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"restante/internal/api"
	"restante/internal/auth"
	"restante/internal/config"
	"restante/internal/errs"
	"restante/internal/forward"
	"restante/internal/lifecycle"
	"restante/internal/limit"
	"restante/internal/remote"
	"restante/internal/route"
	"restante/internal/signalr"
)

// access finds out, before a request is answered, where it comes from and which client has sent it, and limits how often
// that client may ask. What the client may do is decided where it is done, see package auth.
type access struct {
	inForce string                          // for the start line
	mark    func(http.Handler) http.Handler // gives every request its origin, its span and its client
	asked   func(*http.Request) bool        // a request is the question of another node
	limits  *limit.Limits
}

const everybody = "none: everyone who reaches this address can read and send, in any name"

func (s *Server) openAccess(ctx context.Context) (stop lifecycle.Stop, err error) {
	a := &access{inForce: everybody, asked: forward.Asks(s.peers)}
	a.limits = limit.New(limit.Config{
		Sends:                 s.cfg.Limit.Sends,
		Requests:              s.cfg.Limit.Requests,
		Connections:           s.cfg.Limit.Connections,
		ConnectionsPerAddress: s.cfg.Limit.ConnectionsPerAddress,
		ConnectionsPerClient:  s.cfg.Limit.ConnectionsPerClient,
		Exempt:                s.cfg.TrustedProxies(),
		TLS:                   s.cfg.ServesTLS(),
		Memory:                s.memory,
		Log:                   s.log,
		Metrics:               s.metrics,
	})
	identify := auth.Open
	if s.cfg.Auth == config.AuthJWT {
		v, err := s.newVerifier(ctx)
		if err != nil {
			return nil, err
		}
		stop = func(context.Context) error { v.Close(); return nil }
		s.revoker.OnChange(v.Recheck)
		a.inForce = v.String()
		identify = func(next http.Handler) http.Handler {
			return v.Wrap(s.notingRefusals(a.asked, next), tokenInQuery)
		}
	}
	origins := remote.Config{Trusted: s.cfg.TrustedProxies(), Peer: forward.FromPeer(s.peers)}
	a.mark = func(next http.Handler) http.Handler {
		return remote.Wrap(origins, a.limits.Heads(a.checkHost(s.cfg, s.deniedHost, s.traces.Wrap(identify(next)))))
	}
	s.access = a
	return stop, nil
}

// checkHost returns a handler that refuses requests under names that are not the server's, where that matters: without
// authentication, or because names were given.
func (a *access) checkHost(cfg config.Config, denied func(*http.Request), next http.Handler) http.Handler {
	if cfg.Auth == config.AuthJWT && len(cfg.Host) == 0 {
		return next
	}
	return api.CheckHost(cfg.Hosts(), func(r *http.Request) bool { return forward.Forwarded(r) || a.asked(r) }, denied, next)
}

func (s *Server) newVerifier(ctx context.Context) (*auth.Verifier, error) {
	return auth.NewVerifier(ctx, auth.Config{
		Secrets: s.cfg.JWT.Secret, SecretFiles: s.cfg.JWT.SecretFile, Keys: s.cfg.JWT.Key, JWKS: s.cfg.JWKSURL, JWKSMaxAge: s.cfg.JWKSMaxAge,
		Issuer: s.cfg.JWT.Issuer, Audience: s.cfg.JWT.Audience, Leeway: s.cfg.JWT.Leeway, MaxTTL: s.cfg.JWT.MaxTTL,
		SignedIn: s.signedIn, Revoked: s.revoker.Check, Log: s.log, Metrics: s.metrics,
	})
}

// notRevoked reports whether the token of a request still counts, given its context.
func notRevoked(ctx context.Context) bool {
	_, err := auth.From(ctx)
	return !auth.IsRevoked(err)
}

// tokenInQuery reports whether a request may carry its token in the query: where browsers cannot set a header.
func tokenInQuery(r *http.Request) bool {
	rt := route.Of(r)
	return rt.TokenInQuery() && (rt.Method() == "" || rt.Method() == r.Method)
}

// identify returns the client of a request for package signalr, or why the request is refused.
func (a *access) identify(r *http.Request) (signalr.Identity, *signalr.Refusal) {
	var err error
	if !signalr.IsQuestion(r) || !a.asked(r) { // the question of a node is no request of the client
		err = a.limits.Allow(r)
	}
	client, authErr := auth.From(r.Context())
	if err == nil {
		err = authErr
	}
	if err != nil {
		return signalr.Identity{}, refusal(err)
	}
	return signalr.Identity{Owner: limit.Owner(r.Context()), Name: client.ID, Issued: client.Issued, Expires: client.Expires}, nil
}

// refusal translates the error of a refused request for package signalr.
func refusal(err error) *signalr.Refusal {
	status, header := http.StatusServiceUnavailable, http.Header{}
	switch errs.CodeOf(err) {
	case errs.Unauthenticated:
		status = http.StatusUnauthorized
		header.Set("WWW-Authenticate", auth.Challenge(err))
	case errs.RateLimited:
		status = http.StatusTooManyRequests
	}
	if refused, ok := errors.AsType[*errs.Error](err); ok && refused.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(float64(refused.RetryAfter)/float64(time.Second)))))
	}
	return &signalr.Refusal{Status: status, Text: fmt.Sprintf("%s: %s", errs.CodeOf(err), errs.Public(err)), Header: header}
}
