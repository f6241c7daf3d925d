package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// validateTLS checks that a certificate has a key, and a single source.
func (c Config) validateTLS() (err error) {
	switch {
	case c.TLS.Cert != "" && c.TLS.Key == "":
		err = errors.New("--tls-cert: the certificate needs its key; add --tls-key FILE")
	case c.TLS.Cert == "" && c.TLS.Key != "":
		err = errors.New("--tls-key: the key needs its certificate; add --tls-cert FILE")
	}
	if c.TLS != (TLS{}) && len(c.ACME.Domain) > 0 {
		err = errors.Join(err, errors.New("--acme-domain: a certificate comes from one place; leave it out, or --tls-cert and --tls-key"))
	}
	return err
}

// validateACME finds settings that an authority would refuse, and settings that are given without one.
func (c Config) validateACME() (err error) {
	if len(c.ACME.Domain) == 0 {
		if c.ACME.Email != "" {
			err = errors.Join(err, errors.New("--acme-email: no authority is asked for a certificate; add --acme-domain NAME"))
		}
		if c.ACME.Directory != "" {
			err = errors.Join(err, errors.New("--acme-directory: no authority is asked for a certificate; add --acme-domain NAME"))
		}
		return err
	}
	if c.ManyMachines() {
		err = errors.New("--acme-domain: the authority asks one node, and not always the one that ordered; " +
			"let the load balancer have the certificate, or give each node one with --tls-cert")
	}
	for i, name := range c.ACME.Domain {
		err = errors.Join(err, validateDomain(name))
		if slices.ContainsFunc(c.ACME.Domain[:i], func(other string) bool { return strings.EqualFold(name, other) }) {
			err = errors.Join(err, fmt.Errorf("--acme-domain: %q is given twice", name))
		}
	}
	if address, parseErr := mail.ParseAddress(c.ACME.Email); c.ACME.Email != "" && (parseErr != nil || address.Address != c.ACME.Email) {
		err = errors.Join(err, fmt.Errorf("--acme-email: %q is not an address such as ops@example.org", c.ACME.Email))
	}
	if c.ACME.Directory != "" && !isSafeURL(c.ACME.Directory) {
		err = errors.Join(err, errors.New("--acme-directory: use https://HOST/PATH (http only from 127.0.0.1, ::1 or localhost)"))
	}
	return err
}

// domainName matches a host name of two labels or more. Names in other scripts have a form in ASCII (xn--…).
var domainName = regexp.MustCompile(`^(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$`)

// validateDomain accepts names that an authority can resolve and connect to.
func validateDomain(name string) error {
	lower := strings.ToLower(name)
	_, notIP := netip.ParseAddr(name)
	switch {
	case notIP == nil:
		return fmt.Errorf("--acme-domain: %q is an address; certificates are for names: use a name of this server, or --tls-cert", name)
	case lower == "localhost" || strings.HasSuffix(lower, ".localhost"):
		return fmt.Errorf("--acme-domain: %q is this machine for everybody, so no authority can reach it; use --tls-cert", name)
	case strings.HasPrefix(name, "*."):
		return fmt.Errorf("--acme-domain: an authority gives no certificate for %q to a server that answers on port 443; name each, or use --tls-cert", name)
	case len(name) > 253 || !domainName.MatchString(name):
		return fmt.Errorf("--acme-domain: %q is not a name such as chat.example.org (in other scripts: its form that begins with xn--)", name)
	}
	return nil
}
