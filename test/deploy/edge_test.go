package deploy

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// clientAt returns a client whose requests come from an address of this machine.
func clientAt(addr string) *http.Client {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(addr)}}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
}

// origins are the headers with which a request may claim its origin.
var origins = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip", "Forwarded", "Restante-Forwarded", "Traceparent", "Tracestate", "Baggage"}

// lies returns all these headers, each twice, with an address of the client's choice.
func lies(addr string) http.Header {
	h := http.Header{}
	for _, name := range origins {
		h[name] = []string{addr, addr}
	}
	return h
}

// said returns the headers about its origin that a request has.
func said(r *http.Request) string {
	var text strings.Builder
	for _, name := range origins {
		if values := r.Header[name]; values != nil {
			fmt.Fprintf(&text, "%s: %s\n", name, strings.Join(values, ", "))
		}
	}
	return text.String()
}

// TestBalancer_SetsTheOriginOfRequests checks what nodes get from clients, and from a proxy that is trusted as
// the comment in the configuration describes.
func TestBalancer_SetsTheOriginOfRequests(t *testing.T) {
	node := startUnready(t, "node")
	const first, last = "http-request del-header X-Forwarded- -m beg", "http-request set-header X-Forwarded-"
	unless := " unless { src 127.0.0.2 }"
	for name, tc := range map[string]struct {
		changes      [][2]string
		byTwo, other string // what a node gets of requests from 127.0.0.2 and from another address
	}{
		"of clients": {nil, "X-Forwarded-For: 127.0.0.2\nX-Forwarded-Proto: http\n", "X-Forwarded-For: 127.0.0.3\nX-Forwarded-Proto: http\n"},
		"of a proxy": {
			[][2]string{{first, first + unless}, {last + "For %[src]", last + "For %[src]" + unless}, {"%[ssl_fc,iif(https,http)]", "%[ssl_fc,iif(https,http)]" + unless}},
			"X-Forwarded-For: 10.9.8.7, 10.9.8.7\nX-Forwarded-Proto: 10.9.8.7, 10.9.8.7\nX-Forwarded-Host: 10.9.8.7, 10.9.8.7\nX-Forwarded-Port: 10.9.8.7, 10.9.8.7\n",
			"X-Forwarded-For: 127.0.0.3\nX-Forwarded-Proto: http\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBalancer(t, node, node, tc.changes...)
			for _, path := range []string{"/rooms", "/messageHub"} {
				eventually(t, "an answer", func() bool { _, body := status(t, "GET", b.url+path); return strings.HasPrefix(body, "node") })
				for addr, want := range map[string]string{"127.0.0.2": tc.byTwo, "127.0.0.3": tc.other} {
					if _, got := ask(t, clientAt(addr), "GET", b.url+path, lies("10.9.8.7")); got != "node\n"+want {
						t.Errorf("from %s: %q, want %q", addr, got, want)
					}
				}
			}
		})
	}
}

// TestBalancer_WithACertificate adds the line of the manual to the configuration, and sends requests over the protocols
// that it offers.
func TestBalancer_WithACertificate(t *testing.T) {
	lender := httptest.NewUnstartedServer(nil) // its server has a certificate for 127.0.0.1
	lender.StartTLS()
	defer lender.Close()
	key, err := x509.MarshalPKCS8PrivateKey(lender.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "both.pem")
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(file, both, 0o600); err != nil {
		t.Fatal(err)
	}
	line := all("`(bind :8443 [^`]*)`", read(t, manual))
	if len(line) != 1 {
		t.Fatalf("the manual has %d lines that give HAProxy a certificate", len(line))
	}
	public := testkit.FreeAddr(t)
	node := startUnready(t, "node")
	const frontend = "frontend restante\n"
	startBalancer(t, node, node, [2]string{frontend, frontend + "\t" + strings.NewReplacer(":8443", public, "FILE", file).Replace(line[0]) + "\n"})
	roots := x509.NewCertPool()
	roots.AddCert(lender.Certificate())
	for _, http2 := range []bool{false, true} {
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: http2, DisableKeepAlives: true}}
		eventually(t, "an answer that says https", func() bool {
			_, got := ask(t, client, "GET", "https://"+public+"/rooms", lies("10.9.8.7"))
			return got == "node\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: https\n"
		})
	}
}

// TestBalancer_AClientCannotTakeAnothersAddress: without authentication a client is an address. A client that sends too
// many requests is refused under every address that it claims, and does not affect another client.
func TestBalancer_AClientCannotTakeAnothersAddress(t *testing.T) {
	node := testkit.Start(t, testkit.Options{Args: []string{"--auth", "none", "--trusted-proxy", "127.0.0.1", "--limit-requests", "1"}})
	b := startBalancer(t, node.Addr(), node.Addr())
	eventually(t, "the load balancer has nodes", b.healthy(t))
	greedy, modest := clientAt("127.0.0.2"), clientAt("127.0.0.3")
	var codes []int
	for i := range 8 { // two at once, and one a second
		code, _ := ask(t, greedy, "GET", b.url+"/rooms", lies(fmt.Sprintf("10.0.0.%d", i)))
		codes = append(codes, code)
	}
	if codes[0] != http.StatusOK || !slices.Contains(codes, http.StatusTooManyRequests) {
		t.Errorf("8 requests under 8 addresses: %d", codes)
	}
	for range 2 {
		if code, body := ask(t, modest, "GET", b.url+"/rooms", lies("127.0.0.2")); code != http.StatusOK {
			t.Errorf("the first request of a client: %d %s", code, body)
		}
	}
}

// TestBalancer_KeepsMetricsFromClients tries the spellings of the path with which a node would show them.
func TestBalancer_KeepsMetricsFromClients(t *testing.T) {
	node := testkit.Start(t, testkit.Options{})
	b := startBalancer(t, node.Addr(), node.Addr())
	eventually(t, "the load balancer has nodes", b.healthy(t))
	for _, path := range []string{
		"/metrics", "/metrics?a=b", "/%6detrics", "/%6D%65trics", "/metric%73?", "//metrics", "/./metrics", "/rooms/../metrics",
		"/rooms/%2e%2e/metrics", "/%2fmetrics", "/messageHub/../metrics", "/metrics/", "http://127.0.0.1/metrics",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			// A redirect to the right spelling is harmless: that request is refused.
			if code, body := exactly(t, b, method, path); code == http.StatusOK || strings.Contains(body, "restante_") {
				t.Errorf("%s %s: %d %.200s", method, path, code, body)
			}
		}
	}
	if code, _ := exactly(t, b, "GET", "/metrics"); code != http.StatusNotFound {
		t.Errorf("/metrics: %d", code)
	}
	if code, body := status(t, "GET", node.URL()+"/%6detrics"); code != http.StatusOK || !strings.Contains(body, "restante_") {
		t.Errorf("the node itself answers %d: these spellings prove nothing", code)
	}
}

// exactly requests a path that no client library changes.
func exactly(t *testing.T, b *balancer, method, path string) (int, string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", method, path); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, bodyOf(resp)
}
