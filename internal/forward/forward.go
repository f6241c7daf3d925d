// Package forward passes requests on to other nodes: those of a connection that another node has (ToNode), and those that
// take a role which this node does not have (ToRole). So any node can be asked for anything, and a load balancer need
// not know which does what. It stands beside the journey: what is passed on begins it, or ends it, elsewhere.
//
// A request is passed on once. It carries the header Restante-Forwarded from then on, with which no node passes it on
// again: what the nodes believe of each other can be out of date, and must not make a request run in circles.
package forward

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/peer"
)

// Header names the node that has passed a request on.
const Header = "Restante-Forwarded"

const (
	dialTimeout   = 2 * time.Second  // a node that takes longer is as good as gone
	answerTimeout = 2 * time.Minute  // until an answer begins: longer than a long poll, which waits 90 s
	bodyTimeout   = 15 * time.Second // for a body that stops coming, as the hub's own
	idleTimeout   = 30 * time.Second // of a kept connection: shorter than the server's, so that none closes in our face
	probeEvery    = 5 * time.Second  // a quiet connection to a machine that has vanished is noticed after three of these
	maxIdle       = 1024             // kept connections to each node: a long poll in progress takes one
)

// Config configures a Forwarder. The zero value is ready to use.
type Config struct {
	// Log gets a line at warn for each request that could not be passed on. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
}

// Forwarder passes requests on to the nodes of a table. Its methods, and its handlers, may be called concurrently.
type Forwarder struct {
	peers     *peer.Table
	log       *slog.Logger
	metrics   *metrics
	transport *http.Transport
	buffers   buffers
	patience  time.Duration // bodyTimeout, but for tests

	mu      sync.Mutex
	passing map[*passage]context.CancelFunc
	closed  bool
	running sync.WaitGroup // requests in progress; added to under mu, and not once closed
}

// New returns a forwarder to the nodes that peers knows. Drain ends it.
func New(peers *peer.Table, cfg Config) *Forwarder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Forwarder{peers: peers, log: cfg.Log, patience: bodyTimeout, passing: make(map[*passage]context.CancelFunc)}
	f.metrics = newMetrics(cfg.Metrics, f.inProgress, peers)
	f.transport = &http.Transport{
		DialContext: (&net.Dialer{
			Timeout:         dialTimeout,
			KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeEvery, Interval: probeEvery, Count: 3},
		}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   maxIdle,
		DisableCompression:    true, // bytes pass as they are
	}
	return f
}

// ToNode returns a handler that passes requests on to one node, or nil if that was never heard of, long ago, or is this
// one. It answers 404 when the node is gone, so that clients connect anew, and 503 when it cannot be reached now.
func (f *Forwarder) ToNode(id string) http.Handler {
	node, known := f.peers.Find(id)
	if !known || id == f.peers.Self().ID {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.pass(&passage{f: f, w: w, target: targetNode, nodes: []peer.Node{node}, lost: f.lostNode(id)}, r)
	})
}

// lostNode says what has become of a node that cannot be reached. An id is one process: where nobody listens, or the
// name is somebody else's by now, it has ended.
func (f *Forwarder) lostNode(id string) func(err error) outcome {
	return func(err error) outcome {
		if isRefused(err) || isLoop(err) || isDial(err) && !f.isAlive(id) {
			return gone
		}
		return unavailable
	}
}

func (f *Forwarder) isAlive(id string) bool {
	for _, role := range peer.Roles() {
		for _, n := range f.peers.Alive(role, time.Now()) {
			if n.ID == id {
				return true
			}
		}
	}
	return false
}

// ToRole returns a handler that passes requests on to some other node with the role, and to the next one if that cannot
// be reached. It answers 503 when there is none.
func (f *Forwarder) ToRole(role peer.Role) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nodes := f.peers.Alive(role, time.Now())
		others := nodes[:0]
		for _, n := range nodes {
			if n.ID != f.peers.Self().ID {
				others = append(others, n)
			}
		}
		rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		lost := func(error) outcome { return unavailable }
		f.pass(&passage{f: f, w: w, target: target(role), nodes: others, lost: lost}, r)
	})
}

// pass passes a request on, and returns when it has been answered, or for a WebSocket when that has ended.
func (f *Forwarder) pass(p *passage, r *http.Request) {
	p.outcome = aborted // if it panics, as it does to cut an answer that has begun
	defer func() { f.metrics.count(p.target, p.outcome) }()
	ctx, ok := f.begin(r.Context(), p)
	if !ok {
		p.outcome = unavailable
		p.refuse()
		return
	}
	defer f.end(p)
	p.serve(r.WithContext(ctx))
}

func (f *Forwarder) begin(ctx context.Context, p *passage) (context.Context, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	f.passing[p] = cancel
	f.running.Add(1)
	return ctx, true
}

func (f *Forwarder) end(p *passage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passing[p]()
	delete(f.passing, p)
	f.running.Done()
}

func (f *Forwarder) inProgress() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return float64(len(f.passing))
}

// Drain ends the requests in progress, spread over the time until ctx's deadline, at once if it has none: their clients
// connect again, and find another way. New ones are passed on until that time is over, then refused. It returns when
// nothing is in progress.
func (f *Forwarder) Drain(ctx context.Context) error {
	f.mu.Lock()
	cut := make([]context.CancelFunc, 0, len(f.passing))
	for _, cancel := range f.passing {
		cut = append(cut, cancel)
	}
	f.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		spread(ctx, cut, time.Until(deadline)*3/4)
	}
	f.mu.Lock()
	f.closed = true
	for _, cancel := range f.passing {
		cancel()
	}
	f.mu.Unlock()
	f.running.Wait() // no request outlives its context
	f.transport.CloseIdleConnections()
	return nil
}

// spread calls the functions one after the other, evenly over the period.
func spread(ctx context.Context, cut []context.CancelFunc, period time.Duration) {
	if len(cut) == 0 || period <= 0 {
		return
	}
	ticker := time.NewTicker(max(period/time.Duration(len(cut)), 1))
	defer ticker.Stop()
	for _, cancel := range cut {
		cancel()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// buffers is the store of what answers are copied with. A stream keeps one as long as it lasts, so they are small.
type buffers struct{ pool sync.Pool }

const bufferSize = 8 << 10

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[bufferSize]byte); ok {
		return buf[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buf []byte) { b.pool.Put((*[bufferSize]byte)(buf)) }
