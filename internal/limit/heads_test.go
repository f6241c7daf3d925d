package limit

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"restante/internal/memory"
	"restante/internal/remote"
)

// site is an HTTP server behind limits.
type site struct {
	t      *testing.T
	addr   string
	limits *Limits
	budget *memory.Budget
}

// newSite starts a server, with TLS if cfg says so.
func newSite(t *testing.T, cfg Config, handler http.HandlerFunc) *site {
	t.Helper()
	if cfg.Memory == nil {
		cfg.Memory = memory.New(memory.Config{Limit: 64 << 20})
	}
	s := &site{t: t, limits: New(cfg), budget: cfg.Memory}
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = plain.Addr().String()
	var certificates *tls.Config
	if cfg.TLS {
		certificates = &tls.Config{Certificates: []tls.Certificate{newCertificate(t)}, NextProtos: []string{"h2", "http/1.1"}}
	}
	srv := &http.Server{
		Handler:        Compact(remote.Wrap(remote.Config{Trusted: cfg.Exempt}, s.limits.Heads(handler))),
		MaxHeaderBytes: 256 << 10,
	}
	s.limits.Serve(srv)
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(s.limits.Listener(plain, certificates)) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
		s.eventually("nothing is held", func() bool { return s.budget.Used() == 0 && s.limits.heads.count() == 0 })
		if n := len(s.limits.heads.networks) + len(s.limits.heads.large) + s.limits.heads.allLarge; n > 0 {
			t.Errorf("%d heads are counted at the end", n)
		}
	})
	return s
}

func newCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// eventually waits until something is so.
func (s *site) eventually(what string, so func() bool) {
	s.t.Helper()
	tick, late := time.NewTicker(5*time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("not in time: %s", what)
		}
	}
}

// tls connects with TLS and offers one protocol.
func (s *site) tls(from, protocol string) *tls.Conn {
	s.t.Helper()
	c := tls.Client(dial(s.t, from, s.addr), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
	if err := c.HandshakeContext(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// write writes and ignores errors: the server may have refused the rest.
func write(c net.Conn, text string) { _, _ = io.WriteString(c, text) }

// status returns the status of the next answer, 0 if there is none.
func status(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

func ok(http.ResponseWriter, *http.Request) {}

// head returns the beginning of a request of about n bytes. Two line breaks end it.
func headOf(n int) string {
	return "GET / HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", n)
}

// A flood of large heads that do not end costs little, and neither it nor its end keeps others out.
func TestHeads_UnfinishedOnesAreFewAndCounted(t *testing.T) {
	for name, connect := range map[string]func(s *site, from string) net.Conn{
		"plain": func(s *site, from string) net.Conn { return dial(s.t, from, s.addr) },
		"TLS":   func(s *site, from string) net.Conn { return s.tls(from, "http/1.1") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, Config{TLS: name == "TLS"}, ok)
			refused := make(chan int, 40)
			for range 40 {
				c := connect(s, "127.0.0.2")
				go func() { write(c, headOf(200_000)); refused <- status(t, c) }()
			}
			for range 40 - largePerAddress {
				if got := <-refused; got != http.StatusServiceUnavailable {
					t.Errorf("a head beyond the limit is answered %d", got)
				}
			}
			if held := s.budget.Of(memory.Head); held < 200_000 || held > headCopies*(largePerAddress*220_000+40*(freeHead+headStep)) {
				t.Errorf("%d bytes are held", held)
			}
			for _, from := range []string{"127.0.0.2", "127.0.0.3"} {
				c := connect(s, from)
				write(c, headOf(30_000)+"\r\n\r\n")
				if got := status(t, c); got != http.StatusOK {
					t.Errorf("an honest client at %s is answered %d", from, got)
				}
			}
			c := connect(s, "127.0.0.3")
			write(c, headOf(200_000)+"\r\n\r\n")
			if got := status(t, c); got != http.StatusOK {
				t.Errorf("a large head of another address is answered %d", got)
			}
		})
	}
}

// What a head takes is held until its request is answered, and is of its client, also behind a proxy.
func TestHeads_AreHeldUntilTheAnswer(t *testing.T) {
	begun, end := make(chan struct{}), make(chan struct{})
	s := newSite(t, Config{Exempt: []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}}, func(_ http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-end
		if r.URL.Path == "/forget" {
			Forget(r)
			begun <- struct{}{}
			<-end
		}
	})
	before := s.budget.Used()
	c := dial(t, "127.0.0.9", s.addr)
	write(c, "GET /forget HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nX-A: "+strings.Repeat("a", 100_000)+"\r\n\r\n")
	<-begun
	if held := s.budget.Of(memory.Head); held < 100_000 {
		t.Errorf("%d bytes are held while the request is answered", held)
	}
	end <- struct{}{}
	<-begun
	if held := s.budget.Of(memory.Head); held != 0 {
		t.Errorf("%d bytes are held of a request that was forgotten", held)
	}
	end <- struct{}{}
	if got := status(t, c); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	write(c, headOf(10)+"\r\n\r\n")
	<-begun
	if held := s.budget.Used() - before; held != s.limits.cfg.price() {
		t.Errorf("a small head takes %d bytes with its connection", held)
	}
	end <- struct{}{}
	if got := status(t, c); got != http.StatusOK {
		t.Errorf("the second request is answered %d", got)
	}
}

