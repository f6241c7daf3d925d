package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"restante/internal/errs"
	"restante/internal/memory"
	"restante/internal/peer"
	"restante/internal/remote"
)

// request is one request that this node forwards.
type request struct {
	f        *Forwarder
	w        http.ResponseWriter
	target   target
	nodes    []peer.Node             // to be tried in this order
	lost     func(err error) outcome // the outcome when none of them has answered
	message  *message                // that the request sends, or nil
	client   context.Context         //nolint:containedctx // of the request as it came, to tell a client that has ended from Drain
	asked    peer.Node               // the node that was tried last
	answered bool                    // the node has begun to answer
	outcome  outcome
	whole    atomic.Bool // the whole body was sent
	refused  atomic.Bool // the other node has answered 401 before that
}

var (
	errLoop = errors.New("the request has been forwarded already")
	errNone = errors.New("no node with this role is known")

	errNoAnswer = errors.New("the node has not answered a message in time")
)

func isLoop(err error) bool    { return errors.Is(err, errLoop) }
func isRefused(err error) bool { return isDial(err) && errors.Is(err, syscall.ECONNREFUSED) }

// isDial reports whether err says that a node was not reached, so that it has received nothing of the request.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func (q *request) serve(r *http.Request) {
	switch {
	case r.Header.Get(Header) != "":
		q.failed(q.w, r, errLoop)
		return
	case len(q.nodes) == 0:
		q.failed(q.w, r, errNone)
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: q.rewrite, Transport: q, ModifyResponse: q.keepOwnHeaders, ErrorHandler: q.failed,
		BufferPool: &q.f.buffers, // answers of unknown length, and events, are not buffered
		ErrorLog:   slog.NewLogLogger(q.f.log.Handler(), slog.LevelDebug),
	}
	_ = http.NewResponseController(q.w).SetWriteDeadline(time.Time{}) // a stream has no limit
	proxy.ServeHTTP(q.w, r)
	if q.answered {
		q.outcome = answered
	}
}

// rewrite makes the request that the other node gets: the same, host and query included, with the client's address and
// scheme in the headers that proxies use, and the proof that a node has set them.
func (q *request) rewrite(pr *httputil.ProxyRequest) {
	pr.Out.Host = pr.In.Host
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
	pr.SetXForwarded()
	pr.Out.Header.Del("X-Forwarded-Proto") // unknown where a proxy may have ended TLS; the other node would believe it
	if from := remote.From(pr.In.Context()); from.Known {
		pr.Out.Header.Set("X-Forwarded-Proto", scheme(from.Secure))
	}
	if said := pr.In.Header["X-Forwarded-Host"]; said != nil {
		pr.Out.Header["X-Forwarded-Host"] = said
	}
	if id := q.w.Header().Get("X-Request-Id"); id != "" {
		pr.Out.Header.Set("X-Request-Id", id) // both nodes log the request under one id
	}
	pr.Out.Header.Set(Header, proof(q.f.peers.Self()))
	if q.message != nil {
		pr.Out.Header.Set(idHeader, q.message.proposed)
	}
}

// RoundTrip implements http.RoundTripper: it tries one node after the other until one is reached. Before that, nothing of
// the request is sent or read.
func (q *request) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	for _, node := range q.nodes {
		q.asked = node
		out := r.Clone(r.Context())
		if r.Body == nil {
			q.message.sent(q.f.sendTimeout)
		}
		if r.Body != nil {
			out.Body = &body{r.Body, r.ContentLength, q.extend, q.message.keep}
		} else if q.target == targetNode {
			// With a body, even an empty one, the transport does not repeat the request when the connection breaks. The
			// node may have answered a poll already; a second answer would hide that the first was lost.
			out.Body = &body{}
		}
		resp, err = q.f.nodes.roundTrip(out, node)
		if err == nil || !isDial(err) || r.Context().Err() != nil {
			break
		}
	}
	return resp, err
}

