package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/auth"
	"restante/internal/config"
	"restante/internal/errs"
	"restante/internal/forward"
	"restante/internal/limit"
	"restante/internal/peer"
	"restante/internal/remote"
	"restante/internal/signalr"
)

// access is what is asked of every request before anything is done for it: where it comes from, who sends it, and
// whether that client asks too often. Whether the client may do what it asks for is decided where that is done, see
// package auth.
type access struct {
	inForce string                          // for the start line
	mark    func(http.Handler) http.Handler // gives every request its origin and its client
	limits  *limit.Limits
}

const everybody = "none: everyone who reaches this address can read and send, in any name"

// openAccess sets up what the configuration asks for.
func (s *Server) openAccess(ctx context.Context, cfg config.Config, peers *peer.Table, metrics prometheus.Registerer) (*access, error) {
	a := &access{inForce: everybody}
	a.limits = limit.New(limit.Config{
		Sends:                 cfg.Limit.Sends,
		Requests:              cfg.Limit.Requests,
		Connections:           cfg.Limit.Connections,
		ConnectionsPerAddress: cfg.Limit.ConnectionsPerAddress,
		ConnectionsPerClient:  cfg.Limit.ConnectionsPerClient,
		Exempt:                cfg.TrustedProxies(),
		TLS:                   cfg.ServesTLS(),
		Log:                   s.log,
		Metrics:               metrics,
	})
	identify := auth.Open
	if cfg.Auth == config.AuthJWT {
		v, err := auth.NewVerifier(ctx, auth.Config{
			Secrets: cfg.JWT.Secret, Keys: cfg.JWT.Key, JWKS: cfg.JWKSURL,
			Issuer: cfg.JWT.Issuer, Audience: cfg.JWT.Audience, Leeway: cfg.JWT.Leeway,
			Log: s.log, Metrics: metrics,
		})
		if err != nil {
			return nil, err
		}
		s.started("tokens", func(context.Context) error { v.Close(); return nil })
		a.inForce = v.String()
		identify = func(next http.Handler) http.Handler { return v.Wrap(next, tokenInQuery) }
	}
	origins := remote.Config{Trusted: cfg.TrustedProxies(), Peer: forward.FromPeer(peers)}
	a.mark = func(next http.Handler) http.Handler { return remote.Wrap(origins, identify(next)) }
	return a, nil
}

// tokenInQuery reports whether a request may carry its token in the query: where browsers cannot set a header.
func tokenInQuery(r *http.Request) bool {
	role, _ := roleOf(r.URL.Path)
	return role == peer.Hub && (r.Method == http.MethodGet || isHub(r.URL.Path))
}

// identify tells package signalr who sends a request, or why it is refused.
func (a *access) identify(r *http.Request) (signalr.Identity, *signalr.Refusal) {
	err := a.limits.Allow(r)
	client, authErr := auth.From(r.Context())
	if err == nil {
		err = authErr
	}
	if err != nil {
		return signalr.Identity{}, refusal(err)
	}
	return signalr.Identity{Name: client.ID, Expires: client.Expires}, nil
}

// refusal translates the error of a request that is not let in.
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
