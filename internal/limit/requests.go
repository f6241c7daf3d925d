package limit

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"restante/internal/errs"
	"restante/internal/memory"
)

// The limits of HTTP/2. What a connection may send before a handler reads it is buffered, so it is little.
const (
	streams       = 100      // requests of one connection at a time
	streamPrice   = 8 << 10  // what each of them takes, besides its head
	maxFrame      = 16 << 10 // bytes; a buffer of that size is taken before the frame has come
	receiveConn   = 64 << 10 // bytes that wait for handlers, of all requests of a connection
	receiveStream = 32 << 10 // of one request
)

// bodyTime is how long a body may take, also one that no handler reads: net/http waits for its end before it answers.
const bodyTime = 30 * time.Second

// Serve sets up srv, whose ReadHeaderTimeout is HeaderTimeout, for the connections of Listener, or for connections over them that have
// a method NetConn. Its handler must begin with Compact and Heads.
func (l *Limits) Serve(srv *http.Server) {
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(l.cfg.TLS) // the connections of Listener decrypt it
	if srv.HTTP2 == nil {
		srv.HTTP2 = &http.HTTP2Config{}
	}
	srv.HTTP2.MaxConcurrentStreams = streams
	srv.HTTP2.MaxReadFrameSize = maxFrame
	srv.HTTP2.MaxReceiveBufferPerConnection = receiveConn
	srv.HTTP2.MaxReceiveBufferPerStream = receiveStream
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, countedOf(c))
	}
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		if counted := countedOf(c); state == http.StateIdle && counted != nil {
			counted.answered()
		}
	}
}

type connKey struct{}

// countedOf returns the counted connection below c, or nil.
func countedOf(c net.Conn) *conn {
	for {
		switch over := c.(type) {
		case *conn:
			return over
		case *secured:
			return over.counted
		case interface{ NetConn() net.Conn }:
			c = over.NetConn()
		default:
			return nil
		}
	}
}

// answered notes that the answer to a request is complete. Over HTTP/1.1 the next head follows.
func (c *conn) answered() {
	c.head.mu.Lock()
	defer c.head.mu.Unlock()
	if c.head.phase != framed {
		c.head.phase = idle
		c.finish().Release()
	}
}

// Heads returns a handler that holds the memory of each request's head until next has answered it, and refuses the request with 503
// if there is none. It must be called with requests whose origin is known (package remote).
func (l *Limits) Heads(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(connKey{}).(*conn)
		if c == nil {
			next.ServeHTTP(w, r)
			return
		}
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // a handler that reads for longer sets its own
		}
		held, ok := l.begin(c, r)
		defer held.Release()
		if !ok {
			l.metrics.refused(limitMemory)
			refuseHead(w, r)
			return
		}
		if held != nil {
			r = r.WithContext(context.WithValue(r.Context(), heldKey{}, held))
		}
		next.ServeHTTP(w, r)
	})
}

type heldKey struct{}

// begin notes that the head of a request is complete. It returns what is held for it, nil for a small one, and whether there is
// memory for it.
func (l *Limits) begin(c *conn, r *http.Request) (held *memory.Holding, ok bool) {
	c.head.mu.Lock()
	multiplexed := c.head.phase == framed
	if !multiplexed {
		c.head.phase = serving
		held = c.finish()
	}
	c.head.mu.Unlock()
	if r.ProtoMajor > 1 != multiplexed {
		_ = c.Close() // HTTP/2 that was not agreed in the handshake, whose heads were not counted
		return held, false
	}
	var price int
	if multiplexed {
		price = streamPrice + headCopies*max(0, sizeOf(r)-smallHead)
	} else {
		if held == nil || Owner(r.Context()) == c.owner() {
			return held, true
		}
		price = held.Size() // of the client behind the proxy, or the node, from here on
		held.Release()
	}
	held = l.cfg.Memory.Hold(memory.Head, Owner(r.Context()))
	return held, held.Grow(price) == nil
}

// sizeOf returns about how many bytes the head of a request has.
func sizeOf(r *http.Request) int {
	size := len(r.URL.Path) + len(r.URL.RawQuery)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	return size
}

func refuseHead(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Retry-After", "1")
	if r.ProtoMajor == 1 {
		h.Set("Connection", "close")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(memory.RestTime)) // net/http would wait for the body
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, problem(noSpace, errs.Unavailable)) // a client that has disconnected needs no answer
}

// Compact returns a handler that makes the request of net/http itself independent of the line that it was read from. Without that, a
// few bytes that are kept of a request keep its whole line. It also tells the request what its TLS handshake has agreed on. It must be
// the first handler.
func Compact(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, _ := r.Context().Value(connKey{}).(*conn); c != nil {
			r.TLS = c.state
		}
		r.RequestURI = ""
		if i := slices.Index(methods, r.Method); i >= 0 {
			r.Method = methods[i]
		} else {
			r.Method = strings.Clone(r.Method)
		}
		if i := slices.Index(protocols, r.Proto); i >= 0 {
			r.Proto = protocols[i]
		}
		if r.URL.Host != "" {
			r.Host = strings.Clone(r.Host)
		}
		next.ServeHTTP(w, r)
	})
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

var protocols = []string{"HTTP/1.1", "HTTP/2.0", "HTTP/1.0"} // net/http refuses others

// kept are the headers that are read while an answer lasts.
var kept = []string{"Accept", "Authorization", "Origin"}

// Forget drops what a request need not keep while its answer lasts: the query and most headers, for all copies of the request. What
// was held for its head is given back. Strings that were taken from the request before must be cloned where they are kept.
func Forget(r *http.Request) {
	*r.URL = url.URL{Path: strings.Clone(r.URL.Path)}
	for name, values := range r.Header {
		if !slices.Contains(kept, name) || len(values) != 1 || len(values[0]) > smallHead {
			delete(r.Header, name)
		}
	}
	if held, ok := r.Context().Value(heldKey{}).(*memory.Holding); ok {
		left := 0
		if r.ProtoMajor > 1 {
			left = streamPrice
			_ = r.Body.Close() // HTTP/2 would keep what comes of it
		}
		held.Shrink(held.Size() - left)
	}
}

// HoldForwarded returns a holding for a request of a client while it is forwarded. Release it when the request is answered.
func (l *Limits) HoldForwarded(ctx context.Context) *memory.Holding {
	return l.cfg.Memory.Hold(memory.Connection, Owner(ctx))
}

// HoldAnswer returns a holding for what is sent to the client of a request. Release it when the request is answered.
func (l *Limits) HoldAnswer(ctx context.Context) *memory.Holding {
	return l.cfg.Memory.Hold(memory.Answer, Owner(ctx))
}

// HoldBody returns a holding for the body of a request, of its client. Release it when the request is answered.
func (l *Limits) HoldBody(ctx context.Context) *memory.Holding {
	return l.cfg.Memory.Hold(memory.Body, Owner(ctx))
}
