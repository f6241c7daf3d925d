package server

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// drain is the first step of a stop: requests are still answered. It refuses new messages, waits for those in progress, and
// ends connections and forwarded requests. It and the http step leave a sixth of the time for the remaining parts.
func (s *Server) drain(ctx context.Context) error {
	s.log.Info("stopping: no message is accepted any more, clients are told to reconnect")
	closeCtx, cancel := share(ctx, 0.2)
	defer cancel()
	if err := s.entry.gate.close(closeCtx); err != nil {
		s.log.Warn("messages still wait for their confirmation; their senders will not know", "error", err)
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

// share returns a context that ends when the given part of the time until ctx's deadline is over.
func share(ctx context.Context, part float64) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(part*float64(time.Until(deadline))))
}
