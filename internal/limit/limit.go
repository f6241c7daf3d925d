// Package limit bounds what a single client may use of the server, so that enough is left for the others: messages and
// requests per second, connections at a time. It counts what one node sees, and forgets clients that are quiet. In the
// journey it stands before Accept, and before the HTTP handlers and the hub that lead there.
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
	"restante/internal/journey"
	"restante/internal/memory"
	"restante/internal/remote"
	"restante/internal/route"
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
	Connections           int // TCP connections in all; default nine tenths of the files that the process may open, and no more than fit into Memory
	ConnectionsPerAddress int // TCP connections of one address; default DefaultConnectionsPerAddress
	ConnectionsPerClient  int // hub connections and event streams of a client; default DefaultConnectionsPerClient

	Memory *memory.Budget // what connections, heads and bodies are counted in; default: no limit

	Exempt []netip.Prefix // networks without ConnectionsPerAddress, such as those of proxies; default none
	TLS    bool           // connections are encrypted: a rejected one gets no answer

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

func (c Config) withDefaults() Config {
	for value, standard := range map[*int]int{
		&c.Sends: DefaultSends, &c.Requests: DefaultRequests, &c.Connections: c.mostConnections(),
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

// What a connection takes besides the bytes that wait in it, in bytes: buffers and a stack at first, and under TLS its state.
const (
	priceOfTCP = 10 << 10
	priceOfTLS = 32 << 10
)

// price returns what a connection takes.
func (c Config) price() int {
	if c.TLS {
		return priceOfTLS
	}
	return priceOfTCP
}

// mostConnections returns how many connections there may be when nothing is said.
func (c Config) mostConnections() int {
	most := openFiles() * 9 / 10
	if c.Memory != nil {
		most = min(most, c.Memory.Limit()/c.price())
	}
	return most
}

// Limits counts. Its methods may be called concurrently.
type Limits struct {
	cfg             Config
	metrics         *metrics
	sends, requests *buckets
	delays          chan struct{} // buffered: one element for each refusal that is being delayed
	rejected        warnings
	heads           *heads

	mu      sync.Mutex
	opened  map[clientKey]int  // hub connections and event streams
	sockets map[netip.Addr]int // TCP connections by the network that they come from
	all     int                // TCP connections
}

// New returns limits of which nothing is used.
func New(cfg Config) *Limits {
	l := &Limits{
		cfg:    cfg.withDefaults(),
		delays: make(chan struct{}, maxDelays), opened: make(map[clientKey]int), sockets: make(map[netip.Addr]int),
	}
	l.sends, l.requests = newBuckets(l.cfg.Sends), newBuckets(l.cfg.Requests)
	l.heads = newHeads(l.cfg)
	l.metrics = newMetrics(l.cfg.Metrics, l.cfg.Connections, l.connections, l.heads.count)
	return l
}

// clientKey tells one client from another: one of its two fields is set.
type clientKey struct {
	id      string
	network netip.Addr
}

func clientOf(ctx context.Context) clientKey {
	if client, err := auth.From(ctx); err == nil && client.ID != "" {
		return clientKey{id: client.ID}
	}
	return clientKey{network: remote.Network(remote.From(ctx).Addr)}
}

// Owner returns the name under which what the client of ctx makes the server keep is held: the sub of its token, or its network.
func Owner(ctx context.Context) string {
	client := clientOf(ctx)
	if client.id != "" {
		return ownerOfID + client.id
	}
	return OwnerOf(client.network)
}

// ownerOfID begins the names of owners with a token, so that none is the name of a network.
const ownerOfID = "sub "

// OwnerOf is Owner for a connection from an address, of which no request is known yet.
func OwnerOf(addr netip.Addr) string { return remote.Network(addr).String() }

// CheckRate returns the check of rates before next: it refuses messages of a client that sends too fast, with
// errs.RateLimited and the time after which the next message is accepted. A refusal is delayed, see refusalDelay.
func (l *Limits) CheckRate(next journey.Accepter) journey.Accepter { return &rateCheck{l, next} }

type rateCheck struct {
	limits *Limits
	next   journey.Accepter
}

// Accept implements journey.Accepter.
func (c *rateCheck) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	if wait := c.limits.sends.take(clientOf(ctx)); wait > 0 {
		return m, c.limits.refuse(ctx, limitSends, wait)
	}
	return c.next.Accept(ctx, m)
}

// Allow returns an errs.RateLimited error for a request of a client that asks too often. Probes are always allowed.
// Requests without a valid token count for the address that they come from.
func (l *Limits) Allow(r *http.Request) error {
	if route.Of(r).IsProbe() {
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

// Refusals are delayed, up to maxDelays at a time. A client that asks again and again over the same connections is slowed
// down by the delay, and uses up nothing of the others' share meanwhile.
const (
	refusalDelay = 250 * time.Millisecond
	maxDelays    = 1000
)

// refuse returns, after refusalDelay, the error of a message or request that came too soon.
func (l *Limits) refuse(ctx context.Context, name limit, wait time.Duration) error {
	l.metrics.refused(name)
	select {
	case l.delays <- struct{}{}:
		defer func() { <-l.delays }()
		select {
		case <-time.After(refusalDelay):
		case <-ctx.Done():
		}
	default: // maxDelays refusals are being delayed: this one is not
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
