// Package limit is how much a single client may take of the server, so that the others keep theirs: messages and
// requests per second, connections at a time. It counts what one node sees, and forgets clients that are quiet. In the
// journey it stands before Accept, and before the doors that lead there.
package limit

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/remote"
)

// The defaults of Config's fields.
const (
	DefaultSends                 = 100
	DefaultRequests              = 300
	DefaultConnectionsPerAddress = 2000
	DefaultConnectionsPerClient  = 100
)

// Config configures Limits. The zero value is the documented defaults; a negative number is no limit. A client is the
// token's sub, or without authentication the address that requests come from; an IPv6 address is its network of 64 bits.
type Config struct {
	Sends                 int // messages per second of a client, twice as many at once; default DefaultSends
	Requests              int // HTTP requests, and calls over the hub but for messages, per second of a client, twice as many at once; default DefaultRequests
	Connections           int // TCP connections in all; default nine tenths of the files that the process may open
	ConnectionsPerAddress int // TCP connections of one address; default DefaultConnectionsPerAddress
	ConnectionsPerClient  int // hub connections and event streams of a client; default DefaultConnectionsPerClient

	Exempt []netip.Prefix // networks without ConnectionsPerAddress, such as those of proxies; default none
	TLS    bool           // connections are encrypted: one that is turned away cannot be told why

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

func (c Config) withDefaults() Config {
	for value, standard := range map[*int]int{
		&c.Sends: DefaultSends, &c.Requests: DefaultRequests, &c.Connections: openFiles() * 9 / 10,
		&c.ConnectionsPerAddress: DefaultConnectionsPerAddress, &c.ConnectionsPerClient: DefaultConnectionsPerClient,
	} {
		if *value == 0 {
			*value = standard
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Limits counts. Its methods may be called concurrently.
type Limits struct {
	cfg             Config
	metrics         *metrics
	sends, requests *buckets
	patience        chan struct{} // has room for the refusals that take their time
	turnedAway      warnings

	mu      sync.Mutex
	opened  map[who]int        // hub connections and event streams
	sockets map[netip.Addr]int // TCP connections by the network that they come from
	all     int                // TCP connections
}

// New returns limits of which nothing is used.
func New(cfg Config) *Limits {
	l := &Limits{
		cfg:      cfg.withDefaults(),
		patience: make(chan struct{}, maxPatience), opened: make(map[who]int), sockets: make(map[netip.Addr]int),
	}
	l.sends, l.requests = newBuckets(l.cfg.Sends), newBuckets(l.cfg.Requests)
	l.metrics = newMetrics(l.cfg.Metrics, l.cfg.Connections, l.connections)
	return l
}

// who is a client, as far as it can be told from others: one of the two is set.
type who struct {
	id      string
	network netip.Addr
}

func clientOf(ctx context.Context) who {
	if client, err := auth.From(ctx); err == nil && client.ID != "" {
		return who{id: client.ID}
	}
	return who{network: networkOf(remote.From(ctx).Addr)}
}

// networkOf returns what stands for an address: itself, or the first of its 64 bits' network, which one client has whole.
func networkOf(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return prefix.Addr()
}

// Accepter takes a message in; journey.Accept is one.
type Accepter interface {
	Accept(ctx context.Context, m chat.Message) (chat.Message, error)
}

// Accept returns the guard before next: messages of a client that sends too fast are refused with errs.RateLimited and
// the time after which the next one is taken. Refusing takes a moment, see patience.
func (l *Limits) Accept(next Accepter) Accepter { return &accepter{l, next} }

type accepter struct {
	limits *Limits
	next   Accepter
}

// Accept implements Accepter.
func (a *accepter) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	if wait := a.limits.sends.take(clientOf(ctx)); wait > 0 {
		return m, a.limits.refuse(ctx, limitSends, wait)
	}
	return a.next.Accept(ctx, m)
}

// Allow returns an errs.RateLimited error for a request of a client that asks too often. Probes are always allowed.
// Requests without a valid token count for the address that they come from.
func (l *Limits) Allow(r *http.Request) error {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		return nil
	}
	return l.AllowCall(r.Context())
}

// AllowCall is Allow for a call of a hub method that sends nothing, by the client of ctx.
func (l *Limits) AllowCall(ctx context.Context) error {
	if wait := l.requests.take(clientOf(ctx)); wait > 0 {
		return l.refuse(ctx, limitRequests, wait)
	}
	return nil
}

// How long a refusal takes, and how many may take as long at a time. Who asks again and again over the same connections
// is slowed down by it, and costs the others nothing meanwhile.
const (
	patience    = 250 * time.Millisecond
	maxPatience = 1000
)

// refuse returns, after some time, the error of what came too soon.
func (l *Limits) refuse(ctx context.Context, name limit, wait time.Duration) error {
	l.metrics.refused(name)
	select {
	case l.patience <- struct{}{}:
		defer func() { <-l.patience }()
		select {
		case <-time.After(patience):
		case <-ctx.Done():
		}
	default: // very many wait already
	}
	most, what := l.cfg.Sends, "messages"
	if name == limitRequests {
		most, what = l.cfg.Requests, "requests"
	}
	return &errs.Error{Code: errs.RateLimited, RetryAfter: wait, Msg: fmt.Sprintf("more than %d %s a second", most, what)}
}

// Connect counts a hub connection or event stream of the request's client, until release is called, which may be done
// more than once. Beyond the limit it returns an errs.TooMany error.
func (l *Limits) Connect(ctx context.Context) (release func(), err error) {
	client := clientOf(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if limit := l.cfg.ConnectionsPerClient; limit >= 0 && l.opened[client] >= limit {
		l.metrics.refused(limitPerClient)
		return nil, &errs.Error{Code: errs.TooMany, Msg: fmt.Sprintf("this client has %d connections, and may have no more", limit)}
	}
	l.opened[client]++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.opened[client]--; l.opened[client] == 0 {
			delete(l.opened, client)
		}
	}), nil
}
