package api

import (
	"log/slog"
	"net/http"
	"strings"

	"restante/internal/auth"
	"restante/internal/errs"
	"restante/internal/origin"
	"restante/internal/remote"
)

// origins decides which web pages may use the API: those of the server's own origin, and those of the listed origins. Clients
// that are not browsers send no origin and are not affected.
type origins struct {
	list     origin.List
	refusals origin.Refusals
	log      *slog.Logger
	denied   func(*recorder, error) // is told of each refused request
}

func newOrigins(list []string, log *slog.Logger, denied func(*recorder, error)) (*origins, error) {
	listed, err := origin.ParseList(list)
	return &origins{list: listed, log: log, denied: denied}, err
}

// The headers that a page may set: those of the API's requests, those of EventSources written in JavaScript, and those of
// tracing.
const allowedHeaders = "Authorization, Cache-Control, Content-Type, Last-Event-ID, traceparent, tracestate, X-Request-Id, X-Requested-With"

// handled sets the CORS headers of the answer, errors and streams included, and reports whether the request was
// answered here: a preflight, or a page of a foreign origin that tries to send.
func (o *origins) handled(rec *recorder, r *http.Request) bool {
	h := rec.Header()
	h.Add("Vary", "Origin") // also without one: a cache must not give this answer to a page
	page := r.Header.Get("Origin")
	listed := page != "" && o.list.Has(page)
	if listed {
		h.Set("Access-Control-Allow-Origin", page)
		// The server uses no cookies, but some clients ask with credentials by default, and without this header browsers
		// would withhold the answer from their pages.
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Link, Restante-Epoch, Restante-Reset, Retry-After, WWW-Authenticate, X-Request-Id")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			preflight(rec)
			return true
		}
	}
	if listed || isOwn(r, page) {
		return false
	}
	if page != "" {
		o.refusals.Note(o.log, page, r.Host)
	}
	if isSafe(r.Method) {
		return false // the page cannot read the answer
	}
	p := newProblem(http.StatusForbidden, string(errs.Forbidden), "pages of this origin may not send here; the operator can allow it")
	p.Errors = []fieldError{{Field: "Origin", Message: "is neither the server's own origin nor an allowed one"}}
	rec.problem(p)
	o.denied(rec, auth.Denial{Reason: "origin"})
	return true
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// isOwn reports whether a request is not from a page, or from a page of the server itself. Most browsers say so
// (Sec-Fetch-Site), and a page cannot change what they say; otherwise the origin decides. A page of another scheme than the
// request is never the server's own: http://host is not the origin of https://host, and an attacker in the network could have
// written that page. Behind a proxy that is not trusted, the scheme is not known and not compared.
func isOwn(r *http.Request, page string) bool {
	from := remote.From(r.Context())
	switch r.Header.Get("Sec-Fetch-Site") {
	case "":
		o, err := origin.Parse(page)
		return page == "" || err == nil && o.IsOf(r.Host, from.Secure, from.Known)
	case "same-origin", "none":
		return page == "" || !from.Known || strings.HasPrefix(strings.ToLower(page), "https:") == from.Secure
	}
	return false
}

func preflight(rec *recorder) {
	h := rec.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "7200")
	rec.WriteHeader(http.StatusNoContent)
}
