package server

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/internal/errs"
)

// drain is the first step of a stop: requests are still answered. It says that the node is not ready and goes on for
// Config.DrainDelay. Then it refuses new messages, waits for those in progress or ends their time, and ends connections and forwarded requests. It
// and the http step leave a sixth of the time for the remaining parts.
func (s *Server) drain(ctx context.Context) error {
	s.leave(ctx)
	s.log.Info("stopping: no message is accepted any more, clients are told to reconnect")
	closeCtx, cancel := share(ctx, 0.2)
	defer cancel()
	if err := s.entry.gate.close(closeCtx); err != nil {
		s.log.Warn("messages were not confirmed in time; their senders are told that the outcome is not known", "error", err)
	}
	drainCtx, cancel := share(ctx, 0.6)
	defer cancel()
	var draining errgroup.Group
	draining.Go(func() error { return s.hub.Drain(drainCtx) })
	draining.Go(func() error { return s.forwarder.Drain(drainCtx) })
	if err := draining.Wait(); err != nil {
		s.log.Warn("cut the connections that had not ended in time", "error", err)
	}
	return nil
}

// leave makes the node not ready and waits until load balancers have noticed. Meanwhile everything goes on as before, new
// connections too: load balancers send requests until their checks have failed, usually twice.
func (s *Server) leave(ctx context.Context) {
	s.health.Stop(errLeaving)
	s.leaving.Store(true)
	delay := *s.cfg.DrainDelay
	if delay <= 0 || s.failed.Load() {
		return
	}
	s.log.Info("stopping: not ready any more, load balancers get time to notice", "for", delay.String())
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case err := <-s.Failed():
		s.log.Error("a part of the server has failed while it stops", "error", err)
	case <-ctx.Done():
	}
}

var errLeaving error = &errs.Error{Code: errs.Unavailable, Msg: "the server is stopping"}

// lastAnswers makes next's answers the last ones of their connections once the node is stopping, so that clients connect
// again, to another node. Connections of HTTP/2 and WebSockets have other ways to say so, which are used later.
func (s *Server) lastAnswers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() && r.ProtoMajor == 1 && r.Header.Get("Upgrade") == "" {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// share returns a context that ends when the given part of the time until ctx's deadline is over.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(part*float64(time.Until(deadline))))
}
