package testkit

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Direction is one of the two directions of a Proxy.
type Direction int

// The directions.
const (
	Up   Direction = iota // from client to server
	Down                  // from server to client
)

// Proxy is a TCP proxy that disturbs its connections on request. A setting of a direction applies to all connections,
// including future ones. Its methods may be called concurrently.
type Proxy struct {
	listener net.Listener
	cancel   context.CancelFunc
	running  sync.WaitGroup
	valves   [2]valve

	mu      sync.Mutex
	targets []string
	next    int // index of the next connection
	refuse  bool
	cuts    int // how often Cut was called
	links   map[*link]struct{}
}

// link is one proxied connection: ends[Up] is the client's socket, ends[Down] the server's.
type link struct{ ends [2]*net.TCPConn }

// proxyBuffer bounds what the kernel buffers for a proxied connection, so that the server soon notices a slow one.
const proxyBuffer = 64 << 10

// StartProxy starts a proxy to the target, host:port, on a free port. It ends with the test. With several targets it is
// a load balancer: connections go to the targets in turn, without those that refuse them.
func StartProxy(t testing.TB, targets ...string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{listener: listener, cancel: cancel, targets: targets, links: map[*link]struct{}{}}
	for d := range p.valves {
		p.valves[d].changed = make(chan struct{})
	}
	p.running.Go(func() { p.accept(ctx) })
	t.Cleanup(p.close)
	return p
}

// Through starts a proxy to the server in a URL, such as a RabbitMQ or PostgreSQL server, and returns the URL with the
// proxy's address.
func Through(t testing.TB, address string) (string, *Proxy) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	p := StartProxy(t, u.Host)
	u.Host = p.Addr()
	return u.String(), p
}

// Addr returns host:port of the proxy.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL returns the proxy's address as http://host:port.
func (p *Proxy) URL() string { return "http://" + p.Addr() }

// Cut resets every connection. It accepts new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts++
	for l := range p.links {
		l.reset()
	}
}

// Refuse sets whether new connections are reset at once.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// Retarget sends new connections to other addresses.
func (p *Proxy) Retarget(targets ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = targets
}

// Stall stops the bytes of a direction without closing anything. Resume lets them continue.
func (p *Proxy) Stall(d Direction) { p.valves[d].set(func(v *valve) { v.stalled = true }) }

// Resume ends Stall.
func (p *Proxy) Resume(d Direction) { p.valves[d].set(func(v *valve) { v.stalled = false }) }

// Slow limits each connection in a direction to a number of bytes per second; 0 removes the limit.
func (p *Proxy) Slow(d Direction, bytesPerSecond int) {
	p.valves[d].set(func(v *valve) { v.rate = bytesPerSecond })
}

// Record keeps a copy of every byte that passes from now on, in both directions. The returned function returns it.
func (p *Proxy) Record() (passed func() string) {
	var mu sync.Mutex
	var all strings.Builder
	for d := range p.valves {
		p.valves[d].set(func(v *valve) {
			v.record = func(b []byte) {
				mu.Lock()
				defer mu.Unlock()
				all.Write(b)
			}
		})
	}
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

// HalfClose ends one direction of every open connection: the receiver reads the end of the stream, and the other
// direction continues.
func (p *Proxy) HalfClose(d Direction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		_ = l.ends[1-d].CloseWrite() // fails only on a closed connection
	}
}

// Links returns the number of open connections.
func (p *Proxy) Links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

func (p *Proxy) close() {
	p.cancel()
	_ = p.listener.Close()
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) accept(ctx context.Context) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the listener is closed
		}
		p.running.Go(func() { p.serve(ctx, client.(*net.TCPConn)) })
	}
}

func (p *Proxy) serve(ctx context.Context, client *net.TCPConn) {
	p.mu.Lock()
	cuts := p.cuts
	p.mu.Unlock()
	l := &link{}
	l.ends[Up] = client
	if l.ends[Down] = p.dial(ctx); l.ends[Down] == nil {
		l.reset()
		return
	}
	p.mu.Lock()
	p.links[l] = struct{}{}
	cut := p.cuts != cuts // before this link was registered
	p.mu.Unlock()
	if cut {
		l.reset()
	}
	ctx, cancel := context.WithCancel(ctx)
	var pipes sync.WaitGroup
	for _, d := range []Direction{Up, Down} {
		_ = l.ends[d].SetReadBuffer(proxyBuffer)
		_ = l.ends[d].SetWriteBuffer(proxyBuffer)
		pipes.Go(func() {
			if err := p.valves[d].pipe(ctx, l.ends[1-d], l.ends[d]); err != nil {
				cancel()
				l.reset()
			}
		})
	}
	pipes.Wait()
	cancel()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
	l.reset()
}

// dial connects to the next target, or to the one after it that can be reached. It returns nil when no target can be
// reached or connections are refused.
func (p *Proxy) dial(ctx context.Context) *net.TCPConn {
	p.mu.Lock()
	targets, next, refuse := p.targets, p.next, p.refuse
	p.next++
	p.mu.Unlock()
	if refuse {
		return nil
	}
	var d net.Dialer
	for i := range targets {
		if server, err := d.DialContext(ctx, "tcp", targets[(next+i)%len(targets)]); err == nil {
			return server.(*net.TCPConn)
		}
	}
	return nil
}

// reset closes both sockets with a reset instead of an end of the stream.
func (l *link) reset() {
	for _, c := range l.ends {
		if c != nil {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
}

// valve controls the bytes of one direction.
type valve struct {
	mu      sync.Mutex
	stalled bool
	rate    int           // bytes per second; 0: no limit
	record  func([]byte)  // called with what passes; nil: nothing is recorded
	changed chan struct{} // closed and replaced by set
}

func (v *valve) set(change func(*valve)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(v)
	close(v.changed)
	v.changed = make(chan struct{})
}

// wait returns the current rate as soon as the direction is not stalled.
func (v *valve) wait(ctx context.Context) (rate int, changed <-chan struct{}, err error) {
	for {
		v.mu.Lock()
		stalled, rate, changed := v.stalled, v.rate, v.changed
		v.mu.Unlock()
		if !stalled {
			return rate, changed, ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

// pipe copies until an error, or until the end of from, which it forwards.
func (v *valve) pipe(ctx context.Context, to, from *net.TCPConn) error {
	buf := make([]byte, 32<<10)
	for {
		rate, _, err := v.wait(ctx)
		if err != nil {
			return err
		}
		n, err := from.Read(buf[:piece(rate, len(buf))])
		for b := buf[:n]; len(b) > 0; {
			written, err := v.write(ctx, to, b)
			if err != nil {
				return err
			}
			b = b[written:]
		}
		if errors.Is(err, io.EOF) {
			return to.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}

// piece returns how many of n bytes to send at once: with a limit, those of a twentieth of a second.
func piece(rate, n int) int {
	if rate == 0 {
		return n
	}
	return max(1, min(n, rate/20))
}

// write writes the first bytes of b, waits as long as the rate requires, and returns their number.
func (v *valve) write(ctx context.Context, to *net.TCPConn, b []byte) (int, error) {
	rate, changed, err := v.wait(ctx)
	if err != nil {
		return 0, err
	}
	n, err := to.Write(b[:piece(rate, len(b))])
	v.mu.Lock()
	if v.record != nil {
		v.record(b[:n])
	}
	v.mu.Unlock()
	if err != nil || rate == 0 {
		return n, err
	}
	select {
	case <-time.After(time.Duration(n) * time.Second / time.Duration(rate)):
	case <-changed:
	case <-ctx.Done():
	}
	return n, ctx.Err()
}
