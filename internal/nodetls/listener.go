package nodetls

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// handshakeRecord is the first byte of a TLS connection. No request of HTTP begins with it.
const handshakeRecord = 0x16

// Listener returns a listener for a port without TLS. The first byte that comes over a connection of next tells whether it is of a
// client, and stays as it is, or of another node, and is encrypted: what is read and written is then what the node sends and gets. The
// handshake is part of the first Read, so that the time limit of a request's head holds for it too.
func (i *Identity) Listener(next net.Listener) net.Listener { return &listener{next, i} }

type listener struct {
	net.Listener
	own *Identity
}

// Accept implements net.Listener. It returns the errors of the underlying listener as they are.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, own: l.own}, nil
}

// Conn is a connection of Listener. Its methods may be called concurrently, as those of any net.Conn.
type Conn struct {
	net.Conn
	own     *Identity
	told    atomic.Bool              // the first byte was read
	begin   sync.Mutex               // held while the first byte is read
	failed  error                    // of the handshake; guarded by begin
	secured atomic.Pointer[tls.Conn] // nil for a client
	key     string                   // that the other node has shown; written before secured is
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if !c.told.Load() {
		if n, err := c.first(p); n > 0 || err != nil {
			return n, err
		}
	}
	if secured := c.secured.Load(); secured != nil {
		return secured.Read(p)
	}
	return c.Conn.Read(p)
}

// first reads the first bytes of the connection. It returns them if they are a client's. It returns 0 and no error when the handshake
// with another node is done, and what follows is read from there.
func (c *Conn) first(p []byte) (int, error) {
	c.begin.Lock()
	defer c.begin.Unlock()
	if c.told.Load() || c.failed != nil {
		return 0, c.failed
	}
	n, err := c.Conn.Read(p)
	if n == 0 {
		return 0, err
	}
	if p[0] != handshakeRecord {
		c.told.Store(true)
		return n, err
	}
	read := &replayed{Conn: c.Conn, before: bytes.NewReader(bytes.Clone(p[:n]))}
	secured := tls.Server(read, c.own.server())
	ctx, cancel := context.WithTimeout(context.Background(), HandshakeTimeout)
	defer cancel()
	if c.failed = secured.HandshakeContext(ctx); c.failed != nil {
		return 0, c.failed
	}
	state := secured.ConnectionState()
	c.key = keyOf(&state)
	c.secured.Store(secured)
	c.told.Store(true)
	return 0, nil
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	if secured := c.secured.Load(); secured != nil {
		return secured.Write(p)
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *Conn) Close() error {
	if secured := c.secured.Load(); secured != nil {
		return secured.Close()
	}
	return c.Conn.Close()
}

// CloseWrite ends this side of the connection: the other end reads the end, and can still send.
func (c *Conn) CloseWrite() error {
	if secured := c.secured.Load(); secured != nil {
		return secured.CloseWrite()
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetWriteBuffer sets the size of the socket's buffer, in bytes.
func (c *Conn) SetWriteBuffer(size int) error {
	if socket, ok := c.Conn.(interface{ SetWriteBuffer(size int) error }); ok {
		return socket.SetWriteBuffer(size)
	}
	return errors.ErrUnsupported
}

// SyscallConn implements syscall.Conn for connections of clients: what goes over the descriptor of an encrypted one is not the text.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok || !c.told.Load() || c.secured.Load() != nil {
		return nil, errors.ErrUnsupported
	}
	return socket.SyscallConn()
}

// NetConn returns the connection below.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// replayed is a connection from which some bytes were read already.
type replayed struct {
	net.Conn
	before io.Reader // nil when they were read again
}

// Read implements net.Conn.
func (r *replayed) Read(p []byte) (int, error) {
	if r.before != nil {
		if n, _ := r.before.Read(p); n > 0 {
			return n, nil
		}
		r.before = nil
	}
	return r.Conn.Read(p)
}

type contextKey struct{}

// ConnContext adds a connection to the context of its requests, for Key. It is meant for http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	for c != nil {
		if own, ok := c.(*Conn); ok {
			return context.WithValue(ctx, contextKey{}, own)
		}
		below, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = below.NetConn()
	}
	return ctx
}

// Key returns the fingerprint of the key that the sender of a request has shown, and whether the request came over a connection between
// nodes. ctx is the context of the request, and state the TLS state that net/http has noted in it. Anybody can make a key: the
// caller compares it with those that the nodes have announced.
func Key(ctx context.Context, state *tls.ConnectionState) (fingerprint string, between bool) {
	if c, ok := ctx.Value(contextKey{}).(*Conn); ok && state == nil {
		if c.secured.Load() == nil {
			return "", false
		}
		return c.key, true
	}
	if state == nil || state.ServerName != Name {
		return "", false
	}
	return keyOf(state), true
}
