package limit

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/memory"
	"restante/internal/remote"
)

// Listener returns a listener that counts the TCP connections of next until they are closed. It rejects connections beyond
// the limits with an answer of HTTP/1.1, status 503; under TLS it just closes them. With certificates its connections use TLS.
func (l *Limits) Listener(next net.Listener, certificates *tls.Config) net.Listener {
	return &listener{next, l, certificates}
}

// sendBuffer is how many bytes for a peer that reads slowly may be in the kernel. By itself it would take megabytes, which count for a
// container and which nothing here counts: an answer that is in the kernel has left the budget.
const sendBuffer = 128 << 10

type listener struct {
	net.Listener
	limits       *Limits
	certificates *tls.Config // nil: no TLS
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
		counted, beyond := l.limits.open(tcp)
		switch {
		case beyond != "":
			l.limits.reject(tcp, addrOf(c.RemoteAddr()), beyond)
		case l.certificates != nil:
			return secure(counted, l.certificates), nil
		default:
			return counted, nil
		}
	}
}

// open counts a new connection, also as one that is unfinished, or returns the limit that it exceeds.
func (l *Limits) open(tcp *net.TCPConn) (c *conn, beyond limit) {
	from := addrOf(tcp.RemoteAddr())
	c = &conn{TCPConn: tcp, limits: l, from: from, network: remote.Network(from), exempt: l.exempt(from)}
	if c.held, beyond = l.admit(from, c.owner()); beyond != "" {
		return nil, beyond
	}
	c.head.entered = true
	oldest, beyond := l.heads.enter(c, time.Now(), false)
	if beyond != "" {
		c.held.Release()
		l.leave(from)
		return nil, beyond
	}
	l.giveWay(oldest)
	_ = tcp.SetWriteBuffer(sendBuffer) // a hint
	return c, ""
}

// giveWay ends a connection that is unfinished for too long, if there is one.
func (l *Limits) giveWay(oldest *conn) {
	if oldest != nil {
		l.reject(oldest.TCPConn, oldest.from, limitUnfinished)
	}
}

// conn is a counted connection. It has every method of a TCP connection, also those for its file descriptor. It counts what it
// reads of heads.
type conn struct {
	*net.TCPConn
	limits  *Limits
	from    netip.Addr
	network netip.Addr      // what limits count
	exempt  bool            // it comes from a proxy: limits of one address do not count
	held    *memory.Holding // what the connection takes
	closed  atomic.Bool
	head    head

	decrypted atomic.Bool          // TLS over this connection counts what is read
	state     *tls.ConnectionState // what the handshake has agreed on; nil without TLS
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.rest(serving).Release()
		c.limits.leave(c.from)
		c.held.Release()
	}
	return c.TCPConn.Close()
}

// Read implements net.Conn. It ends with an error when a head takes more than there is memory for.
func (c *conn) Read(p []byte) (int, error) {
	if c.decrypted.Load() {
		return c.TCPConn.Read(p)
	}
	c.wait(p)
	n, err := c.TCPConn.Read(p)
	switch beyond := c.counted(n); {
	case beyond == "":
		return n, err
	case c.limits.cfg.TLS:
		c.limits.note(c.from, beyond)
		return 0, errRefused
	default:
		return 0, c.refuse(c.TCPConn, p, beyond)
	}
}

func addrOf(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// admit counts a connection, or returns the limit that it exceeds. What it takes is held for owner until it is closed.
func (l *Limits) admit(from netip.Addr, owner string) (held *memory.Holding, beyond limit) {
	if beyond := l.count(from); beyond != "" {
		return nil, beyond
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
	network := remote.Network(from)
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
	network := remote.Network(from)
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

// reject answers and closes a connection that is not served. It does not block: the buffer of a new socket is empty.
func (l *Limits) reject(c *net.TCPConn, from netip.Addr, beyond limit) {
	l.note(from, beyond)
	if !l.cfg.TLS {
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = c.Write(rejection) // a client that has disconnected needs no answer
	}
	_ = c.Close()
}

// note counts a connection that is not served, and logs it.
func (l *Limits) note(from netip.Addr, beyond limit) {
	l.metrics.refused(beyond)
	if n := l.rejected.count(beyond, time.Now()); n > 0 {
		l.cfg.Log.Warn("rejected connections", slog.String("limit", string(beyond)), slog.Int("connections", n),
			slog.String("last_from", from.String()))
	}
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
