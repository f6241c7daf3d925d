package api

import (
	"net/http"

	"restante/internal/errs"
	"restante/internal/origin"
	"restante/internal/route"
)

// CheckHost returns a handler that answers 403 to requests whose Host is none of the names, and calls next for the others. Probes may
// use any name, or none. node reports whether another node has sent a request: that node has checked its Host. denied is told of each
// refusal. Package origin says what the check is for.
func CheckHost(names origin.Hosts, node func(*http.Request) bool, denied func(*http.Request), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if names.Answer(r.Host) || route.Of(r).IsProbe() || node(r) {
			next.ServeHTTP(w, r)
			return
		}
		denied(r)
		setHeaders(w.Header(), r)
		p := newProblem(http.StatusForbidden, string(errs.Forbidden), foreignHost)
		p.setHeaders(w.Header().Set)
		w.Header().Set("Content-Type", problemType)
		w.WriteHeader(p.Status)
		_, _ = w.Write(append(p.appendJSON(nil), '\n')) // a client that has disconnected needs no answer
	})
}

const foreignHost = "this server answers only under localhost, addresses, and the names that its operator has given (--host NAME)"
