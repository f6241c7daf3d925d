package signalr

import "time"

// sweep runs while there are connections: it pings them and ends those that have timed out. A timer for each connection
// would cost each of them memory.
func (s *Server) sweep() {
	ticker := time.NewTicker(s.cfg.tick())
	defer ticker.Stop()
	var live []*Conn
	for more := true; more; {
		select {
		case <-ticker.C:
		case <-s.recheck:
		case <-s.registry.empty: // no connection is left, and no new one is admitted
			return
		}
		now := s.now()
		live, more = s.registry.inspect(s, live[:0], now-int64(s.cfg.IdleTimeout))
		for _, c := range live {
			c.check(now)
		}
		clear(live) // this list must not keep connections that have ended
	}
}

// check applies the connection's timeouts.
func (c *Conn) check(now int64) {
	past := func(since int64, limit time.Duration) bool { return now-since >= int64(limit) }
	if c.stopped.Load() {
		c.leave(now)
		if c.transport == LongPolling && past(c.endedAt.Load(), closeWait) {
			c.finished() // the client has not fetched its last bytes
		}
		return
	}
	if c.revoke() || c.expire() {
		return
	}
	if r := c.resumable(); r != nil && r.check(now) {
		return
	}
	cfg := &c.server.cfg
	if q, ok := c.out.(*queue); ok && c.transport == LongPolling && q.polls.Load() == 0 && past(q.left.Load(), cfg.IdleTimeout) {
		c.drop(causeTimeout)
		c.finished()
		return
	}
	if !c.handshakeDone.Load() {
		if past(c.openedAt, cfg.HandshakeTimeout) {
			c.closeWith(causeHandshake, "", true)
		}
		return
	}
	if incompleteSince := c.incompleteSince.Load(); incompleteSince != 0 && past(incompleteSince, cfg.MessageTimeout) {
		c.closeWith(causeUnfinished, closedText, true)
		return
	}
	heard := c.received.Load()
	if since, stuck := c.out.stuckSince(); stuck && past(since, cfg.StallTimeout) && past(heard, cfg.StallTimeout) {
		c.drop(causeStalled)
		return
	}
	if c.transport == LongPolling {
		return // polls are its keep-alive
	}
	if c.pinged.Load() && !c.busy.Load() && past(heard, cfg.ClientTimeout) {
		if r := c.resumable(); r != nil {
			r.cut()
			return
		}
		c.stop(causeTimeout, c.protocol.appendClose(nil, "", true))
		return
	}
	if past(c.sent.Load(), cfg.KeepAlive) {
		c.out.write([]byte(c.protocol.ping()), Run{}, false) // if bytes are pending, they serve as a ping
	}
}
