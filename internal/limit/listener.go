package limit

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/errs"
)

// Listener returns one that counts the TCP connections of next until they are closed, and turns away those beyond the
// limits: with an answer of HTTP/1.1, status 503, where it can be understood.
func (l *Limits) Listener(next net.Listener) net.Listener { return &listener{next, l} }

type listener struct {
	net.Listener
	limits *Limits
}

// Accept implements net.Listener. It returns the errors of the listener before it as they are; net/http knows which
// of them pass, such as that of too many open files, and waits.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil
		}
		from := addrOf(c.RemoteAddr())
		if beyond := l.limits.admit(from); beyond != "" {
			l.limits.turnAway(tcp, from, beyond)
			continue
		}
		return &conn{TCPConn: tcp, limits: l.limits, from: from}, nil
	}
}

// conn is a connection that is counted. It has all that a TCP connection has, the file descriptor too.
type conn struct {
	*net.TCPConn
	limits *Limits
	from   netip.Addr
	closed atomic.Bool
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.limits.leave(c.from)
	}
	return c.TCPConn.Close()
}

func addrOf(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// admit counts a connection, or returns the limit that it is beyond.
func (l *Limits) admit(from netip.Addr) (beyond limit) {
	network := networkOf(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.cfg.Connections >= 0 && l.all >= l.cfg.Connections:
		return limitConnections
	case l.cfg.ConnectionsPerAddress >= 0 && l.sockets[network] >= l.cfg.ConnectionsPerAddress && !l.exempt(from):
		return limitPerAddress
	}
	l.all++
	l.sockets[network]++
	return ""
}

func (l *Limits) exempt(addr netip.Addr) bool {
	for _, network := range l.cfg.Exempt {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// leave is the end of a connection that was admitted.
func (l *Limits) leave(from netip.Addr) {
	network := networkOf(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.sockets[network]--; l.sockets[network] == 0 {
		delete(l.sockets, network)
	}
}

func (l *Limits) connections() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return float64(l.all)
}

// farewell is what a connection gets that is one too many.
var farewell = func() []byte {
	body := fmt.Sprintf(`{"type":"about:blank","title":"Service Unavailable","status":503,`+
		`"detail":"there are too many connections; try again","code":%q}`+"\n", errs.TooMany)
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n"+
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}()

// turnAway ends a connection that was not admitted. It does not block: the buffer of a new socket is empty.
func (l *Limits) turnAway(c *net.TCPConn, from netip.Addr, beyond limit) {
	l.metrics.refused(beyond)
	if n := l.turnedAway.count(beyond, time.Now()); n > 0 {
		l.cfg.Log.Warn("turned connections away", slog.String("limit", string(beyond)), slog.Int("connections", n),
			slog.String("last_from", from.String()))
	}
	if !l.cfg.TLS {
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = c.Write(farewell) // who has gone already needs no answer
	}
	_ = c.Close()
}

// warnings sees to it that a flood of connections is no flood of log lines.
type warnings struct {
	mu    sync.Mutex
	kinds map[limit]*warning
}

type warning struct {
	since int       // how many there were since the last line
	last  time.Time // when that was
}

const warnEvery = time.Minute

// count notes an event and returns how many a line is to tell of now, 0 for no line.
func (w *warnings) count(kind limit, now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kinds == nil {
		w.kinds = make(map[limit]*warning)
	}
	k := w.kinds[kind]
	if k == nil {
		k = &warning{}
		w.kinds[kind] = k
	}
	k.since++
	if !k.last.IsZero() && now.Sub(k.last) < warnEvery {
		return 0
	}
	n := k.since
	k.since, k.last = 0, now
	return n
}
