package cert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

const (
	renewedEvery = time.Minute     // how often the issuer is asked for a renewed certificate, which it has in memory
	firstRetry   = 2 * time.Minute // after a failed order: authorities limit the number of failures
	lastRetry    = time.Hour
)

// authority gets certificates from an ACME authority (RFC 8555), which verifies a name by a TLS handshake (tls-alpn-01,
// RFC 8737).
type authority struct {
	domains []string
	held    map[string]*tls.Certificate // by name, the newest one
	issuer  issuer
	retries *backoff.ExponentialBackOff
}

// issuer orders certificates, renews them in the background, and answers the authority's handshakes.
type issuer interface {
	GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
}

func openAuthority(cfg Config) (*authority, []*tls.Certificate, error) {
	if err := os.MkdirAll(cfg.Cache, 0o700); err != nil {
		return nil, nil, fmt.Errorf("directory for certificates: %w", err)
	}
	domains := make([]string, len(cfg.Domains))
	for i, name := range cfg.Domains {
		domains[i] = strings.ToLower(name)
	}
	a := newAuthority(domains, &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(cfg.Cache),
		HostPolicy: autocert.HostWhitelist(domains...),
		Email:      cfg.Email,
		Client:     &acme.Client{DirectoryURL: cfg.Directory, UserAgent: "restante"},
	})
	a.readCache(cfg.Cache)
	return a, a.certs(), nil
}

func newAuthority(domains []string, issuer issuer) *authority {
	retries := backoff.NewExponentialBackOff()
	retries.InitialInterval, retries.MaxInterval, retries.RandomizationFactor = firstRetry, lastRetry, 0.1
	return &authority{domains: domains, held: make(map[string]*tls.Certificate), issuer: issuer, retries: retries}
}

// readCache reads the certificates of earlier orders that are still valid, so that a restarted server has them before
// its first handshake.
func (a *authority) readCache(dir string) {
	for _, name := range a.domains {
		path := filepath.Join(dir, name) // the file of autocert.Manager, with the key and then the certificate
		pair, err := tls.LoadX509KeyPair(path, path)
		if err == nil && time.Now().Before(pair.Leaf.NotAfter) {
			a.held[name] = &pair
		}
	}
}

// certs returns the certificates in the order of the names, without those that are missing.
func (a *authority) certs() []*tls.Certificate {
	var certs []*tls.Certificate
	for _, name := range a.domains {
		if cert := a.held[name]; cert != nil {
			certs = append(certs, cert)
		}
	}
	return certs
}

// check asks for the certificate of each name; the issuer orders it if there is none. After a failed order the pause
// grows.
func (a *authority) check(ctx context.Context) ([]*tls.Certificate, time.Duration, error) {
	var failed error
	for _, name := range a.domains {
		cert, err := a.get(ctx, name)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("certificate of %s: %w", name, err))
			continue
		}
		a.held[name] = cert
	}
	if failed != nil {
		return a.certs(), a.retries.NextBackOff(), failed
	}
	a.retries.Reset()
	return a.certs(), renewedEvery, nil
}

// get returns the certificate of one name. The issuer accepts no context: when ctx ends, get returns and the order goes
// on.
func (a *authority) get(ctx context.Context, name string) (*tls.Certificate, error) {
	type answer struct {
		cert *tls.Certificate
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		cert, err := a.issuer.GetCertificate(&tls.ClientHelloInfo{
			ServerName:   name,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, // all current clients support ECDSA
		})
		answers <- answer{cert, err}
	}()
	select {
	case got := <-answers:
		return got.cert, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *authority) challenge(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return a.issuer.GetCertificate(hello)
}
