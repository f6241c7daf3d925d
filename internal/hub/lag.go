package hub

import "sync"

// lagging is the connections that are behind. Its methods may be called concurrently and do not block.
type lagging struct {
	mu    sync.Mutex
	conns map[*conn]struct{}
}

func newLagging() *lagging { return &lagging{conns: make(map[*conn]struct{})} }

func (l *lagging) add(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
}

func (l *lagging) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// slowest returns how many messages the slowest reader is behind. It looks at each connection that is behind, and at none of its
// rooms.
func (l *lagging) slowest() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := int64(0)
	for c := range l.conns {
		most = max(most, c.lag.Load())
	}
	return float64(most)
}
