package auth

import (
	"context"
	"net/http"
	"strings"
)

// Open gives every request the client Anyone: it is the server without authentication.
func Open(next http.Handler) http.Handler {
	anyone := Anyone()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(With(r.Context(), anyone)))
	})
}

// Wrap gives every request the client of its token before it calls next. It refuses no request: From returns the client or
// the reason why there is none. The token is taken from the Authorization header, or from access_token in the query for
// requests for which inQuery returns true.
func (v *Verifier) Wrap(next http.Handler, inQuery func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if client, err := v.identify(r, inQuery); err != nil {
			ctx = Refused(ctx, err)
		} else {
			ctx = context.WithValue(ctx, contextKey{}, identity{client: client, by: v})
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (v *Verifier) identify(r *http.Request, inQuery func(*http.Request) bool) (*Client, error) {
	token, err := tokenOf(r, inQuery)
	if err != nil {
		v.metrics.count(err)
		return nil, err
	}
	return v.Verify(r.Context(), token)
}

// tokenOf returns the token of a request. Several tokens in the same place are malformed, since it is unclear which one
// counts. An Authorization of another scheme is ignored: it may be for a proxy in front of this server.
func tokenOf(r *http.Request, inQuery func(*http.Request) bool) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", refused(malformed)
	}
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.Trim(token, " "), nil
		}
	}
	if inQuery == nil || !inQuery(r) {
		return "", refused(missing)
	}
	switch tokens := r.URL.Query()["access_token"]; len(tokens) {
	case 0:
		return "", refused(missing)
	case 1:
		return tokens[0], nil
	default:
		return "", refused(malformed)
	}
}
