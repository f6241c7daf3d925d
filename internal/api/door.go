package api

import (
	"net/http"

	"restante/internal/auth"
	"restante/internal/errs"
)

// class says who may come through a route. What a client may do behind it is decided there, see package auth.
type class int

const (
	known    class = iota // whoever has a valid token: the class of every route that is not listed below
	operator              // whose token says admin
	open                  // everybody
)

// classes lists the routes that are not for known clients only; the files of the page are open, too.
var classes = map[string]class{
	"GET /healthz":      open,
	"GET /readyz":       open,
	"GET /version":      open,
	"GET /docs":         open,
	"GET /openapi.json": open,
	"GET /openapi.yaml": open,
	"GET /metrics":      operator,
}

// router is the mux with a door before each route. It implements humago.Mux.
type router struct {
	a       *API
	mux     *http.ServeMux
	classes map[string]class // of the routes, by pattern
}

// Handle mounts a handler behind the door of its class.
func (r *router) Handle(pattern string, next http.Handler) { r.handle(pattern, classes[pattern], next) }

// HandleFunc is Handle for a function.
func (r *router) HandleFunc(pattern string, next func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, http.HandlerFunc(next))
}

// ServeHTTP answers a request by the route that fits it.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.mux.ServeHTTP(w, req) }

func (r *router) handle(pattern string, c class, next http.Handler) {
	r.classes[pattern] = c
	if c != open {
		next = r.a.door(c, next)
	}
	r.mux.Handle(pattern, next)
}

// door answers 401 to requests without a client, and lets the others through to next, if they are of the class.
func (a *API) door(c class, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := auth.From(r.Context())
		if err == nil && c == operator && !client.Admin {
			err = &errs.Error{Code: errs.Forbidden, Msg: "this is for operators: the token must say admin"}
		}
		if err != nil {
			a.refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers with the problem document of err, unless the answer has begun.
func (a *API) refuse(w http.ResponseWriter, err error) {
	if rec, ok := w.(*recorder); ok {
		rec.problem(a.problemOf(&failure{err: err}, rec))
	}
}
