package nodetls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/nodetls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const timeLimit = 10 * time.Second

func newIdentity(t *testing.T) *nodetls.Identity {
	t.Helper()
	id, err := nodetls.New()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// tap is a listener that keeps everything that was sent over its connections.
type tap struct {
	net.Listener
	mu   sync.Mutex
	seen bytes.Buffer
}

func (l *tap) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tapped{c.(*net.TCPConn), l}, nil
}

func (l *tap) contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.seen.Bytes(), []byte(text))
}

type tapped struct {
	*net.TCPConn
	l *tap
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.l.seen.Write(p[:n])
	return n, err
}

func (c *tapped) Write(p []byte) (int, error) {
	c.l.mu.Lock()
	c.l.seen.Write(p)
	c.l.mu.Unlock()
	return c.TCPConn.Write(p)
}

// serve starts a server of HTTP for clients and nodes on one port. It answers with the body of the request, and with the key of
// the sender in a header.
func serve(t *testing.T, own *nodetls.Identity) *tap {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wire := &tap{Listener: raw}
	srv := &http.Server{ConnContext: nodetls.ConnContext, ReadHeaderTimeout: timeLimit, Handler: echo}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(own.Listener(wire))
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return wire
}

var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	key, between := nodetls.Key(r.Context(), r.TLS)
	w.Header().Set("Key", key)
	if between {
		w.Header().Set("Between", "nodes")
	}
	_, _ = io.Copy(w, r.Body)
})

func dial(t *testing.T, l net.Listener) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(timeLimit))
	return c.(*net.TCPConn)
}

const post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"

// TestListener_AnswersClientsAndNodesOnOnePort also half-closes: the answer still comes.
func TestListener_AnswersClientsAndNodesOnOnePort(t *testing.T) {
	far, near := newIdentity(t), newIdentity(t)
	wire := serve(t, far)
	client := dial(t, wire)
	_, _ = io.WriteString(client, post)
	_ = client.CloseWrite()
	plain, err := io.ReadAll(client)
	if err != nil || !strings.Contains(string(plain), "\r\n\r\nhello") || strings.Contains(string(plain), "Between") {
		t.Errorf("a client got %q, %v", plain, err)
	}

	wire = serve(t, far)
	secured, err := near.Client(t.Context(), dial(t, wire), far.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(secured, post)
	if err := secured.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(secured)
	if err != nil || !strings.Contains(string(answer), "\r\n\r\nhello") || !strings.Contains(string(answer), "Key: "+near.Fingerprint()) {
		t.Errorf("a node got %q, %v", answer, err)
	}
	if wire.contains("hello") || wire.contains("POST") {
		t.Error("what nodes send each other can be read on the network")
	}
}

func TestIdentity_ClientRefusesAnotherKey(t *testing.T) {
	far, other, near := newIdentity(t), newIdentity(t), newIdentity(t)
	_, err := near.Client(t.Context(), dial(t, serve(t, other)), far.Fingerprint())
	wrong, ok := errors.AsType[*nodetls.WrongKeyError](err)
	if !ok || wrong.Got != other.Fingerprint() || wrong.Want != far.Fingerprint() {
		t.Errorf("another key: %v", err)
	}
}

func TestIdentity_ClientEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := newIdentity(t).Client(ctx, dial(t, silent), "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a node that says nothing: %v", err)
	}
}

// TestListener_RefusesHandshakesThatAreNotOfNodes tries what a client of TLS could send to a port without a certificate.
func TestListener_RefusesHandshakesThatAreNotOfNodes(t *testing.T) {
	far := newIdentity(t)
	for name, cfg := range map[string]*tls.Config{
		"no key":       {ServerName: nodetls.Name},
		"another name": {ServerName: "chat.example.org", GetClientCertificate: certificate(t)},
		"TLS 1.2":      {ServerName: nodetls.Name, GetClientCertificate: certificate(t), MaxVersion: tls.VersionTLS12},
	} {
		cfg.InsecureSkipVerify = true
		conn := tls.Client(dial(t, serve(t, far)), cfg)
		_, err := io.WriteString(conn, post)
		var answer []byte
		if err == nil {
			answer, err = io.ReadAll(conn)
		}
		if err == nil {
			t.Errorf("%s: got %q", name, answer)
		}
	}
}

// certificate returns what shows a certificate, which any program can make.
func certificate(t *testing.T) func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	t.Helper()
	cfg, err := newIdentity(t).Answer(&tls.ClientHelloInfo{ServerName: nodetls.Name})
	if err != nil {
		t.Fatal(err)
	}
	return func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cfg.Certificates[0], nil }
}

// TestListener_ReadsAHandshakeThatComesInPieces sends the first bytes one by one.
func TestListener_ReadsAHandshakeThatComesInPieces(t *testing.T) {
	far := newIdentity(t)
	secured, err := newIdentity(t).Client(t.Context(), &slow{dial(t, serve(t, far))}, far.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(secured, post)
	if answer, err := io.ReadAll(secured); err != nil || !strings.Contains(string(answer), "hello") {
		t.Errorf("got %q, %v", answer, err)
	}
}

// slow sends every byte in a packet of its own.
type slow struct{ *net.TCPConn }

func (s *slow) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := s.TCPConn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// TestAnswer_LeavesClientsTheirCertificate is a port that has a certificate for clients.
func TestAnswer_LeavesClientsTheirCertificate(t *testing.T) {
	far, near, public := newIdentity(t), newIdentity(t), newIdentity(t)
	forClients, err := public.Answer(&tls.ClientHelloInfo{ServerName: nodetls.Name})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: echo, ReadHeaderTimeout: timeLimit, TLSConfig: &tls.Config{
		Certificates: forClients.Certificates, GetConfigForClient: far.Answer, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12,
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.ServeTLS(raw, "", "")
	}()
	defer func() { _ = srv.Close(); <-done }()
	secured, err := near.Client(t.Context(), dial(t, raw), far.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(secured, post)
	answer, err := io.ReadAll(secured)
	if err != nil || !strings.Contains(string(answer), "Key: "+near.Fingerprint()) {
		t.Errorf("a node got %q, %v", answer, err)
	}
	client := tls.Client(dial(t, raw), &tls.Config{InsecureSkipVerify: true, ServerName: "chat.example.org"})
	_, _ = io.WriteString(client, post)
	answer, err = io.ReadAll(client)
	if err != nil || !strings.Contains(string(answer), "hello") || strings.Contains(string(answer), "Between") {
		t.Errorf("a client got %q, %v", answer, err)
	}
}
