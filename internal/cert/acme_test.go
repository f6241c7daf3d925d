package cert_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"

	"restante/internal/cert"
)

const domain = "chat.example.org"

// authority is Pebble, the small ACME authority of Let's Encrypt. It resolves every name to 127.0.0.1 and reaches https
// at the port of a listener.
type authority struct {
	url    string
	roots  *x509.CertPool
	orders atomic.Int32
	db     *db.MemoryStore
}

func newAuthority(t *testing.T, port int) *authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "0")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "default"}})
	checker := va.New(quiet, 0, port, true, newResolver(t), store)
	a := &authority{roots: x509.NewCertPool(), db: store}
	a.roots.AddCert(issuer.GetRootCert(0).Cert)
	front := wfe.New(quiet, store, checker, issuer, []string{"ca.example.org"}, true, false, 0, 0)
	handler := front.Handler()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/order-plz" {
			a.orders.Add(1)
		}
		handler.ServeHTTP(w, r)
	}))
	trusted := http.DefaultTransport
	http.DefaultTransport = srv.Client().Transport // as if the system trusted Pebble's certificate
	t.Cleanup(func() {
		http.DefaultTransport = trusted
		srv.Close()
	})
	a.url = srv.URL + "/dir"
	return a
}

// newResolver starts a name server that resolves every name to 127.0.0.1, and returns its address.
func newResolver(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	srv := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		answer := new(dns.Msg).SetReply(r)
		if q := r.Question[0]; q.Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(127, 0, 0, 1)}}
		}
		_ = w.WriteMsg(answer)
	})}
	started, done := make(chan struct{}), make(chan error, 1)
	srv.NotifyStartedFunc = func() { close(started) }
	go func() { done <- srv.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		_ = srv.Shutdown()
		<-done
	})
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve answers https requests on a listener with their protocol, and echoes one message of each WebSocket.
func serve(t *testing.T, l net.Listener, s *cert.Source) {
	t.Helper()
	srv := &http.Server{
		TLSConfig: s.TLSConfig(), ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") == "" {
				_, _ = io.WriteString(w, r.Proto)
				return
			}
			conn, _, _, err := ws.UpgradeHTTP(r, w)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if message, err := wsutil.ReadClientText(conn); err == nil {
				_ = wsutil.WriteServerText(conn, message)
			}
		}),
	}
	done := make(chan error, 1)
	go func() { done <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
}

// get requests a page over the newest protocol that both sides support, and returns that protocol and the certificate.
func get(t *testing.T, addr, name string, roots *x509.CertPool, http2 bool) (string, *x509.Certificate, error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: http2,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + name + "/")
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp.TLS.PeerCertificates[0], err
}

func TestSource_GetsACertificateFromAnAuthority(t *testing.T) {
	listener := listen(t)
	addr := listener.Addr().String()
	ca := newAuthority(t, listener.Addr().(*net.TCPAddr).Port)
	cache := filepath.Join(t.TempDir(), "acme")
	cfg := cert.Config{Domains: []string{strings.ToUpper(domain)}, Email: "ops@example.org", Directory: ca.url, Cache: cache}

	var first *x509.Certificate
	t.Run("first start", func(t *testing.T) {
		s, logged, metrics := open(t, cfg)
		serve(t, listener, s)
		if _, _, err := get(t, addr, domain, ca.roots, true); err == nil || ca.orders.Load() > 0 {
			t.Errorf("before there is a certificate: error %v, %d orders", err, ca.orders.Load())
		}
		if metrics.expires() != 0 {
			t.Error("without a certificate one ends at", metrics.expires())
		}
		run(t, s)
		logged.wait(t, "INFO certificate in use")
		proto, leaf, err := get(t, addr, domain, ca.roots, true)
		if err != nil || proto != "HTTP/2.0" {
			t.Fatalf("%s, %v", proto, err)
		}
		first = leaf
		if got := metrics.expires(); got != float64(leaf.NotAfter.Unix()) || metrics.failures() != 0 {
			t.Errorf("the metric says that it ends at %v, want %v; %v failures", got, leaf.NotAfter.Unix(), metrics.failures())
		}
		if proto, _, err := get(t, addr, domain, ca.roots, false); err != nil || proto != "HTTP/1.1" {
			t.Errorf("a client of HTTP/1.1: %s, %v", proto, err)
		}
		if got := echo(t, addr, ca.roots); got != "hi" {
			t.Errorf("over a WebSocket: %q", got)
		}
		if _, _, err := get(t, addr, "other.example.org", ca.roots, true); err == nil || ca.orders.Load() != 1 {
			t.Errorf("another name: error %v, %d orders", err, ca.orders.Load())
		}
		isPrivate(t, cache)
	})

	t.Run("second start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(first.NotBefore.Add(24 * time.Hour))) // fake time, which begins long before the certificate
			s, logged, _ := open(t, cfg)
			for _, when := range []string{"before Run", "after"} {
				if leaf, err := handshake(t, s, nil); err != nil || !leaf.Equal(first) {
					t.Errorf("%s: not the certificate of the first order: %v", when, err)
				}
				if when == "before Run" {
					run(t, s)
					advance(time.Hour)
				}
			}
			if ca.orders.Load() != 1 || logged.count("INFO certificate in use") != 1 || logged.count("WARN") > 0 {
				t.Errorf("%d orders, want 1; log:\n%s", ca.orders.Load(), logged)
			}
		})
	})
}

func TestSource_AnOrderThatFails(t *testing.T) {
	listener := listen(t)
	ca := newAuthority(t, listener.Addr().(*net.TCPAddr).Port)
	if err := ca.db.AddBlockedDomain(domain); err != nil {
		t.Fatal(err)
	}
	s, logged, metrics := open(t, cert.Config{Domains: []string{domain, "b.example.org", "c.example.org"}, Directory: ca.url, Cache: t.TempDir()})
	serve(t, listener, s)
	run(t, s)
	logged.wait(t, "INFO certificate in use names=[c.example.org]")
	if metrics.failures() != 1 || metrics.expires() != 0 {
		t.Errorf("%v failures, want 1; the first certificate ends at %v, want 0", metrics.failures(), metrics.expires())
	}
	if !strings.Contains(logged.String(), "certificate of "+domain) || strings.Contains(logged.String(), "certificate of b.") {
		t.Errorf("the log names the wrong certificate:\n%s", logged)
	}
	for _, name := range []string{"b.example.org", "c.example.org"} {
		if _, _, err := get(t, listener.Addr().String(), name, ca.roots, true); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// echo sends a message over a WebSocket and returns what comes back.
func echo(t *testing.T, addr string, roots *x509.CertPool) string {
	t.Helper()
	dialer := ws.Dialer{
		TLSConfig: &tls.Config{RootCAs: roots, ServerName: domain},
		NetDial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
	}
	conn, _, _, err := dialer.Dial(t.Context(), "wss://"+domain+"/")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := wsutil.WriteClientText(conn, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	message, err := wsutil.ReadServerText(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

// isPrivate checks that only the owner can read the keys in a directory.
func isPrivate(t *testing.T, dir string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s has mode %v, want 0700 (%v)", dir, info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 { // the account's key, and the certificate with its key
		t.Fatalf("%d files in %s (%v)", len(entries), dir, err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600 (%v)", entry.Name(), info.Mode(), err)
		}
	}
}
