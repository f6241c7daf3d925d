package signalr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/memory"
	"restante/internal/origin"
)

// Config is the server's configuration. The zero value is usable and means the documented defaults.
type Config struct {
	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered

	// Node is the name of this node among several, of a-z and 0-9; its tokens begin with it. Default: there is one node.
	Node string
	// Forward returns a handler that forwards requests to another node, or nil if it does not know the node; connections of
	// that node are then unknown. It must forward a request at most once. Default: it knows no other node.
	Forward func(node string) http.Handler

	// Forwarded reports whether another node has forwarded a request. Default: never.
	Forwarded func(r *http.Request) bool
	// Asked reports whether a request is the question of another node (see Ask), which proves it. It must be false for requests
	// that a node has forwarded for a client. Default: never.
	Asked func(r *http.Request) bool
	// Others returns the other living nodes that have connections. Default: there are none.
	Others func() []string
	// Ask sends a short request to another node, with proof that a node sends it and with the credentials of r, and returns the
	// answer. A node that has ended has answered 404. An error says that the node may be alive and has not answered. It blocks
	// until the end of r's context at most, and is called concurrently. Default: all nodes have ended.
	Ask func(r *http.Request, node string) (status int, body []byte, err error)

	// Identify returns the sender of a request, or why it is refused. It is called concurrently, for every request to the
	// hub except preflights and those of foreign pages, after the CORS headers of the answer are set. Default: an anonymous
	// sender that never expires.
	Identify func(r *http.Request) (Identity, *Refusal)

	// Valid reports whether what the request of a context has shown still counts; the context has the values of the request. It must
	// not block, and is called concurrently. Call Server.Recheck when it may have become false. Default: it always counts.
	Valid func(ctx context.Context) bool
	// WhenInvalid has end called once when what the request of a context has shown does not count any more. After stop has
	// returned end is not called. Default: that never happens.
	WhenInvalid func(ctx context.Context, end func()) (stop func())

	// Denied is told of each request that is answered 403, with the reason in one word: "origin" for a page of a foreign origin,
	// "connection" for a refresh of the connection of another client. It must not block, and is called concurrently. Default:
	// nothing is told.
	Denied func(r *http.Request, reason string)

	// Secure says whether the client has used https, if that is known. Only pages of the same scheme are then the server's
	// own. It is called concurrently. Default: not known, since a proxy may have terminated TLS.
	Secure func(r *http.Request) (secure, known bool)

	// AllowedOrigins are the origins (scheme://host[:port]) of web pages that may use the hub besides the hub's own.
	// Default: none.
	AllowedOrigins []string

	KeepAlive        time.Duration // silence after which the server pings; default 15 s
	ClientTimeout    time.Duration // silence after which a client that has pinged before is disconnected; default 30 s
	HandshakeTimeout time.Duration // from opening a transport to a complete handshake; default 15 s
	PollTimeout      time.Duration // longest wait of a long poll: shorter than the 50 to 60 s after which proxies cut; default 45 s
	IdleTimeout      time.Duration // longest pause between polls or within a POST, and life of an unused token; default 15 s

	// MessageTimeout is how long a hub message, or a WebSocket frame, may take from its first byte to its last. The time of
	// earlier calls does not count. Default 30 s.
	MessageTimeout time.Duration

	// StallTimeout is how long a peer may accept none of its pending bytes, and send nothing, before its connection is cut. A
	// reader that is slow but accepts bytes is never cut. Default 5 min.
	StallTimeout time.Duration

	// MaxMessage is the size of the largest hub message accepted, in bytes; default 256 KiB.
	MaxMessage int

	// MessageRate is how many messages per second are read from a connection, whatever their kind. A piece of a message, or
	// a frame without one, counts as a message, and every full KiB of either counts as one more. What is sent faster waits
	// in the network. Negative: no limit. Default 1,000.
	MessageRate int

	// ReconnectWindow is how long a connection goes on after its WebSocket has ended without a Close message, for clients that
	// ask for stateful reconnect. Meanwhile it counts as open. Default: stateful reconnect is not offered.
	ReconnectWindow time.Duration

	// MaxUnused limits the tokens that negotiate has issued and that are not used yet; beyond it negotiate answers 503. The
	// token of a client that opens its WebSocket on another node than it negotiated with stays unused until IdleTimeout.
	// Default 100,000.
	MaxUnused int

	// MaxUnusedPerClient limits those tokens for one Identity.Owner; beyond it negotiate answers 429. Negative: any number.
	// Default 200.
	MaxUnusedPerClient int

	// Keeps reports whether the hub reads a parameter of the URL that opens a connection. The others are not kept until the
	// handshake. Default: it reads all.
	Keeps func(name string) bool

	// Forget is called with a request whose answer lasts as long as its connection, when nothing more is needed of the request but
	// its context and the headers Accept, Authorization and Origin. Default: nothing.
	Forget func(*http.Request)

	// Memory is where the server counts what it keeps for its clients: connections, tokens that are not used yet, and bytes that
	// wait. What does not fit is refused; a connection ends when there is no space for its bytes. Default: no limit.
	Memory *memory.Budget

	// SendBuffer is the size in bytes of a WebSocket's send buffer in the kernel, so that a slow peer costs little. Negative:
	// the system's default. Default 128 KiB.
	SendBuffer int
}