// Where the budget has no space, a head is refused with 503, whether it is complete or not.
func TestHeads_AreRefusedWithoutSpace(t *testing.T) {
	s := newSite(t, Config{Memory: memory.New(memory.Config{Limit: 100 << 10})}, ok)
	c := dial(t, "127.0.0.2", s.addr)
	write(c, headOf(60_000))
	if got := status(t, c); got != http.StatusServiceUnavailable {
		t.Errorf("status %d", got)
	}
	s.eventually("it is given back", func() bool { return s.budget.Used() == 0 })
	c = dial(t, "127.0.0.2", s.addr)
	write(c, headOf(3000)+"\r\n\r\n")
	if got := status(t, c); got != http.StatusOK {
		t.Errorf("a small head is answered %d", got)
	}
}

// Connections that send nothing, or a little at a time, are counted as unfinished, before the handshake, before the first head and
// before the next one. The oldest give way after a while.
func TestHeads_UnfinishedConnectionsAreCounted(t *testing.T) {
	s := newSite(t, Config{ConnectionsPerAddress: 64}, ok)
	most := s.limits.heads.perAddress
	var waiting []net.Conn
	for i := range most {
		c := dial(t, "127.0.0.2", s.addr)
		if i%2 == 0 {
			write(c, headOf(10))
		}
		waiting = append(waiting, c)
	}
	s.eventually("all are counted", func() bool { return int(s.limits.heads.count()) == most })
	if got := status(t, dial(t, "127.0.0.2", s.addr)); got != http.StatusServiceUnavailable {
		t.Errorf("one more is answered %d", got)
	}
	other := dial(t, "127.0.0.3", s.addr)
	write(other, headOf(10)+"\r\n\r\n")
	if got := status(t, other); got != http.StatusOK {
		t.Errorf("another address is answered %d", got)
	}
	s.eventually("it is finished", func() bool { return int(s.limits.heads.count()) == most })
	write(other, headOf(10))
	s.eventually("its second head is not", func() bool { return int(s.limits.heads.count()) == most+1 })
	write(other, "\r\n\r\n")
	if got := status(t, other); got != http.StatusOK {
		t.Errorf("the second head is answered %d", got)
	}

	s.eventually("the oldest gives way", func() bool {
		c := dial(t, "127.0.0.2", s.addr)
		write(c, headOf(10)+"\r\n\r\n")
		return status(t, c) == http.StatusOK
	})
	if got := answer(t, waiting[0]); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
		t.Errorf("the oldest is answered %q", got)
	}
}

// However many addresses fill the limit of all, another one gets in.
func TestHeads_AFewAddressesDoNotFillTheLimitOfAll(t *testing.T) {
	h := newHeads(Config{Connections: 80, ConnectionsPerAddress: 40})
	if h.inAll != 20 || h.perAddress != 10 {
		t.Fatalf("%d in all, %d of an address", h.inAll, h.perAddress)
	}
	now := time.Now()
	enter := func(addr string) (oldest *conn, beyond limit) {
		return h.enter(&conn{network: netip.MustParseAddr(addr)}, now, false)
	}
	for n := range 20 {
		if oldest, beyond := enter([]string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}[n%3]); oldest != nil || beyond != "" {
			t.Fatalf("%d: %v, %q", n, oldest, beyond)
		}
	}
	gaveWay := map[string]int{}
	for n := range 5 {
		oldest, beyond := enter("192.0.2.9")
		if beyond != "" || oldest == nil {
			t.Fatalf("%d: %q", n, beyond)
		}
		gaveWay[oldest.network.String()]++
	}
	if len(gaveWay) != 3 || gaveWay["192.0.2.9"] > 0 {
		t.Errorf("connections of %v have given way", gaveWay)
	}
	if _, beyond := enter("192.0.2.9"); beyond != limitUnfinished {
		t.Errorf("one that has its share is refused by %q", beyond)
	}
	now = now.Add(givesWayAfter)
	if oldest, beyond := enter("192.0.2.9"); beyond != "" || oldest == nil {
		t.Errorf("after a while: %q", beyond)
	}
	for n := range 2 * largeInAll {
		c := &conn{network: netip.AddrFrom4([4]byte{10, 0, byte(n / 8), 1})}
		if n >= largeInAll {
			c.network = netip.AddrFrom4([4]byte{10, 1, byte(n), 1})
		}
		if !h.takeLarge(c) {
			t.Fatalf("large head %d is refused", n)
		}
	}
	if h.takeLarge(&conn{network: netip.MustParseAddr("192.0.2.9")}) {
		t.Error("there is no end of large heads")
	}
}

// A handshake counts, too.
func TestHeads_HandshakesAreCounted(t *testing.T) {
	s := newSite(t, Config{ConnectionsPerAddress: 64, TLS: true}, ok)
	var hello [60_000]byte
	copy(hello[:], "\x16\x03\x01\x40\x00\x01\x00\xea\x00\x03\x03")
	for range s.limits.heads.perAddress {
		write(dial(t, "127.0.0.2", s.addr), string(hello[:12_000]))
	}
	s.eventually("all are counted", func() bool {
		return int(s.limits.heads.count()) == s.limits.heads.perAddress && s.budget.Of(memory.Head) > 8_000*s.limits.heads.perAddress
	})
	c := dial(t, "127.0.0.2", s.addr)
	if got := answer(t, c); got != "" {
		t.Errorf("one more is answered %q", got)
	}
	request(t, s.tls("127.0.0.3", "http/1.1"))
}

func request(t *testing.T, c net.Conn) {
	t.Helper()
	write(c, headOf(10)+"\r\n\r\n")
	if got := status(t, c); got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}
