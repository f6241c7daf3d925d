// Package cert is the server's own certificate: from files that are looked at while the server runs, or from an ACME
// authority such as Let's Encrypt that is asked again in time. It stands before the journey: what clients say is
// encrypted on its way to this server.
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

// Config says where the certificate comes from: two files, or an authority.
type Config struct {
	Cert, Key string // files (PEM); behind the certificate are those between it and the authority's root

	Domains   []string // names that an authority gives certificates for, once it has reached this server under them
	Email     string   // where the authority may write to; default nowhere
	Directory string   // URL of the authority; default Let's Encrypt's
	Cache     string   // directory for what the authority gave, keys among it; made if missing

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

// Source has the certificates of the moment. Its methods may be called concurrently.
type Source struct {
	log     *slog.Logger
	metrics *metrics
	keeper  keeper
	names   int // how many certificates there should be
	current atomic.Pointer[[]*tls.Certificate]
	warned  time.Time // when it was last said that one ends soon; of Run
}

// keeper gets certificates from where they come from.
type keeper interface {
	// look returns the certificates to be used from now on, none for those before, and after which time to look again,
	// with an error too. It may block for minutes, but not when ctx is done.
	look(ctx context.Context) (certs []*tls.Certificate, again time.Duration, err error)
	// challenge returns the certificate with which a server shows the authority that it has the name.
	challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Open reads the files, or what the authority gave to an earlier Source; it asks nobody. An error says which file is at
// fault. The certificates are kept up to date by Run; nothing needs to be closed.
func Open(cfg Config) (*Source, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{log: cfg.Log, metrics: newMetrics(cfg.Metrics), names: 1}
	var certs []*tls.Certificate
	var err error
	if len(cfg.Domains) > 0 {
		s.names = len(cfg.Domains)
		s.keeper, certs, err = openAuthority(cfg)
	} else {
		s.keeper, certs, err = openFiles(cfg.Cert, cfg.Key)
	}
	if err != nil {
		return nil, err
	}
	s.use(certs)
	return s, nil
}

// Run looks for new certificates until ctx is done: every two seconds at files; with an authority, it orders what is
// missing and takes what has been renewed. New connections get them, those before go on. What goes wrong is logged and
// counted, and tried again. Run must be called once; an order in progress may outlive it by a few minutes.
func (s *Source) Run(ctx context.Context) error {
	for {
		certs, again, err := s.keeper.look(ctx)
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

// TLSConfig returns the configuration of a server with these certificates: TLS 1.2 or newer, HTTP/2 and HTTP/1.1. The
// caller may change it.
func (s *Source) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1", acme.ALPNProto},
		GetCertificate: s.certificate,
	}
}

var errNone = errors.New("there is no certificate yet")

// certificate returns the one for a handshake: the first that its client takes, or else the first of all, so that
// whoever comes by address can see whom they have reached. A handshake orders nothing, or strangers could make this
// server use up what the authority grants it.
func (s *Source) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		return s.keeper.challenge(hello)
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

// use makes certificates those of new handshakes.
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

// held returns the certificates of the moment.
func (s *Source) held() []*tls.Certificate {
	if certs := s.current.Load(); certs != nil {
		return *certs
	}
	return nil
}

// firstEnd returns when the first certificate ends, in seconds since 1970; 0 while one is missing.
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
	endsSoon  = 14 * 24 * time.Hour // whoever renews certificates has done it by then
	warnEvery = 24 * time.Hour
)

// warn says, once a day, which certificates should have been renewed by now.
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

// shouldBeRenewed returns the time of the first warning. Certificates of a few days are renewed later than others.
func shouldBeRenewed(leaf *x509.Certificate) time.Time {
	return leaf.NotAfter.Add(-min(endsSoon, leaf.NotAfter.Sub(leaf.NotBefore)/4))
}
