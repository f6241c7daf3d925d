package cert_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"restante/internal/cert"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks")) // never ends
}

const year = 365 * 24 * time.Hour

// pair is a certificate with its key, in PEM.
type pair struct{ cert, key []byte }

// newPair makes a self-signed certificate that is valid from now on.
func newPair(t *testing.T, name string, lifetime time.Duration) pair {
	t.Helper()
	return newPairSince(t, name, time.Now(), lifetime)
}

func newPairSince(t *testing.T, name string, begin time.Time, lifetime time.Duration) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(begin.UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{domain},
		NotBefore: begin, NotAfter: begin.Add(lifetime), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// files are the two files of a source.
type files struct {
	t         *testing.T
	cert, key string
}

func newFiles(t *testing.T) *files {
	dir := t.TempDir()
	return &files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (f *files) config() cert.Config { return cert.Config{Cert: f.cert, Key: f.key} }

func (f *files) write(p pair) {
	f.t.Helper()
	write(f.t, f.cert, p.cert)
	write(f.t, f.key, p.key)
}

// write replaces a file by renaming another one, as programs that renew certificates do.
func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// open opens a source, and returns its log and its metrics too.
func open(t *testing.T, cfg cert.Config) (*cert.Source, *logged, *metrics) {
	t.Helper()
	log, reg := &logged{news: make(chan struct{}, 1000)}, prometheus.NewRegistry()
	cfg.Log, cfg.Metrics = slog.New(log), reg
	s, err := cert.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, log, &metrics{t, reg}
}

// logged is a log in memory.
type logged struct {
	slog.Handler
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{} // gets a value for each line
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }

func (l *logged) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, "%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&l.text, " %s", a); return true })
	l.text.WriteString("\n")
	l.news <- struct{}{}
	return nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// count returns how many lines begin with a level and a message.
func (l *logged) count(line string) int { return strings.Count("\n"+l.String(), "\n"+line) }

// wait returns as soon as the log has the line.
func (l *logged) wait(t *testing.T, line string) {
	t.Helper()
	for l.count(line) == 0 {
		select {
		case <-l.news:
		case <-t.Context().Done():
			t.Fatalf("never logged: %s", line)
		case <-time.After(30 * time.Second):
			t.Fatalf("not logged: %s; but:\n%s", line, l)
		}
	}
}

type metrics struct {
	t   *testing.T
	reg *prometheus.Registry
}

func (m *metrics) expires() float64 {
	return m.value("restante_tls_certificate_expires_timestamp_seconds")
}
func (m *metrics) failures() float64 { return m.value("restante_tls_certificate_failures_total") }

func (m *metrics) value(name string) float64 {
	m.t.Helper()
	families, err := m.reg.Gather()
	if err != nil {
		m.t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			metric := family.GetMetric()[0]
			return metric.GetGauge().GetValue() + metric.GetCounter().GetValue()
		}
	}
	m.t.Fatalf("there is no metric %s", name)
	return 0
}
