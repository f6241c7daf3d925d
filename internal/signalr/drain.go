package signalr

import (
	"context"
	"time"
)

// Drain ends the server in good order. It admits no new connection, and tells all clients to connect again, to another
// node, spread evenly over the time until ctx's deadline minus a margin for their last bytes. Without a deadline it tells
// all at once. It returns nil when all connections and goroutines of the server have ended. When ctx is done before that,
// it cuts the remaining connections and returns ctx's error.
func (s *Server) Drain(ctx context.Context) error {
	conns := s.registry.close()
	if deadline, ok := ctx.Deadline(); ok {
		remaining := time.Until(deadline)
		s.spread(ctx, conns, remaining-min(remaining/4, closeWait))
	} else {
		s.spread(ctx, conns, 0)
	}
	select {
	case <-s.registry.empty:
		s.running.Wait()
		return nil
	case <-ctx.Done():
		s.Close()
		return ctx.Err()
	}
}

// spread closes the connections one after the other, evenly over the period.
func (s *Server) spread(ctx context.Context, conns []*Conn, period time.Duration) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i, c := range conns {
		due := period * time.Duration(i) / time.Duration(len(conns))
		if wait := due - time.Since(start); wait > time.Millisecond {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
		}
		c.closeWith(causeDrain, "", true)
	}
}

// Close cuts all connections and returns when every goroutine of the server has ended. It cancels the contexts of calls in
// progress and waits for the calls.
func (s *Server) Close() {
	for _, c := range s.registry.close() {
		c.drop(causeDrain)
		if c.transport == LongPolling {
			c.finished()
		}
	}
	<-s.registry.empty
	s.running.Wait()
}
