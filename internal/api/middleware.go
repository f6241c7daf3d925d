package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// ServeHTTP answers every request: those of the hub are the hub's own; all others get a request id, CORS, a line in the
// log, a place in the metrics, and a problem document when the mux has no answer or a handler panics.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header(), r)
	foreign := a.namesForeignHost(r)
	if a.cfg.Hub != nil && isHub(r.URL.Path) && !foreign {
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
			panic(http.ErrAbortHandler) // the connection ends, so that nobody takes a cut answer for a whole one
		}
	}()
	w.Header().Set("X-Request-Id", rec.id)
	end := a.limitTime(w, r)
	defer end()
	if foreign {
		a.refuse(rec, errForeignHost)
		return
	}
	if a.origins.handled(rec, r) || !a.allowed(rec, r) {
		return
	}
	a.routes.ServeHTTP(rec, r)
}

// limitTime sets how long the peer may take to send a body, also one that nobody reads: net/http waits for its end before
// it answers; and to read the answer, which is not kept for ever. Those who read or write for long set their own limits.
// The next request of the connection begins without one, when end is called.
func (a *API) limitTime(w http.ResponseWriter, r *http.Request) (end func()) {
	rc := http.NewResponseController(w) // a recorder in tests has no deadlines
	if r.ContentLength != 0 {
		_ = rc.SetReadDeadline(time.Now().Add(a.patience))
	}
	_ = rc.SetWriteDeadline(time.Now().Add(stallTimeout))
	return func() { _ = rc.SetWriteDeadline(time.Time{}) }
}

// allowed answers requests that Config.Allow refuses.
func (a *API) allowed(rec *recorder, r *http.Request) bool {
	if a.cfg.Allow == nil || a.routes.isProbe(r.URL.Path) {
		return true
	}
	err := a.cfg.Allow(r)
	if err != nil {
		a.refuse(rec, err)
	}
	return err == nil
}

// recovered turns a panic into a 500, or reports true if the answer has begun already and can only be cut.
func (a *API) recovered(rec *recorder, v any) (again bool) {
	if v == nil {
		return false
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true // whoever panicked with it has logged why
	}
	a.log.Error("handler panicked", "panic", fmt.Sprint(v), "request_id", rec.id, "route", rec.route(), "stack", string(debug.Stack()))
	if rec.status != 0 {
		return true
	}
	rec.problem(internalProblem(rec.id))
	return false
}

// finished logs and counts a request. The query is left out: it holds messages and tokens.
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

// recorder remembers what was answered, and puts a problem document in the place of the mux's own error texts.
type recorder struct {
	http.ResponseWriter
	r      *http.Request
	id     string // of the request
	status int    // 0 until the header is written
	bytes  int64
	muted  bool // a problem document has been written in the place of what follows
}

// route is the pattern that matched: few values, unlike paths.
func (rec *recorder) route() string {
	if rec.r.Pattern == "" {
		return "none"
	}
	return rec.r.Pattern
}

// method is the request's if it is one of the usual: another is any word that the client chose.
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
		rec.ResponseWriter.WriteHeader(status) // informational: more will follow
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

// problem answers with p; whatever the handler still writes is dropped. It does nothing when the answer has begun.
func (rec *recorder) problem(p *problem) {
	if rec.status != 0 {
		return
	}
	h := rec.Header()
	p.setHeaders(h.Set)
	h.Set("Content-Type", problemType)
	rec.status, rec.muted = p.Status, true
	rec.ResponseWriter.WriteHeader(p.Status)
	n, _ := rec.ResponseWriter.Write(append(p.appendJSON(nil), '\n')) //nolint:gosec // JSON, and said to be; a client that has gone needs no answer
	rec.bytes += int64(n)
}
