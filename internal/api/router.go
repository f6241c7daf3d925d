package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"restante/internal/route"
)

// router mounts handlers by the routes of the table (package route), each behind the access check of its route. It has no
// other way to mount one. It is a huma.Adapter.
type router struct {
	a       *API
	mux     *http.ServeMux
	mounted map[string]*route.Route // by pattern of the mux
	unknown []string                // operations that were declared without a route
}

func newRouter(a *API) *router {
	return &router{a: a, mux: http.NewServeMux(), mounted: map[string]*route.Route{}}
}

// ServeHTTP answers a request by the handler of its route.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) { r.mux.ServeHTTP(w, req) }

// handle mounts the handler of a route.
func (r *router) handle(rt *route.Route, next http.Handler) { r.handleAt(rt, rt.Pattern(), next) }

// handleAt mounts a handler of a route whose paths are not in the table, such as the files of the web client.
func (r *router) handleAt(rt *route.Route, pattern string, next http.Handler) {
	r.mounted[pattern] = rt
	r.mux.Handle(pattern, r.a.checkAccess(rt.Access(), next))
}

// Handle implements huma.Adapter for operations that register has named after their routes.
func (r *router) Handle(op *huma.Operation, handler func(huma.Context)) {
	i := slices.IndexFunc(route.All(), func(rt *route.Route) bool {
		return rt.Name() == op.OperationID && rt.Pattern() == op.Method+" "+op.Path
	})
	if i < 0 {
		r.unknown = append(r.unknown, op.OperationID)
		return
	}
	r.handle(route.All()[i], http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		handler(humago.NewContext(op, req, w))
	}))
}

// check returns an error if the table and what is mounted differ: an operation has no route, or a route that the
// configuration does not leave out has no handler.
func (r *router) check() error {
	if len(r.unknown) > 0 {
		return fmt.Errorf("not in the table of routes: %s", strings.Join(r.unknown, ", "))
	}
	handled := map[*route.Route]bool{
		route.MessageHub: true, // not the router's, see API.ServeHTTP
		route.Metrics:    r.a.cfg.Gather == nil,

		route.Revoke:          r.a.cfg.Revocations == nil,
		route.ListRevocations: r.a.cfg.Revocations == nil,
	}
	for _, rt := range r.mounted {
		handled[rt] = true
	}
	for _, rt := range route.All() {
		if !handled[rt] {
			return fmt.Errorf("the route %s (%s) has no handler", rt.Name(), rt.Pattern())
		}
	}
	return nil
}

// register declares the operation of a route, with its errors. The route says what it is called and where it is.
func register[I, O any](h huma.API, rt *route.Route, op huma.Operation, errors []int, do func(context.Context, *I) (*O, error)) {
	op.OperationID, op.Method, op.Path = rt.Name(), rt.Method(), rt.Path()
	errorAnswers(h, &op, errors...)
	huma.Register(h, op, do)
}
