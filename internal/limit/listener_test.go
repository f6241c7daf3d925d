package limit

import (
	"bytes"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/memory"
)

// serve accepts connections until the listener is closed, and keeps them.
func serve(t *testing.T, l *Limits) (addr string, accepted chan net.Conn) {
	t.Helper()
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := l.Listener(plain, nil)
	accepted = make(chan net.Conn, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		for len(accepted) > 0 {
			_ = (<-accepted).Close()
		}
	})
	return plain.Addr().String(), accepted
}

func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answer returns what the server sends before it closes the connection.
func answer(t *testing.T, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var b bytes.Buffer
	if _, err := b.ReadFrom(c); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestListener_RejectsConnectionsBeyondTheLimits(t *testing.T) {
	var log lines
	metrics := prometheus.NewRegistry()
	l := New(Config{
		Connections: 5, ConnectionsPerAddress: 2, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")},
		Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: metrics,
	})
	addr, accepted := serve(t, l)
	dial(t, "127.0.0.2", addr)
	first := <-accepted
	dial(t, "127.0.0.2", addr)
	<-accepted
	for range 3 {
		if got := answer(t, dial(t, "127.0.0.2", addr)); !strings.HasPrefix(got, "HTTP/1.1 503 ") ||
			!strings.Contains(got, "Retry-After: 1\r\n") || !strings.Contains(got, `"code":"too_many"`) {
			t.Errorf("the third connection of an address is answered %q", got)
		}
	}
	_ = first.Close()
	_ = first.Close()
	dial(t, "127.0.0.2", addr)
	<-accepted
	answer(t, dial(t, "127.0.0.2", addr))
	for range 3 {
		dial(t, "127.0.0.9", addr) // exempt from the limit of an address
		<-accepted
	}
	answer(t, dial(t, "127.0.0.3", addr))
	if n, m := refusals(t, metrics, "connections_per_address"), refusals(t, metrics, "connections"); n != 4 || m != 1 {
		t.Errorf("counted: %v of an address, %v of all", n, m)
	}
	if err := testutil.GatherAndCompare(metrics, strings.NewReader(`# HELP restante_tcp_connections TCP connections that are open.
# TYPE restante_tcp_connections gauge
restante_tcp_connections 5
# HELP restante_tcp_connections_limit TCP connections that may be open; negative: any number.
# TYPE restante_tcp_connections_limit gauge
restante_tcp_connections_limit 5
`), "restante_tcp_connections", "restante_tcp_connections_limit"); err != nil {
		t.Error(err)
	}
	if n := log.Load(); n != 2 {
		t.Errorf("a flood makes %d lines", n)
	}
}

// A connection takes memory of its address until it is closed. One address gets a part of it.
func TestListener_RejectsConnectionsBeyondTheMemory(t *testing.T) {
	metrics := prometheus.NewRegistry()
	budget := memory.New(memory.Config{Limit: 20 * priceOfTCP})
	l := New(Config{Memory: budget, Connections: -1, Metrics: metrics, Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}})
	addr, accepted := serve(t, l)
	var open []net.Conn
	for range 3 {
		dial(t, "127.0.0.2", addr)
		open = append(open, <-accepted)
	}
	if got := answer(t, dial(t, "127.0.0.2", addr)); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("beyond the part of an address: %q", got)
	}
	dial(t, "127.0.0.3", addr)
	open = append(open, <-accepted)
	for range 16 { // all that is left, since a proxy is no client
		dial(t, "127.0.0.9", addr)
		open = append(open, <-accepted)
	}
	answer(t, dial(t, "127.0.0.9", addr))
	if n := refusals(t, metrics, "memory"); n != 2 || budget.Of(memory.Connection) != 20*priceOfTCP {
		t.Errorf("%v are counted, %d bytes are held", n, budget.Used())
	}
	for _, c := range open {
		_ = c.Close()
		_ = c.Close()
	}
	if budget.Used() != 0 || l.all != 0 {
		t.Errorf("%d bytes of %d connections are held at the end", budget.Used(), l.all)
	}
	if c := (Config{Memory: budget}).withDefaults(); c.Connections != 20 {
		t.Errorf("%d connections are more than fit", c.Connections)
	}
}

// The kernel takes little for a peer that does not read.
func TestListener_KernelKeepsLittleForAPeer(t *testing.T) {
	addr, accepted := serve(t, New(Config{}))
	dial(t, "127.0.0.2", addr)
	c := <-accepted
	_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	taken := 0
	for piece := make([]byte, 16<<10); ; {
		n, err := c.Write(piece)
		if taken += n; err != nil {
			break
		}
	}
	if taken > 1<<20 {
		t.Errorf("%d bytes were taken", taken)
	}
}

// The same client has one name, and no client has the name of another.
func TestOwner(t *testing.T) {
	names := map[string]bool{}
	for _, r := range []*http.Request{
		requestOf(t, "ann", "192.0.2.1", "/"), requestOf(t, "ann", "192.0.2.2", "/"), requestOf(t, "192.0.2.3", "192.0.2.1", "/"),
		requestOf(t, "", "192.0.2.3", "/"), requestOf(t, "", "2001:db8::1", "/"), requestOf(t, "", "2001:db8::2", "/"),
	} {
		names[Owner(r.Context())] = true
	}
	if len(names) != 4 || !names[OwnerOf(netip.MustParseAddr("2001:db8::9"))] {
		t.Errorf("the owners are %v", names)
	}
}

func TestLimits_ForgetsAddressesThatHaveLeft(t *testing.T) {
	l := New(Config{})
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}
	for _, addr := range addrs {
		if _, beyond := l.admit(addr, OwnerOf(addr)); beyond != "" {
			t.Fatal(beyond)
		}
	}
	if len(l.sockets) != 2 {
		t.Errorf("connections are counted for %d networks, want 2", len(l.sockets))
	}
	for _, addr := range addrs {
		l.leave(addr)
	}
	if len(l.sockets) != 0 || l.all != 0 {
		t.Errorf("%d connections of %v are remembered", l.all, l.sockets)
	}
}

// lines counts what is written.
type lines struct{ atomic.Int64 }

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.Add(1)
	return len(p), nil
}

// Package signalr reads and writes the descriptor itself, and net/http half-closes.
var _ interface {
	syscall.Conn
	CloseWrite() error
} = (*conn)(nil)

func TestListener_UnderTLSJustCloses(t *testing.T) {
	addr, _ := serve(t, New(Config{ConnectionsPerAddress: 1, TLS: true}))
	dial(t, "127.0.0.1", addr)
	if got := answer(t, dial(t, "127.0.0.1", addr)); got != "" {
		t.Errorf("plain text to a client that expects TLS: %q", got)
	}
}

func TestWarnings_OneLineAMinute(t *testing.T) {
	var w warnings
	now := time.Now()
	for i, tc := range []struct {
		after time.Duration
		kind  limit
		want  int
	}{
		{0, limitPerAddress, 1}, {time.Second, limitPerAddress, 0}, {59 * time.Second, limitPerAddress, 0},
		{2 * time.Second, limitConnections, 1}, {time.Minute, limitPerAddress, 3}, {3 * time.Minute, limitPerAddress, 1},
	} {
		if got := w.count(tc.kind, now.Add(tc.after)); got != tc.want {
			t.Errorf("%d: %d, want %d", i, got, tc.want)
		}
	}
}
