// Package forward forwards requests to other nodes: requests for a connection that another node has (ToNode), and requests
// that need a role which this node does not have (ToRole). So clients may send any request to any node, and a load
// balancer need not know what each node does. It stands beside the journey: a forwarded request takes its steps on
// another node. Read Forwarder.forward first, then request.serve.
//
// A request is forwarded once. It then carries the header Restante-Forwarded, and no node forwards a request with it: what
// the nodes know about each other can be out of date, and must not make a request run in circles.
package forward

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/inflight"
	"restante/internal/memory"
	"restante/internal/nodetls"
	"restante/internal/peer"
)

// Header names the node that has forwarded a request.
const Header = "Restante-Forwarded"

const (
	sendTimeout = 20 * time.Second // from the end of a message's request until an answer begins: accepting takes 15 s at most
	bodyTimeout = 15 * time.Second // for the next piece of a request's body, as the hub has it
)

// Config configures a Forwarder. The zero value is ready to use.
type Config struct {
	// Log gets a line at warn for each request that could not be forwarded. Default: discarded.
	Log *slog.Logger
	// Avoid reports whether a node is asked only if no other node with the role can be. Default: none.
	Avoid func(peer.Node) bool
	// Own is the key of this node, for connections with nodes that have announced theirs. Default: none, and such nodes cannot be reached.
	Own *nodetls.Identity
	// Hold returns where what a request in progress takes is counted, for its client. Default: nowhere.
	Hold func(ctx context.Context) *memory.Holding
	// HoldBody returns where what is kept of the body of a request is counted, for its client. Default: nowhere.
	HoldBody func(ctx context.Context) *memory.Holding
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
}

// Forwarder forwards requests to the nodes of a table. Its methods, and its handlers, may be called concurrently.
type Forwarder struct {
	peers       *peer.Table
	log         *slog.Logger
	avoid       func(peer.Node) bool
	hold        func(context.Context) *memory.Holding
	holdBody    func(context.Context) *memory.Holding
	metrics     *metrics
	nodes       *nodes
	buffers     buffers
	bodyTimeout time.Duration // the constants, but in tests
	sendTimeout time.Duration
	calls       inflight.Calls

	mu       sync.Mutex
	requests map[*request]context.CancelFunc // in progress; one is added when its call begins, under the same lock
}

// New returns a forwarder to the nodes that peers knows. Drain it in the end.
func New(peers *peer.Table, cfg Config) *Forwarder {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Avoid == nil {
		cfg.Avoid = func(peer.Node) bool { return false }
	}
	nowhere := func(context.Context) *memory.Holding { return nil }
	if cfg.Hold == nil {
		cfg.Hold = nowhere
	}
	if cfg.HoldBody == nil {
		cfg.HoldBody = nowhere
	}
	f := &Forwarder{peers: peers, log: cfg.Log, avoid: cfg.Avoid, hold: cfg.Hold, holdBody: cfg.HoldBody, bodyTimeout: bodyTimeout, sendTimeout: sendTimeout, requests: make(map[*request]context.CancelFunc)}
	f.metrics = newMetrics(cfg.Metrics, f.inProgress, peers)
	f.nodes = newNodes(peers, cfg.Own, cfg.Log, f.metrics.wrongKeys)
	return f
}

// ToNode returns a handler that forwards requests to one node. It is nil if this node has not heard from that node in the
// last ten minutes, and for this node itself. The handler answers 404 when the node has ended, so that clients connect
// anew, and 503 when it cannot be reached now.
func (f *Forwarder) ToNode(id string) http.Handler {
	node, known := f.peers.Find(id)
	if !known || id == f.peers.Self().ID {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.forward(&request{f: f, w: w, target: targetNode, nodes: []peer.Node{node}, lost: f.lostNode(id)}, r)
	})
}

// lostNode returns what the failure to reach a node means. An id stands for one process: when nothing listens at its
// address, or another node does, that process has ended.
func (f *Forwarder) lostNode(id string) func(err error) outcome {
	return func(err error) outcome {
		if isRefused(err) || isLoop(err) || f.nodes.isAnother(err) || isDial(err) && !f.peers.IsAlive(id, time.Now()) {
			return ended
		}
		return unavailable
	}
}

// ToRole returns a handler that forwards requests to some other node with the role, and to the next one if that cannot be
// reached. It answers 503 when no node can.
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
		slices.SortStableFunc(others, func(a, b peer.Node) int { return cmp.Compare(f.lastChoice(a), f.lastChoice(b)) })
		lost := func(error) outcome { return unavailable }
		f.forward(&request{f: f, w: w, target: target(role), nodes: others, lost: lost}, r)
	})
}

// lastChoice is 1 for nodes that are to be avoided, 0 for the others.
func (f *Forwarder) lastChoice(n peer.Node) int {
	if f.avoid(n) {
		return 1
	}
	return 0
}

// priceOfRequest is about what a request takes while it is forwarded, in bytes: buffers and goroutines on both sides.
const priceOfRequest = 32 << 10

// forward returns when the request has been answered; for a WebSocket, when it has been closed.
func (f *Forwarder) forward(q *request, r *http.Request) {
	q.outcome = aborted // if serve panics, as it does to cut an answer that has begun
	q.message, q.client = messageOf(r), r.Context()
	if q.message != nil {
		q.message.held = f.holdBody(r.Context())
	}
	defer func() { f.metrics.count(q.target, q.outcome) }()
	held := f.hold(r.Context())
	defer held.Release()
	if held.Grow(priceOfRequest) != nil {
		q.outcome = refused
		q.refuse(r.Method, false)
		return
	}
	ctx, ok := f.begin(r.Context(), q)
	if !ok {
		q.outcome = unavailable
		q.refuse(r.Method, false)
		return
	}
	defer f.end(q)
	if q.message != nil {
		ctx = q.message.limit(ctx)
		defer q.message.end()
	}
	defer q.endWithToken(r)()
	q.serve(r.WithContext(ctx))
}

func (f *Forwarder) begin(ctx context.Context, q *request) (context.Context, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.calls.Begin() {
		return nil, false
	}
	ctx, cancel := context.WithCancel(ctx)
	f.requests[q] = cancel
	return ctx, true
}

func (f *Forwarder) end(q *request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests[q]()
	delete(f.requests, q)
	f.calls.End()
}

func (f *Forwarder) inProgress() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return float64(len(f.requests))
}

// Drain ends the requests in progress, spread over the time until ctx's deadline, or at once without a deadline: their
// clients connect again, to another node. Until then new requests are still forwarded, afterwards they are refused. Drain
// returns when no request is in progress.
func (f *Forwarder) Drain(ctx context.Context) error {
	f.mu.Lock()
	cut := slices.Collect(maps.Values(f.requests))
	f.mu.Unlock()
	if deadline, ok := ctx.Deadline(); ok {
		spread(ctx, cut, time.Until(deadline)*3/4)
	}
	f.mu.Lock()
	f.calls.Close()
	for _, cancel := range f.requests {
		cancel()
	}
	f.mu.Unlock()
	f.calls.Wait() // soon: a request ends with its context
	f.nodes.closeIdle()
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

// buffers pools the buffers with which answers are copied. They are small, since a stream keeps one as long as it lasts.
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
