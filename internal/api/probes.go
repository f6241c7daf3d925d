package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"restante/internal/errs"
	"restante/internal/route"
)

// Check is one of the conditions of readiness.
type Check struct {
	Name string                          // such as store
	Do   func(ctx context.Context) error // honours ctx, and is called concurrently
	// Degrades says that the server is useful even while the check fails: the failure is reported, but the server stays
	// ready.
	Degrades bool
}

// Build says which build is running.
type Build struct {
	Version string `json:"version"`          // such as 1.2.3, or devel
	Commit  string `json:"commit,omitempty"` // of the source
	Go      string `json:"go,omitempty"`     // the toolchain
}

// checked is the outcome of a Check.
type checked struct {
	Name   string `json:"name" example:"store"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty" doc:"why it is not" example:"the disk is full"`

	degrades bool
}

const checkTimeout = 3 * time.Second

// probes mounts what machines ask for: health, metrics, version.
func (a *API) probes() {
	a.routes.handle(route.Healthz, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"status": "alive"})
	}))
	a.routes.handle(route.Readyz, http.HandlerFunc(a.ready))
	a.routes.handle(route.Version, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w, a.cfg.Build) }))
	if a.cfg.Gather != nil {
		a.routes.handle(route.Metrics, promhttp.HandlerFor(a.cfg.Gather, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	}
}

func (a *API) ready(w http.ResponseWriter, r *http.Request) {
	results := a.check(r.Context())
	status := "ready"
	for _, c := range results {
		switch {
		case c.OK:
		case c.degrades:
			status = "degraded"
		default:
			p := newProblem(http.StatusServiceUnavailable, string(errs.Unavailable), "the server is not ready: "+c.Name+": "+c.Reason)
			p.Checks = results
			w.(*recorder).problem(p)
			return
		}
	}
	answer(w, struct {
		Status string    `json:"status"`
		Checks []checked `json:"checks"`
	}{status, results})
}

// check runs all checks concurrently and waits for them.
func (a *API) check(ctx context.Context) []checked {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	results := make([]checked, len(a.cfg.Checks))
	var wg sync.WaitGroup
	for i, c := range a.cfg.Checks {
		wg.Go(func() {
			results[i] = checked{Name: c.Name, OK: true, degrades: c.Degrades}
			err := c.Do(ctx)
			if err != nil {
				results[i].OK, results[i].Reason = false, reason(err)
			}
			a.logCheck(i, err)
		})
	}
	wg.Wait()
	return results
}

// logCheck logs a check only when its outcome has changed, because probes ask all the time.
func (a *API) logCheck(i int, err error) {
	failed := err != nil
	if a.failing[i].Swap(failed) == failed {
		return
	}
	if name := a.cfg.Checks[i].Name; failed {
		a.log.Warn("not ready", "check", name, "err", err)
	} else {
		a.log.Info("ready again", "check", name)
	}
}

// reason returns what /readyz tells about a failed check: the text of a classified error, without its cause.
func reason(err error) string {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Msg != "" {
		return e.Msg
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + checkTimeout.String()
	}
	return "it failed; the log has the cause"
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", jsonType)
	b, _ := json.Marshal(v) // strings and booleans always encode
	_, _ = w.Write(append(b, '\n'))
}
