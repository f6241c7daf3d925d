package limit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// requestOf returns a request as the handlers before Limits leave it: from an address and, unless sub is empty, by a
// client with a token.
func requestOf(t *testing.T, sub, addr, path string) *http.Request {
	t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	r.RemoteAddr = net.JoinHostPort(addr, "1000")
	client := auth.Anyone()
	if sub != "" {
		client = &auth.Client{ID: sub, Rooms: auth.Rooms{"*"}, Publish: true}
	}
	var marked *http.Request
	remote.Wrap(remote.Config{}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { marked = r })).ServeHTTP(nil, r)
	return marked.WithContext(auth.With(marked.Context(), client))
}

type accepterFunc func(context.Context, chat.Message) (chat.Message, error)

func (f accepterFunc) Accept(ctx context.Context, m chat.Message) (chat.Message, error) {
	return f(ctx, m)
}

func TestLimits_SendsOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Sends: 2})
		var accepted int
		guard := l.Accept(accepterFunc(func(_ context.Context, m chat.Message) (chat.Message, error) {
			accepted++
			return m, nil
		}))
		send := func(sub, addr string) error {
			_, err := guard.Accept(requestOf(t, sub, addr, "/").Context(), chat.Message{ID: "7"})
			return err
		}
		for i := range 4 {
			if err := send("ann", fmt.Sprintf("192.0.2.%d", i)); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		err := send("ann", "198.51.100.1")
		var refused *errs.Error
		if !errors.As(err, &refused) || refused.Code != errs.RateLimited || refused.RetryAfter != 500*time.Millisecond {
			t.Fatalf("message 5 of a client: %+v", err)
		}
		if !strings.Contains(refused.Msg, "2 messages a second") {
			t.Errorf("the text is %q", refused.Msg)
		}
		if err := send("bob", "192.0.2.1"); err != nil {
			t.Errorf("another client at the same address: %v", err)
		}
		<-time.After(refused.RetryAfter - patience) // it has taken some of that already
		if err := send("ann", "192.0.2.1"); err != nil {
			t.Errorf("after RetryAfter: %v", err)
		}
		if err := send("ann", "192.0.2.1"); errs.CodeOf(err) != errs.RateLimited {
			t.Errorf("a second one after RetryAfter: %v", err)
		}
		if accepted != 6 {
			t.Errorf("%d messages were accepted", accepted)
		}
	})
}

func TestLimits_WithoutTokensAClientIsAnAddress(t *testing.T) {
	l := New(Config{Requests: 1})
	ask := func(addr string) error { return l.Allow(requestOf(t, "", addr, "/rooms")) }
	synctest.Test(t, func(t *testing.T) {
		for _, tc := range []struct {
			addr string
			ok   bool
		}{
			{"192.0.2.1", true}, {"192.0.2.1", true}, {"192.0.2.1", false}, {"192.0.2.2", true},
			{"2001:db8::1", true}, {"2001:db8::2", true}, {"2001:db8::ffff:1", false}, {"2001:db8:0:1::1", true},
		} {
			if err := ask(tc.addr); (err == nil) != tc.ok || err != nil && errs.CodeOf(err) != errs.RateLimited {
				t.Errorf("%s: %v", tc.addr, err)
			}
		}
	})
}

func TestLimits_RequestsWithoutATokenCountForTheirAddress(t *testing.T) {
	l := New(Config{Requests: 1})
	r := requestOf(t, "", "192.0.2.1", "/rooms")
	r = r.WithContext(auth.Refused(r.Context(), &errs.Error{Code: errs.Unauthenticated}))
	synctest.Test(t, func(t *testing.T) {
		for i, want := range []errs.Code{"", "", errs.RateLimited} {
			if got := errs.CodeOf(l.Allow(r)); got != want {
				t.Errorf("request %d: %q, want %q", i, got, want)
			}
		}
		if err := l.Allow(requestOf(t, "ann", "192.0.2.1", "/rooms")); err != nil {
			t.Errorf("a client with a token at that address: %v", err)
		}
	})
}

func TestLimits_ProbesAreAlwaysAllowed(t *testing.T) {
	l := New(Config{Requests: 1})
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			for _, path := range []string{"/healthz", "/readyz"} {
				if err := l.Allow(requestOf(t, "", "192.0.2.1", path)); err != nil {
					t.Fatal(path, err)
				}
			}
		}
	})
}

