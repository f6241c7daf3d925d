package api

import (
	"net/http"

	"restante/internal/auth"
	"restante/internal/errs"
	"restante/internal/route"
)

// checkAccess puts the access check of a route before its handler: it answers 401 to requests without a client, 403 to
// clients that are not operators where only those may ask, and gives the others to next. What a client may do behind it
// is decided there, see package auth.
func (a *API) checkAccess(access route.Access, next http.Handler) http.Handler {
	if access == route.Public {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client, err := auth.From(r.Context())
		if err == nil && access == route.Operator && !client.Admin {
			err = &errs.Error{Code: errs.Forbidden, Msg: "this is for operators: the token must say admin", Err: auth.Denial{Reason: "admin"}}
		}
		if err != nil {
			a.refuse(w, err)
			return
		}
		if access == route.Operator && a.cfg.Operated != nil {
			a.cfg.Operated(r)
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