// Fixed limits of the protocol.
const (
	queueBound     = 64 << 10        // bytes that may wait in the server for an SSE or long-polling client
	handshakeLimit = 4 << 10         // bytes of a handshake request
	closeWait      = 5 * time.Second // for a closing peer to accept its last bytes and to answer
	writeChunk     = 4 << 10         // bytes per blocking write, so that progress is noticed
	readBuffer     = 16 << 10        // size of the pooled read buffers
	maxPosts       = 32              // concurrent POST requests of a connection; stock clients have one
)

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	if c.Node != "" && !isNode(c.Node) {
		faults = append(faults, fmt.Errorf("node %q: want 1 to %d letters a-z and digits", c.Node, maxNode))
	}
	if _, err := origin.ParseList(c.AllowedOrigins); err != nil {
		faults = append(faults, err)
	}
	for name, d := range map[string]time.Duration{
		"keep-alive": c.KeepAlive, "client timeout": c.ClientTimeout, "handshake timeout": c.HandshakeTimeout,
		"poll timeout": c.PollTimeout, "idle timeout": c.IdleTimeout, "stall timeout": c.StallTimeout,
		"message timeout": c.MessageTimeout, "reconnect window": c.ReconnectWindow,
	} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("%s %s: must not be negative", name, d))
		}
	}
	if c.MaxMessage < 0 || c.MaxUnused < 0 {
		faults = append(faults, errors.New("limits must not be negative"))
	}
	return errors.Join(faults...)
}

// withDefaults returns the configuration with the documented defaults in place of zero values.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Identify == nil {
		c.Identify = func(*http.Request) (Identity, *Refusal) { return Identity{}, nil }
	}
	c.knowNodes()
	if c.Valid == nil {
		c.Valid = func(context.Context) bool { return true }
	}
	if c.WhenInvalid == nil {
		c.WhenInvalid = func(context.Context, func()) func() { return func() {} }
	}
	if c.Denied == nil {
		c.Denied = func(*http.Request, string) {}
	}
	if c.Secure == nil {
		c.Secure = func(*http.Request) (secure, known bool) { return false, false }
	}
	if c.Forget == nil {
		c.Forget = func(*http.Request) {}
	}
	setDefault(&c.KeepAlive, 15*time.Second)
	setDefault(&c.ClientTimeout, 30*time.Second)
	setDefault(&c.HandshakeTimeout, 15*time.Second)
	setDefault(&c.PollTimeout, 45*time.Second)
	setDefault(&c.IdleTimeout, 15*time.Second)
	setDefault(&c.MessageTimeout, 30*time.Second)
	setDefault(&c.StallTimeout, 5*time.Minute)
	setDefault(&c.MaxMessage, 256<<10)
	setDefault(&c.MessageRate, 1000)
	setDefault(&c.MaxUnused, 100_000)
	setDefault(&c.MaxUnusedPerClient, 200)
	setDefault(&c.SendBuffer, 128<<10)
	return c
}

// knowNodes sets the defaults of what concerns other nodes.
func (c *Config) knowNodes() {
	if c.Forward == nil {
		c.Forward = func(string) http.Handler { return nil }
	}
	never := func(*http.Request) bool { return false }
	if c.Forwarded == nil {
		c.Forwarded = never
	}
	if c.Asked == nil {
		c.Asked = never
	}
	if c.Others == nil {
		c.Others = func() []string { return nil }
	}
	if c.Ask == nil {
		c.Ask = func(*http.Request, string) (int, []byte, error) { return http.StatusNotFound, nil, nil }
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// tick is how often the sweeper checks connections: once a second, as ASP.NET does, or more often when a timeout is short.
func (c Config) tick() time.Duration {
	shortest := min(c.KeepAlive, c.ClientTimeout, c.HandshakeTimeout, c.IdleTimeout, c.StallTimeout, c.MessageTimeout)
	return min(time.Second, max(shortest/4, time.Millisecond))
}
