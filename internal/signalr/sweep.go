package signalr

import "time"

// sweep is the server's one clock: it pings, times out and cuts, while there are connections. A timer for each
// connection would cost each of them memory.
func (s *Server) sweep() {
	ticker := time.NewTicker(s.cfg.tick())
	defer ticker.Stop()
	var live []*Conn
	for more := true; more; {
		select {
		case <-ticker.C:
		case <-s.registry.empty: // no connection is left, and none will come
			return
		}
		now := s.now()
		live, more = s.registry.inspect(live[:0], now-int64(s.cfg.IdleTimeout))
		for _, c := range live {
			c.check(now)
		}
		clear(live) // a connection that has ended is not to be kept by this list
	}
}

// check compares the connection with the clock.
func (c *Conn) check(now int64) {
	past := func(since int64, limit time.Duration) bool { return now-since >= int64(limit) }
	if c.stopped.Load() {
		if c.transport == LongPolling && past(c.endedAt.Load(), closeWait) {
			c.finished() // the client has not come for its last bytes
		}
		return
	}
	if c.expire() {
		return
	}
	cfg := &c.server.cfg
	if q, ok := c.out.(*queue); ok && c.transport == LongPolling && q.polls.Load() == 0 && past(q.left.Load(), cfg.IdleTimeout) {
		c.drop(causeTimeout)
		c.finished()
		return
	}
	if !c.shaken.Load() {
		if past(c.openedAt, cfg.HandshakeTimeout) {
			c.stopSaying(causeHandshake, "", true)
		}
		return
	}
	if begun := c.begun.Load(); begun != 0 && past(begun, cfg.MessageTimeout) {
		c.stopSaying(causeUnfinished, closedText, true)
		return
	}
	heard := c.received.Load()
	if since, stuck := c.lag.stuckSince(); stuck && past(since, cfg.StallTimeout) && past(heard, cfg.StallTimeout) {
		c.drop(causeStalled)
		return
	}
	if c.transport == LongPolling {
		return // polls are its keep-alive
	}
	if c.armed.Load() && !c.busy.Load() && past(heard, cfg.ClientTimeout) {
		c.stop(causeTimeout, c.protocol.appendClose(nil, "", true))
		return
	}
	if past(c.sent.Load(), cfg.KeepAlive) {
		c.TryWrite([]byte(c.protocol.ping())) // bytes that wait already are as good
	}
}
