package limit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// requestOf returns a request with the context that Limits needs: it comes from an address and, unless sub is empty, from
// a client with a token.
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
		guard := l.CheckRate(accepterFunc(func(_ context.Context, m chat.Message) (chat.Message, error) {
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
		<-time.After(refused.RetryAfter - refusalDelay) // it has taken some of that already
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

// A client that floods is slowed down: a refusal is delayed, but not after the client has disconnected.
func TestLimits_RefusalsAreDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Config{Requests: 1})
		r := requestOf(t, "ann", "192.0.2.1", "/rooms")
		for range 2 {
			if err := l.Allow(r); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := l.Allow(r); errs.CodeOf(err) != errs.RateLimited || time.Since(start) != refusalDelay {
			t.Errorf("refused with %v after %v", err, time.Since(start))
		}
		disconnected, cancel := context.WithCancel(r.Context())
		cancel()
		start = time.Now()
		if err := l.Allow(r.WithContext(disconnected)); errs.CodeOf(err) != errs.RateLimited || time.Since(start) != 0 {
			t.Errorf("a client that has disconnected: %v after %v", err, time.Since(start))
		}
		for range maxDelays {
			l.delays <- struct{}{}
		}
		if err := l.Allow(r); errs.CodeOf(err) != errs.RateLimited || time.Since(start) != 0 {
			t.Errorf("when very many wait: %v after %v", err, time.Since(start))
		}
	})
}

func TestLimits_NegativeIsNone(t *testing.T) {
	l := New(Config{Sends: -1, Requests: -1, Connections: -1, ConnectionsPerAddress: -1, ConnectionsPerClient: -1})
	guard := l.CheckRate(accepterFunc(func(_ context.Context, m chat.Message) (chat.Message, error) { return m, nil }))
	r := requestOf(t, "ann", "192.0.2.1", "/rooms")
	for range 5000 {
		_, err := guard.Accept(r.Context(), chat.Message{})
		_, connectErr := l.Connect(r.Context())
		if err := errors.Join(err, l.Allow(r), connectErr); err != nil {
			t.Fatal(err)
		}
		if _, beyond := l.admit(netip.MustParseAddr("192.0.2.1"), ""); beyond != "" {
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
		t.Errorf("a release that is called twice counts twice: %v", err)
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
		b.take(clientKey{id: fmt.Sprint(i)})
	}
	if n := b.byClient.Len(); n != maxClients {
		t.Errorf("%d clients are remembered", n)
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
