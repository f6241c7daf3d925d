package forward

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/nodetls"
	"restante/internal/peer"
)

const (
	dialTimeout   = 2 * time.Second  // a node that takes longer cannot be reached
	answerTimeout = 2 * time.Minute  // until an answer begins: longer than a long poll, which waits 45 s
	idleTimeout   = 30 * time.Second // of a kept connection: shorter than the server's, which must not close it first
	probeEvery    = 5 * time.Second  // a quiet connection to a machine that has vanished is closed after three of these
	maxIdle       = 1024             // kept connections to each node: a long poll in progress needs one
)

// nodes sends requests to nodes, and keeps the connections with them. A node that has announced a key is reached over TLS with this
// key only. A node of a version before is reached as its URL says, while not all living nodes have a key.
type nodes struct {
	peers     *peer.Table
	own       *nodetls.Identity // nil: nodes with a key cannot be reached
	log       *slog.Logger
	wrongKeys prometheus.Counter
	dialer    net.Dialer
	plain     *http.Transport // to nodes of versions before
	secured   *http.Transport // to nodes with a key; its hosts are made by hostOf, so that no two processes share a connection
}

func newNodes(peers *peer.Table, own *nodetls.Identity, log *slog.Logger, wrongKeys prometheus.Counter) *nodes {
	n := &nodes{peers: peers, own: own, log: log, wrongKeys: wrongKeys, dialer: net.Dialer{
		Timeout:         dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeEvery, Interval: probeEvery, Count: 3},
	}}
	n.plain, n.secured = newTransport(n.dialer.DialContext), newTransport(n.dialSecured)
	return n
}

func newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:           dial,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: answerTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   maxIdle,
		DisableCompression:    true, // bodies are forwarded as they are
	}
}

// roundTrip sends a request to a node. It sets the scheme and the host of the request's URL. isDial reports whether its error says that nothing
// was sent.
func (n *nodes) roundTrip(r *http.Request, to peer.Node) (*http.Response, error) {
	switch {
	case to.Key != "":
		r.URL.Scheme, r.URL.Host = "http", hostOf(to)
		return n.secured.RoundTrip(r)
	case !n.peers.MayBePlain(to.ID):
		return nil, notReached(errNoKey)
	}
	base, err := url.Parse(to.URL)
	if err != nil {
		return nil, notReached(err)
	}
	r.URL.Scheme, r.URL.Host = base.Scheme, base.Host
	return n.plain.RoundTrip(r)
}

var errNoKey = errors.New("the node has no key for encrypted connections, and all living nodes have one")

// notReached returns err as the error of a connection that was not made.
func notReached(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }

// hostOf returns the host under which the transport knows a node. It is not resolved: dialSecured finds the node again.
func hostOf(n peer.Node) string { return hex.EncodeToString([]byte(n.ID)) }

// dialSecured connects to the node whose host is part of the address.
func (n *nodes) dialSecured(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	id, _ := hex.DecodeString(host)
	to, known := n.peers.Find(string(id))
	if !known || to.Key == "" || n.own == nil {
		return nil, notReached(errors.New("the node is not known any more"))
	}
	where, err := addressOf(to.URL)
	if err != nil {
		return nil, notReached(err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := n.dialer.DialContext(ctx, network, where)
	if err != nil {
		return nil, err
	}
	secured, err := n.own.Client(ctx, conn, to.Key)
	if err != nil {
		n.noteWrongKey(ctx, to, where, err)
		return nil, notReached(fmt.Errorf("handshake with %s: %w", where, err))
	}
	return secured, nil
}

// addressOf returns HOST:PORT of the URL at which a node is reached.
func addressOf(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("the node has announced no URL")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// noteWrongKey counts and logs that something else answers in the place of a node. A node that was started again at the same address is
// nothing to report.
func (n *nodes) noteWrongKey(ctx context.Context, to peer.Node, where string, err error) {
	wrong, ok := errors.AsType[*nodetls.WrongKeyError](err)
	if !ok || n.isAnother(err) {
		return
	}
	n.wrongKeys.Inc()
	n.log.WarnContext(ctx, "another key answers at the address of a node; nothing was sent to it",
		slog.String("node", to.ID), slog.String("address", where), slog.String("announced", wrong.Want), slog.String("found", wrong.Got))
}

// isAnother reports whether err says that another known node answers at the address of a node, which has ended then.
func (n *nodes) isAnother(err error) bool {
	wrong, ok := errors.AsType[*nodetls.WrongKeyError](err)
	return ok && n.peers.HasKey(wrong.Got)
}

func (n *nodes) closeIdle() {
	n.plain.CloseIdleConnections()
	n.secured.CloseIdleConnections()
}
