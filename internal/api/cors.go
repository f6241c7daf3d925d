package api

import (
	"fmt"
	"net/http"
	"slices"

	"restante/internal/errs"
)

// origins decides which web pages may use the API: those of the server's own origin, and those of the listed ones.
// Clients that are no browsers send no origin and are not concerned.
type origins struct {
	list  []string
	guard *http.CrossOriginProtection
}

func newOrigins(list []string) (origins, error) {
	o := origins{list: list, guard: http.NewCrossOriginProtection()}
	for _, origin := range list {
		if err := o.guard.AddTrustedOrigin(origin); err != nil {
			return o, fmt.Errorf("allowed origin %q: %w", origin, err)
		}
	}
	return o, nil
}

// handled sets the CORS headers of the answer, errors and streams included, and reports whether the request was
// answered here: a preflight, or a page of a foreign origin that tries to send.
func (o *origins) handled(rec *recorder, r *http.Request) bool {
	h := rec.Header()
	if len(o.list) > 0 {
		h.Add("Vary", "Origin") // also without one: a cache must not give this answer to a page
	}
	if origin := r.Header.Get("Origin"); origin != "" && slices.Contains(o.list, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Link, Retry-After, X-Request-Id")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight(rec, r)
			return true
		}
	}
	if err := o.guard.Check(r); err != nil {
		p := newProblem(http.StatusForbidden, string(errs.Forbidden), "pages of this origin may not send here; the operator can allow it")
		p.Errors = []fieldError{{Field: "Origin", Message: "is neither the server's own origin nor an allowed one"}}
		rec.problem(p)
		return true
	}
	return false
}

func preflight(rec *recorder, r *http.Request) {
	h := rec.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
	if headers := r.Header.Get("Access-Control-Request-Headers"); headers != "" && len(headers) <= 1024 {
		h.Set("Access-Control-Allow-Headers", headers) // the origin is trusted: so is what its pages send
	}
	h.Set("Access-Control-Max-Age", "7200")
	rec.WriteHeader(http.StatusNoContent)
}
