// Package cert provides the server's TLS certificates. They come from files, which are checked for changes while the
// server runs, or from an ACME authority such as Let's Encrypt, which renews them in time.
package cert

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/crypto/acme"
)

// Config says where the certificates come from: two files, or an authority.
type Config struct {
	Cert, Key string // PEM files; Cert may contain intermediate certificates after the server's own

	Domains   []string // names for which to order certificates; the authority connects to each of them to verify it
	Email     string   // contact address for the authority; default none
	Directory string   // URL of the authority; default Let's Encrypt
	Cache     string   // directory for certificates and keys from the authority; created if missing

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

// Source holds the current certificates. Its methods may be called concurrently.
type Source struct {
	log      *slog.Logger
	metrics  *metrics
	provider provider
	names    int // the number of certificates that should exist
	current  atomic.Pointer[[]*tls.Certificate]
	warned   time.Time // time of the last warning that a certificate ends soon; used by Run only
}

// provider gets certificates from files or from an authority.
type provider interface {
	// check returns the certificates to use from now on, or none to keep the current ones, and how long to wait before
	// the next check, also with an error. It may block for minutes, but returns when ctx ends.
	check(ctx context.Context) (certs []*tls.Certificate, again time.Duration, err error)
	// challenge returns the certificate that proves to the authority that this server has the name.
	challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Open reads the files, or the certificates that the authority issued earlier; it contacts no authority. An error names
// the file at fault. Run keeps the certificates up to date. Nothing needs to be closed.
func Open(cfg Config) (*Source, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{log: cfg.Log, metrics: newMetrics(cfg.Metrics), names: 1}
	var certs []*tls.Certificate
	var err error
	if len(cfg.Domains) > 0 {
		s.names = len(cfg.Domains)
		s.provider, certs, err = openAuthority(cfg)
	} else {
		s.provider, certs, err = openFiles(cfg.Cert, cfg.Key)
	}
	if err != nil {
		return nil, err
	}
	s.use(certs)
	return s, nil
}

// Run keeps the certificates up to date until ctx ends. It checks files every two seconds; with an authority, it orders
// missing certificates and uses renewed ones. New certificates apply to new connections. Failures are logged, counted
// and retried. Run must be called once. An order in progress may continue for a few minutes after Run has returned.
func (s *Source) Run(ctx context.Context) error {
	for {
		certs, again, err := s.provider.check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.metrics.failures.Inc()
			s.log.Warn("no new certificate", "error", err, "again", again.Round(time.Second).String())
		}
		if len(certs) > 0 {
			s.use(certs)
		}
		s.warn(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// suites are those of TLS 1.2 that encrypt and authenticate in one step (AEAD) and whose keys are forgotten. Those with CBC have been
// broken by their timing again and again. All suites of TLS 1.3 are such.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// TLSConfig returns the configuration of a server with these certificates: TLS 1.2 or newer with AEAD suites only, HTTP/2 and
// HTTP/1.1. The caller may change it.
func (s *Source) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		CipherSuites:   suites,
		NextProtos:     []string{"h2", "http/1.1", acme.ALPNProto},
		GetCertificate: s.certificate,
	}
}

var errNone = errors.New("there is no certificate yet")

// certificate returns the certificate for a handshake: the first one that the client supports, else the first of all,
// so that a client that connects by IP address can see which server it has reached. A handshake never orders a
// certificate: otherwise unknown clients could use up the authority's rate limit.
func (s *Source) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		return s.provider.challenge(hello)
	}
	certs := s.held()
	if len(certs) == 0 {
		return nil, errNone
	}
	for _, cert := range certs {
		if hello.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	return certs[0], nil
}

// use makes these the current certificates.
func (s *Source) use(certs []*tls.Certificate) {
	for _, cert := range certs {
		if !slices.ContainsFunc(s.held(), func(old *tls.Certificate) bool { return old.Leaf.Equal(cert.Leaf) }) {
			s.log.Info("certificate in use", "names", cert.Leaf.DNSNames, "until", cert.Leaf.NotAfter)
			s.warned = time.Time{}
		}
	}
	s.current.Store(&certs)
	s.metrics.expires.Set(s.firstEnd())
}

// held returns the current certificates.
func (s *Source) held() []*tls.Certificate {
	if certs := s.current.Load(); certs != nil {
		return *certs
	}
	return nil
}

// firstEnd returns when the first certificate expires, in seconds since 1970, or 0 while one is missing.
func (s *Source) firstEnd() float64 {
	certs := s.held()
	if len(certs) < s.names {
		return 0
	}
	first := certs[0].Leaf.NotAfter
	for _, cert := range certs {
		if cert.Leaf.NotAfter.Before(first) {
			first = cert.Leaf.NotAfter
		}
	}
	return float64(first.Unix())
}

const (
	endsSoon  = 14 * 24 * time.Hour // a certificate should have been renewed by then
	warnEvery = 24 * time.Hour
)

// warn logs, once a day, which certificates should have been renewed by now.
func (s *Source) warn(now time.Time) {
	if now.Sub(s.warned) < warnEvery {
		return
	}
	for _, cert := range s.held() {
		if now.After(shouldBeRenewed(cert.Leaf)) {
			s.log.Warn("the certificate ends soon and has not been renewed", "names", cert.Leaf.DNSNames, "until", cert.Leaf.NotAfter)
			s.warned = now
		}
	}
}

// shouldBeRenewed returns the time of the first warning. Short-lived certificates are renewed later in their lifetime
// than others.
func shouldBeRenewed(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-min(endsSoon, leaf.NotAfter.Sub(leaf.NotBefore)/4))
}