// extend gives the client bodyTimeout for the next piece of the body, and unlimited time after the last. Without it the
// server would wait forever for a body that the other node no longer reads.
func (q *request) extend(more bool) {
	var deadline time.Time
	if more {
		deadline = time.Now().Add(q.f.bodyTimeout)
	} else {
		q.whole.Store(true)
		q.message.sent(q.f.sendTimeout)
	}
	rc := http.NewResponseController(q.w)
	_ = rc.SetReadDeadline(deadline) // fails only for writers without deadlines, such as recorders in tests
	if q.isRevoked() || q.refused.Load() {
		_ = rc.SetReadDeadline(revokedDeadline)
	}
}

// keepOwnHeaders drops headers of the answer that this node has set already, such as the origins that may read it: none
// is sent twice.
func (q *request) keepOwnHeaders(resp *http.Response) error {
	q.answered = true
	q.endRefusedBody(resp)
	for name, own := range q.w.Header() {
		if name != "Vary" {
			delete(resp.Header, name)
			continue
		}
		resp.Header[name] = slices.DeleteFunc(resp.Header[name], func(v string) bool { return slices.Contains(own, v) })
	}
	return nil
}

// failed answers a request that no other node has answered completely.
func (q *request) failed(_ http.ResponseWriter, r *http.Request, err error) {
	q.answered = false
	if q.isRevoked() {
		q.refuseRevoked()
		return
	}
	switch {
	case errors.Is(context.Cause(r.Context()), errNoAnswer):
		q.outcome, err = unavailable, errNoAnswer
	case errors.Is(err, context.Canceled): // the client has disconnected, or Drain ends the request
		q.outcome = aborted
	case isLoop(err) && q.target != targetNode:
		q.outcome = loop
	default:
		q.outcome = q.lost(err)
	}
	if q.outcome == unavailable || q.outcome == loop {
		q.f.log.WarnContext(r.Context(), "request could not be forwarded",
			slog.String("target", string(q.target)), slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	if q.client.Err() != nil && r.Method == http.MethodGet {
		q.w.WriteHeader(http.StatusOK) // the client has ended its side: nothing follows, as the other node would answer
		return
	}
	noMemory := errors.Is(err, memory.ErrRefused)
	if noMemory {
		if r.ProtoMajor == 1 {
			q.w.Header().Set("Connection", "close")
		}
		_ = http.NewResponseController(q.w).SetReadDeadline(time.Now().Add(memory.RestTime)) // net/http would wait for the rest
	}
	q.refuse(r.Method, !noMemory && !isLoop(err) && !errors.Is(err, errNone) && !isDial(err))
}

// refuse writes a problem document (RFC 9457) like those of package api. unknown says that the other node may have done what the
// request asks for.
func (q *request) refuse(method string, unknown bool) {
	status, code, detail := http.StatusServiceUnavailable, "unavailable", "the node that can answer this cannot be reached"
	switch {
	case unknown:
		detail = "the node that has this request has not answered"
	case q.outcome == refused:
		detail = errs.Public(memory.ErrRefused)
	}
	problem := map[string]any{}
	h := q.w.Header()
	h.Set("Retry-After", "1")
	switch {
	case q.outcome == ended:
		status, code, detail = http.StatusNotFound, "not_found", "no connection with that ID: its node has ended; connect again"
		h.Del("Retry-After")
	case q.message != nil:
		id := q.message.id(q.f.peers.Self(), q.asked)
		detail = q.message.told(unknown, detail, id)
		if id != "" {
			problem["id"] = id
		}
	case unknown && method != http.MethodGet && method != http.MethodHead:
		detail += "; it may have done what the request asks for"
	default:
		detail += "; try again"
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	maps.Copy(problem, map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail})
	body, _ := json.Marshal(problem) // strings and an integer always encode
	q.w.WriteHeader(status)
	_, _ = fmt.Fprintf(q.w, "%s\n", body) // a client that has disconnected needs no answer
}
