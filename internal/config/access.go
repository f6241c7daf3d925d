package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"restante/internal/auth"
	"restante/internal/origin"
)

const (
	minSecret = 32 // bytes: the size of HS256's own output (RFC 7518, section 3.2)
	maxLeeway = 5 * time.Minute
	maxMaxTTL = 100 * 365 * 24 * time.Hour
	minMaxAge = 10 * time.Minute // key sets are fetched every five minutes
	maxMaxAge = 365 * 24 * time.Hour
	maxLimit  = 10_000_000 // a greater number is a mistake, or meant as no limit
	maxPages  = 10_000     // catch-ups at a time: each is an open query

	minMemory Bytes = 8 << 20 // with less, a client with a few connections would be refused
)

// validateAuth checks that the settings for tokens are complete, and not given without a use.
func (c Config) validateAuth() error {
	switch c.Auth {
	case AuthJWT:
		return c.validateJWT()
	case AuthUnsaid, AuthNone:
		if given := c.tokenFlags(); len(given) > 0 {
			return fmt.Errorf("--auth: tokens are checked with --auth jwt only; add it, or leave out %s", strings.Join(given, ", "))
		}
		return nil
	default:
		return fmt.Errorf("--auth: %s is not known; use jwt or none", wordShown(c.Auth))
	}
}

// tokenFlags returns the flags about tokens that were given.
func (c Config) tokenFlags() []string {
	var given []string
	for _, flag := range []struct {
		name  string
		given bool
	}{
		{"--jwt-secret", len(c.JWT.Secret) > 0},
		{"--jwt-secret-file", len(c.JWT.SecretFile) > 0},
		{"--jwt-key", len(c.JWT.Key) > 0},
		{"--jwks-url", len(c.JWKSURL) > 0},
		{"--jwks-max-age", c.JWKSMaxAge != auth.DefaultJWKSMaxAge},
		{"--jwt-issuer", c.JWT.Issuer != ""},
		{"--jwt-audience", c.JWT.Audience != ""},
		{"--jwt-leeway", c.JWT.Leeway != DefaultLeeway},
		{"--jwt-max-ttl", c.JWT.MaxTTL != auth.DefaultMaxTTL},
	} {
		if flag.given {
			given = append(given, flag.name)
		}
	}
	return given
}

// validateJWT checks the form of what --auth jwt needs. Key files and key sets are read by package auth.
func (c Config) validateJWT() (err error) {
	if len(c.JWT.Secret) == 0 && len(c.JWT.SecretFile) == 0 && len(c.JWT.Key) == 0 && len(c.JWKSURL) == 0 {
		err = errors.New("--auth: jwt needs to know which tokens are valid; add --jwt-secret-file FILE, --jwt-secret, --jwt-key FILE or --jwks-url URL")
	}
	for i, secret := range c.JWT.Secret {
		if len(secret) < minSecret {
			err = errors.Join(err, fmt.Errorf("--jwt-secret: secret %d of %d has fewer than %d bytes, and could be guessed; "+
				"use a random one, such as 'openssl rand -base64 48' prints", i+1, len(c.JWT.Secret), minSecret))
		}
	}
	for _, text := range c.JWT.Key {
		if _, file := auth.SplitKey(text); file == "" {
			err = errors.Join(err, errors.New("--jwt-key: the name of a file is empty"))
		}
	}
	for _, text := range c.JWKSURL {
		if _, raw := auth.SplitKeySet(text); !isSafeURL(raw) {
			err = errors.Join(err, errors.New("--jwks-url: anyone who can change the answer can make tokens: "+
				"use https://HOST/PATH or ISSUER=https://HOST/PATH (http only from 127.0.0.1, ::1 or localhost)"))
		}
	}
	if c.JWKSMaxAge < minMaxAge || c.JWKSMaxAge > maxMaxAge {
		err = errors.Join(err, fmt.Errorf("--jwks-max-age: %v is not between %v and %v", c.JWKSMaxAge, minMaxAge, maxMaxAge))
	}
	if c.JWT.MaxTTL < time.Second || c.JWT.MaxTTL > maxMaxTTL {
		err = errors.Join(err, fmt.Errorf("--jwt-max-ttl: %v is not between 1s and %v", c.JWT.MaxTTL, maxMaxTTL))
	}
	if c.JWT.Leeway < 0 || c.JWT.Leeway > maxLeeway {
		err = errors.Join(err, fmt.Errorf("--jwt-leeway: %v is not between 0s and %v", c.JWT.Leeway, maxLeeway))
	}
	return err
}

// isSafeURL reports whether no one on the network can change what is fetched from a URL: https, or http on this machine.
func isSafeURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	local := err == nil && ip.Unmap().IsLoopback() || u.Hostname() == "localhost"
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// Hosts returns the names under which the server answers, besides those of every machine: those that were given as such, and those
// that others were told. The configuration must be valid.
func (c Config) Hosts() (names origin.Hosts) {
	said := slices.Concat(c.Host, c.ACME.Domain)
	if u, err := url.Parse(c.Advertise); err == nil && u.Hostname() != "" {
		said = append(said, u.Hostname())
	}
	for _, text := range said {
		if name, err := origin.ParseHost(text); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// TrustedProxies returns the networks of TrustedProxy. The configuration must be valid.
func (c Config) TrustedProxies() []netip.Prefix {
	networks := make([]netip.Prefix, 0, len(c.TrustedProxy))
	for _, text := range c.TrustedProxy {
		if network, err := parseNetwork(text); err == nil {
			networks = append(networks, network)
		}
	}
	return networks
}

// parseNetwork reads an address, or a network in the form of 10.0.0.0/8.
func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if ip, ipErr := netip.ParseAddr(text); ipErr == nil && ip.Zone() == "" {
		network, err = netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("--trusted-proxy: %s is not an address or network, such as 127.0.0.1 or 10.0.0.0/8", addressShown(text))
	case network.Bits() == 0:
		return netip.Prefix{}, fmt.Errorf("--trusted-proxy: %s is everybody: any client could claim to come from anywhere; name the network of your proxies", text)
	case network.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("--trusted-proxy: %s never equals an address that is seen here; write it as IPv4", text)
	case network != network.Masked():
		return netip.Prefix{}, fmt.Errorf("--trusted-proxy: %s is one address of a network; use %s for it alone, or %s for all of them",
			text, network.Addr(), network.Masked())
	}
	return network, nil
}

// validate checks that limits are plausible numbers.
func (l Limit) validate() (err error) {
	for _, limit := range []struct {
		flag  string
		value int
	}{
		{"--limit-sends", l.Sends},
		{"--limit-requests", l.Requests},
		{"--limit-connections", l.Connections},
		{"--limit-connections-per-address", l.ConnectionsPerAddress},
		{"--limit-connections-per-client", l.ConnectionsPerClient},
		{"--limit-rooms", l.Rooms},
		{"--limit-rooms-per-client", l.RoomsPerClient},
	} {
		if limit.value > maxLimit {
			err = errors.Join(err, fmt.Errorf("%s: %d is more than %d; -1 is no limit", limit.flag, limit.value, maxLimit))
		}
	}
	if l.CatchUps < 0 || l.CatchUps > maxPages {
		err = errors.Join(err, fmt.Errorf("--limit-catch-ups: %d is not between 1 and %d (0: the default); readers wait for their turn, none is refused", l.CatchUps, maxPages))
	}
	if l.Memory != 0 && (l.Memory < minMemory || l.Memory > maxBytes) {
		err = errors.Join(err, fmt.Errorf("--limit-memory: %v is not between %v and %v", l.Memory, minMemory, maxBytes))
	}
	return err
}
