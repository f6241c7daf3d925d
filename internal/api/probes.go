package api

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"restante/internal/errs"
	"restante/internal/health"
	"restante/internal/route"
)

// Build says which build is running.
type Build struct {
	Version string `json:"version"`          // such as 1.2.3, or devel
	Commit  string `json:"commit,omitempty"` // of the source
	Go      string `json:"go,omitempty"`     // the toolchain
}

// checked is the outcome of a check as it is shown.
type checked struct {
	Name   string `json:"name" example:"storing"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty" doc:"why it is not" example:"the disk is full"`
}

// probes mounts what machines ask for: health, metrics, version.
func (a *API) probes() {
	a.routes.handle(route.Healthz, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"status": "alive"})
	}))
	a.routes.handle(route.Readyz, http.HandlerFunc(a.ready))
	a.routes.handle(route.Version, http.HandlerFunc(a.version))
	if a.cfg.Gather != nil {
		a.routes.handle(route.Metrics, promhttp.HandlerFor(a.cfg.Gather, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	}
}

// version answers which build is running, and on which log.
func (a *API) version(w http.ResponseWriter, _ *http.Request) {
	epoch, _ := a.cfg.Epoch() // the zero Epoch while it is not known
	answer(w, struct {
		Build
		Store string `json:"store,omitempty"`
		Epoch string `json:"epoch,omitempty"`
	}{a.cfg.Build, epoch.Store, epoch.ID})
}

// ready answers with the outcomes of the node's checks, in one of three states: ready; degraded, when what fails leaves the
// node useful; 503 otherwise.
func (a *API) ready(w http.ResponseWriter, _ *http.Request) {
	status, why := "ready", ""
	results := []checked{}
	for _, o := range a.outcomes() {
		results = append(results, checked{Name: o.Name, OK: o.Err == nil, Reason: o.Reason()})
		switch {
		case o.Err == nil:
		case o.Degrades:
			status = "degraded"
		case why == "":
			why = o.Name + ": " + o.Reason()
		}
	}
	if why != "" {
		p := newProblem(http.StatusServiceUnavailable, string(errs.Unavailable), "the server is not ready: "+why)
		p.Checks = results
		w.(*recorder).problem(p)
		return
	}
	answer(w, struct {
		Status string    `json:"status"`
		Checks []checked `json:"checks"`
	}{status, results})
}

// outcomes returns those of Config.Checks.
func (a *API) outcomes() []health.Outcome {
	if a.cfg.Checks == nil {
		return nil
	}
	return a.cfg.Checks()
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", jsonType)
	b, _ := json.Marshal(v) // strings and booleans always encode
	_, _ = w.Write(append(b, '\n'))
}
