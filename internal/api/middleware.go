package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"restante/internal/route"
)

// ServeHTTP answers every request. It gives those of the hub to the hub. All others get a request id, CORS headers, a log
// line, metrics, and a problem document when the mux has no answer or a handler panics.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header(), r)
	rt := route.Of(r)
	if a.cfg.Hub != nil && rt == route.MessageHub {
		a.cfg.Hub.ServeHTTP(w, r)
		return
	}
	rec := &recorder{ResponseWriter: w, r: r, id: a.ids.of(r)}
	start := time.Now()
	defer func() {
		v := recover()
		again := a.recovered(rec, v)
		a.finished(rec, time.Since(start))
		if again {
			panic(http.ErrAbortHandler) // the connection ends, so that the client does not take a cut answer for a whole one
		}
	}()
	w.Header().Set("X-Request-Id", rec.id)
	end := a.limitTime(w, r)
	defer end()
	if a.origins.handled(rec, r) || !a.allowed(rec, rt, r) {
		return
	}
	a.routes.ServeHTTP(rec, r)
}

// limitTime limits how long the peer may take to send its body and to read the answer. The body is limited even if no
// handler reads it, because net/http waits for its end before it answers. Handlers that read or write for long set their
// own limits. The caller calls end, so that the next request of the connection begins without a limit.
func (a *API) limitTime(w http.ResponseWriter, r *http.Request) (end func()) {
	rc := http.NewResponseController(w) // a recorder in tests has no deadlines
	stop := func() {}
	if r.ContentLength != 0 {
		_ = rc.SetReadDeadline(time.Now().Add(a.bodyTimeout))
		stop = endWithToken(w, r)
	}
	_ = rc.SetWriteDeadline(time.Now().Add(stallTimeout))
	return func() {
		stop()
		_ = rc.SetWriteDeadline(time.Time{})
	}
}

// allowed answers requests that Config.Allow refuses, and reports whether the request was allowed.
func (a *API) allowed(rec *recorder, rt *route.Route, r *http.Request) bool {
	if a.cfg.Allow == nil || rt.IsProbe() {
		return true
	}
	err := a.cfg.Allow(r)
	if err != nil {
		a.refuse(rec, err)
	}
	return err == nil
}

// recovered turns a panic into a 500. It reports true if the answer has begun already: then it can only be cut.
func (a *API) recovered(rec *recorder, v any) (again bool) {
	if v == nil {
		return false
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true // the handler that panicked with it has logged why
	}
	a.log.Error("handler panicked", "panic", fmt.Sprint(v), "request_id", rec.id, "route", rec.route(), "stack", string(debug.Stack()))
	if rec.status != 0 {
		return true
	}
	rec.problem(internalProblem(rec.id))
	return false
}

// finished logs and counts a request, without its query, which holds messages and tokens.
func (a *API) finished(rec *recorder, took time.Duration) {
	if rec.status == 0 {
		rec.status = http.StatusOK // as net/http does for a handler that writes nothing
	}
	a.metrics.observe(rec.route(), rec.status, took)
	if ctx := context.Background(); a.log.Enabled(ctx, slog.LevelDebug) {
		a.log.LogAttrs(ctx, slog.LevelDebug, "request",
			slog.String("method", rec.method()), slog.String("route", rec.route()), slog.Int("status", rec.status),
			slog.Duration("took", took), slog.Int64("bytes", rec.bytes), slog.String("request_id", rec.id))
	}
}

// recorder notes what was answered, and writes problem documents instead of the mux's own error texts.
type recorder struct {
	http.ResponseWriter
	r      *http.Request
	id     string // of the request
	status int    // 0 until the header is written
	bytes  int64
	muted  bool // a problem document was written; what follows is dropped
}

// route returns the pattern that matched. Patterns have few values, unlike paths.
func (rec *recorder) route() string {
	if rec.r.Pattern == "" {
		return "none"
	}
	return rec.r.Pattern
}

// method returns the request's method if it is a usual one: others are any word that the client chose.
func (rec *recorder) method() string {
	switch m := rec.r.Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// WriteHeader sends the header once; further calls do nothing.
func (rec *recorder) WriteHeader(status int) {
	switch {
	case rec.status != 0:
	case status < http.StatusOK:
		rec.ResponseWriter.WriteHeader(status) // informational: the final one follows
	case status >= http.StatusBadRequest && rec.r.Pattern == "":
		rec.problem(muxProblem(status))
	default:
		rec.status = status
		rec.ResponseWriter.WriteHeader(status)
	}
}

// Write sends a part of the body, after the header if that was not sent yet.
func (rec *recorder) Write(b []byte) (int, error) {
	if rec.muted {
		return len(b), nil
	}
	if rec.status == 0 {
		rec.WriteHeader(http.StatusOK)
	}
	n, err := rec.ResponseWriter.Write(b)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// problem answers with p, and drops what the handler still writes. It does nothing when the answer has begun.
func (rec *recorder) problem(p *problem) {
	if rec.status != 0 {
		return
	}
	h := rec.Header()
	p.setHeaders(h.Set)
	h.Set("Content-Type", problemType)
	rec.status, rec.muted = p.Status, true
	rec.ResponseWriter.WriteHeader(p.Status)
	n, _ := rec.ResponseWriter.Write(append(p.appendJSON(nil), '\n')) //nolint:gosec // declared as JSON; a client that has disconnected needs no answer
	rec.bytes += int64(n)
}
