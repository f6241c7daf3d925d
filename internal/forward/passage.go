package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"syscall"
	"time"

	"restante/internal/peer"
	"restante/internal/remote"
)

// passage is one request on its way through this node.
type passage struct {
	f       *Forwarder
	w       http.ResponseWriter
	target  target
	nodes   []peer.Node             // to be tried in this order
	lost    func(err error) outcome // what it means that none of them has answered
	began   bool                    // the node has answered
	outcome outcome
}

var (
	errLoop = errors.New("the request has been passed on already")
	errNone = errors.New("no node with this role is known")
)

func isLoop(err error) bool    { return errors.Is(err, errLoop) }
func isRefused(err error) bool { return isDial(err) && errors.Is(err, syscall.ECONNREFUSED) }

// isDial reports whether err says that a node was not reached, so that it has got nothing of the request.
func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func (p *passage) serve(r *http.Request) {
	switch {
	case r.Header.Get(Header) != "":
		p.failed(p.w, r, errLoop)
		return
	case len(p.nodes) == 0:
		p.failed(p.w, r, errNone)
		return
	}
	proxy := httputil.ReverseProxy{
		Rewrite: p.rewrite, Transport: p, ModifyResponse: p.answered, ErrorHandler: p.failed,
		BufferPool: &p.f.buffers, // answers of unknown length, and events, are not buffered
		ErrorLog:   slog.NewLogLogger(p.f.log.Handler(), slog.LevelDebug),
	}
	_ = http.NewResponseController(p.w).SetWriteDeadline(time.Time{}) // a server's limit does not fit a stream
	proxy.ServeHTTP(p.w, r)
	if p.began {
		p.outcome = passed
	}
}

// rewrite makes the request that the other node gets: the same, host and query included, with the client's address and
// scheme added as proxies do, and the proof that a node has said so.
func (p *passage) rewrite(pr *httputil.ProxyRequest) {
	pr.Out.Host = pr.In.Host
	pr.Out.URL.RawQuery = pr.In.URL.RawQuery
	pr.Out.Header["X-Forwarded-For"] = pr.In.Header["X-Forwarded-For"]
	pr.SetXForwarded()
	pr.Out.Header.Del("X-Forwarded-Proto") // a proxy may have ended TLS: what is not known here is not to be believed there
	if from := remote.From(pr.In.Context()); from.Known {
		pr.Out.Header.Set("X-Forwarded-Proto", scheme(from.Secure))
	}
	if said := pr.In.Header["X-Forwarded-Host"]; said != nil {
		pr.Out.Header["X-Forwarded-Host"] = said
	}
	if id := p.w.Header().Get("X-Request-Id"); id != "" {
		pr.Out.Header.Set("X-Request-Id", id) // both nodes log the request under one id
	}
	pr.Out.Header.Set(Header, proof(p.f.peers.Self()))
}

// RoundTrip implements http.RoundTripper: it asks one node after the other until one is reached. Nothing of the request
// has been sent, or read, before that.
func (p *passage) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	for _, node := range p.nodes {
		var base *url.URL
		if base, err = url.Parse(node.URL); err != nil {
			err = &net.OpError{Op: "dial", Err: err}
			continue
		}
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = base.Scheme, base.Host
		if r.Body != nil {
			out.Body = &body{r.Body, r.ContentLength, p.extend}
		} else if p.target == targetNode {
			// With a body, be it empty, the transport does not send the request again by itself when the connection
			// breaks: the node may have answered a poll, and the next answer would hide that the first was lost.
			out.Body = &body{}
		}
		resp, err = p.f.transport.RoundTrip(out)
		if err == nil || !isDial(err) || r.Context().Err() != nil {
			break
		}
	}
	return resp, err
}

// extend gives the client time for the next piece of the body, and when that has ended for the whole answer. Without it
// the server would wait for ever for a body that the other node has given up.
func (p *passage) extend(more bool) {
	var deadline time.Time
	if more {
		deadline = time.Now().Add(p.f.patience)
	}
	_ = http.NewResponseController(p.w).SetReadDeadline(deadline) // a recorder in tests has none
}

// answered leaves to this node what it has decided itself, such as which origins may read the answer: a header that is
// set already is not set a second time.
func (p *passage) answered(resp *http.Response) error {
	p.began = true
	for name, own := range p.w.Header() {
		if name != "Vary" {
			delete(resp.Header, name)
			continue
		}
		resp.Header[name] = slices.DeleteFunc(resp.Header[name], func(v string) bool { return slices.Contains(own, v) })
	}
	return nil
}

// failed answers a request that was not, or not fully, answered by another node.
func (p *passage) failed(_ http.ResponseWriter, r *http.Request, err error) {
	p.began = false
	switch {
	case errors.Is(err, context.Canceled): // the client has gone, or the node is being drained
		p.outcome = aborted
	case isLoop(err) && p.target != targetNode:
		p.outcome = loop
	default:
		p.outcome = p.lost(err)
	}
	if p.outcome == unavailable || p.outcome == loop {
		p.f.log.WarnContext(r.Context(), "request could not be passed on",
			slog.String("target", string(p.target)), slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	p.refuse()
}

// refuse writes a problem document (RFC 9457) like those of package api.
func (p *passage) refuse() {
	status, code, detail := http.StatusServiceUnavailable, "unavailable", "the node that can answer this cannot be reached; try again"
	h := p.w.Header()
	if p.outcome == gone {
		status, code, detail = http.StatusNotFound, "not_found", "no connection with that ID: its node has gone; connect again"
	} else {
		h.Set("Retry-After", "1")
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	body, _ := json.Marshal(map[string]any{ // strings and an integer always encode
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
	p.w.WriteHeader(status)
	_, _ = fmt.Fprintf(p.w, "%s\n", body) // a client that has gone needs no answer
}