// Who floods is slowed down: a refusal takes a moment, but no longer than the client stays.
func TestLimits_RefusalTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Requests: 1})
		r := requestOf(t, "ann", "192.0.2.1", "/rooms")
		for range 2 {
			if err := l.Allow(r); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := l.Allow(r); errs.CodeOf(err) != errs.RateLimited || time.Since(start) != patience {
			t.Errorf("refused with %v after %v", err, time.Since(start))
		}
		gone, cancel := context.WithCancel(r.Context())
		cancel()
		start = time.Now()
		if err := l.Allow(r.WithContext(gone)); errs.CodeOf(err) != errs.RateLimited || time.Since(start) != 0 {
			t.Errorf("a client that has gone: %v after %v", err, time.Since(start))
		}
		for range maxPatience {
			l.patience <- struct{}{}
		}
		if err := l.Allow(r); errs.CodeOf(err) != errs.RateLimited || time.Since(start) != 0 {
			t.Errorf("when very many wait: %v after %v", err, time.Since(start))
		}
	})
}

func TestLimits_NegativeIsNone(t *testing.T) {
	l := New(Config{Sends: -1, Requests: -1, Connections: -1, ConnectionsPerAddress: -1, ConnectionsPerClient: -1})
	guard := l.Accept(accepterFunc(func(_ context.Context, m chat.Message) (chat.Message, error) { return m, nil }))
	r := requestOf(t, "ann", "192.0.2.1", "/rooms")
	for range 5000 {
		_, err := guard.Accept(r.Context(), chat.Message{})
		_, connectErr := l.Connect(r.Context())
		if err := errors.Join(err, l.Allow(r), connectErr); err != nil {
			t.Fatal(err)
		}
		if beyond := l.admit(netip.MustParseAddr("192.0.2.1")); beyond != "" {
			t.Fatal(beyond)
		}
	}
}

func TestConfig_Defaults(t *testing.T) {
	c := Config{}.withDefaults()
	if c.Sends != 100 || c.Requests != 300 || c.ConnectionsPerAddress != 2000 || c.ConnectionsPerClient != 100 {
		t.Errorf("%+v", c)
	}
	if c.Connections != openFiles()*9/10 || c.Connections < 100 {
		t.Errorf("connections %d of %d files", c.Connections, openFiles())
	}
}

func TestLimits_ConnectionsOfAClient(t *testing.T) {
	metrics := prometheus.NewRegistry()
	l := New(Config{ConnectionsPerClient: 2, Metrics: metrics})
	ann, bob := requestOf(t, "ann", "192.0.2.1", "/").Context(), requestOf(t, "bob", "192.0.2.1", "/").Context()
	first, err1 := l.Connect(ann)
	_, err2 := l.Connect(ann)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Connect(ann); errs.CodeOf(err) != errs.TooMany {
		t.Errorf("the third one: %v", err)
	}
	other, err := l.Connect(bob)
	if err != nil {
		t.Errorf("another client: %v", err)
	}
	first()
	first()
	if _, err := l.Connect(ann); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	if _, err := l.Connect(ann); errs.CodeOf(err) != errs.TooMany {
		t.Errorf("an end that is told twice counts twice: %v", err)
	}
	other()
	if len(l.opened) != 1 {
		t.Errorf("clients that have left are remembered: %v", l.opened)
	}
	if n := refusals(t, metrics, "connections_per_client"); n != 2 {
		t.Errorf("%v refusals are counted", n)
	}
}

func refusals(t *testing.T, metrics *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "restante_limited_total" && m.GetLabel()[0].GetValue() == name {
				return m.GetCounter().GetValue()
			}
		}
	}
	return -1
}

func TestBuckets_ForgetsClients(t *testing.T) {
	b := newBuckets(1)
	for i := range maxClients + 10 {
		b.take(who{id: fmt.Sprint(i)})
	}
	if n := b.byClient.Len(); n != maxClients {
		t.Errorf("%d clients are remembered", n)
	}
}

// serve accepts connections until the listener is closed, and keeps them.
func serve(t *testing.T, l *Limits) (addr string, accepted chan net.Conn) {
	t.Helper()
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := l.Listener(plain)
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

// answer returns what the server says before it ends the connection.
func answer(t *testing.T, c net.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var b bytes.Buffer
	if _, err := b.ReadFrom(c); err != nil {
		t.Error(err)
	}
	return b.String()
}

func TestListener_TurnsAwayWhatIsBeyondTheLimits(t *testing.T) {
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
		dial(t, "127.0.0.9", addr) // without a limit of its own
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

func TestLimits_ForgetsAddressesThatHaveLeft(t *testing.T) {
	l := New(Config{})
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}
	for _, addr := range addrs {
		if beyond := l.admit(addr); beyond != "" {
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

func BenchmarkAllow(b *testing.B) {
	l := New(Config{Requests: 1 << 30})
	r := httptest.NewRequest("GET", "/rooms", nil)
	r = r.WithContext(auth.With(r.Context(), &auth.Client{ID: "ann"}))
	b.ReportAllocs()
	for b.Loop() {
		if err := l.Allow(r); err != nil {
			b.Fatal(err)
		}
	}
}
