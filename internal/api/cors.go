package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"restante/internal/errs"
	"restante/internal/remote"
)

// origins decides which web pages may use the API: those of the server's own origin, and those of the listed origins,
// exactly as written. Clients that are not browsers send no origin and are not affected.
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

// The headers that a page may set: those of the API's requests, and those of EventSources written in JavaScript.
const allowedHeaders = "Authorization, Cache-Control, Content-Type, Last-Event-ID, X-Request-Id, X-Requested-With"

// handled sets the CORS headers of the answer, errors and streams included, and reports whether the request was
// answered here: a preflight, or a page of a foreign origin that tries to send.
func (o *origins) handled(rec *recorder, r *http.Request) bool {
	h := rec.Header()
	h.Add("Vary", "Origin") // also without one: a cache must not give this answer to a page
	origin := r.Header.Get("Origin")
	listed := origin != "" && slices.Contains(o.list, origin)
	if listed {
		h.Set("Access-Control-Allow-Origin", origin)
		// The server uses no cookies, but some clients ask with credentials by default, and without this header browsers
		// would withhold the answer from their pages.
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Link, Restante-Epoch, Restante-Reset, Retry-After, WWW-Authenticate, X-Request-Id")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight(rec)
			return true
		}
	}
	if err := o.guard.Check(r); err != nil || !listed && insecure(r, origin) {
		p := newProblem(http.StatusForbidden, string(errs.Forbidden), "pages of this origin may not send here; the operator can allow it")
		p.Errors = []fieldError{{Field: "Origin", Message: "is neither the server's own origin nor an allowed one"}}
		rec.problem(p)
		return true
	}
	return false
}

// insecure reports whether a page of another scheme than this request tries to send: http://host is not the origin of
// https://host, and an attacker in the network could have written that page. Behind a proxy that is not trusted, the
// scheme is not known and not compared.
func insecure(r *http.Request, origin string) bool {
	if origin == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return false
	}
	from := remote.From(r.Context())
	if !from.Known {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || (u.Scheme == "https") != from.Secure
}

func preflight(rec *recorder) {
	h := rec.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "7200")
	rec.WriteHeader(http.StatusNoContent)
}
