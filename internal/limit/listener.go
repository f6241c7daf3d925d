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
	"restante/internal/memory"
)

// Listener returns a listener that counts the TCP connections of next until they are closed. It rejects connections beyond
// the limits with an answer of HTTP/1.1, status 503; under TLS it just closes them.
func (l *Limits) Listener(next net.Listener) net.Listener { return &listener{next, l} }

type listener struct {
	net.Listener
	limits *Limits
}

// Accept implements net.Listener. It returns the errors of the underlying listener as they are: net/http knows which of
// them are temporary, such as too many open files, and waits.
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
		held, beyond := l.limits.admit(from)
		if beyond != "" {
			l.limits.reject(tcp, from, beyond)
			continue
		}
		return &conn{TCPConn: tcp, limits: l.limits, from: from, held: held}, nil
	}
}

// conn is a counted connection. It has every method of a TCP connection, also those for its file descriptor.
type conn struct {
	*net.TCPConn
	limits *Limits
	from   netip.Addr
	held   *memory.Holding
	closed atomic.Bool
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.limits.leave(c.from)
		c.held.Release()
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

// admit counts a connection, or returns the limit that it exceeds. What it takes is held until it is closed.
func (l *Limits) admit(from netip.Addr) (held *memory.Holding, beyond limit) {
	if beyond := l.count(from); beyond != "" {
		return nil, beyond
	}
	owner := OwnerOf(from)
	if l.exempt(from) {
		owner = "" // a proxy has many clients
	}
	held = l.cfg.Memory.Hold(memory.Connection, owner)
	if held.Grow(l.cfg.price()) != nil {
		l.leave(from)
		return nil, limitMemory
	}
	return held, ""
}

// count counts a connection, or returns the limit on numbers that it exceeds.
func (l *Limits) count(from netip.Addr) (beyond limit) {
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

// leave uncounts an admitted connection when it is closed.
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

// rejection is the answer to a connection beyond the limits.
var rejection = func() []byte {
	body := fmt.Sprintf(`{"type":"about:blank","title":"Service Unavailable","status":503,`+
		`"detail":"there are too many connections; try again","code":%q}`+"\n", errs.TooMany)
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n"+
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}()

// reject answers and closes a connection that was not admitted. It does not block: the buffer of a new socket is empty.
func (l *Limits) reject(c *net.TCPConn, from netip.Addr, beyond limit) {
	l.metrics.refused(beyond)
	if n := l.rejected.count(beyond, time.Now()); n > 0 {
		l.cfg.Log.Warn("rejected connections", slog.String("limit", string(beyond)), slog.Int("connections", n),
			slog.String("last_from", from.String()))
	}
	if !l.cfg.TLS {
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = c.Write(rejection) // a client that has disconnected needs no answer
	}
	_ = c.Close()
}

// warnings limits the log lines about rejected connections to one a minute for each limit.
type warnings struct {
	mu    sync.Mutex
	kinds map[limit]*warning
}

type warning struct {
	since int       // events since the last line
	last  time.Time // when the last line was written
}

const warnEvery = time.Minute

// count notes an event. It returns how many events a log line should report now, 0 when no line is due.
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
