package server

import (
	"context"
	"net/http"
	"time"

	"restante/internal/route"
)

// readOn is how long a read goes on after its client has ended its side of the connection. It is longer than a read takes, and
// short enough that a client which has really gone does not take the turns of others.
const readOn = 10 * time.Second

// answerHalfClosed lets requests be answered whose clients have ended their side of the connection, as shells and some HTTP
// libraries do after the last byte of a request. net/http ends the context of a request then, because it cannot tell this from a
// client that has disconnected. What changes something goes on as if nothing had happened, and a read goes on for readOn. Streams
// and polls still end with their clients: an aborted poll must not take messages with it.
func answerHalfClosed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case route.Of(r).EndsWithClient(r.Method):
		case r.Method == http.MethodGet || r.Method == http.MethodHead:
			ctx, cancel := later(r.Context(), readOn)
			defer cancel()
			r = r.WithContext(ctx)
		default:
			r = r.WithContext(context.WithoutCancel(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

// later returns a context with the values of ctx that ends some time after ctx has ended.
func later(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}
