package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/prometheus/client_golang/prometheus"
)

// The defaults of Config's fields.
const (
	DefaultLeeway     = 5 * time.Second
	DefaultMaxTTL     = 400 * 24 * time.Hour
	DefaultJWKSMaxAge = 24 * time.Hour
)

// Config says which tokens are valid. At least one of Secrets, SecretFiles, Keys and JWKS is needed.
type Config struct {
	Secrets     []string      // of HS256, from 48 bytes on HS384 too, from 64 on HS512 too; 32 bytes or more
	SecretFiles []string      // files with such a secret, see secret.Read; read again when they change
	Keys        []string      // files with a public key (PEM, or JWK): RSA of 2048 bits or more, ECDSA, Ed25519; read again when they change; see SplitKey
	JWKS        []string      // URLs of key sets: https, or a loopback host's; see SplitKeySet
	JWKSMaxAge  time.Duration // how long the keys of a set are believed while it cannot be fetched; default 24 h
	Issuer      string        // iss of every token of a secret, key or set that names no issuer; "": any but those that are named
	Audience    string        // one of aud of every token; "": any
	Leeway      time.Duration // by how much clocks may differ; default 5 s
	MaxTTL      time.Duration // the longest time from iat, or from now, to exp; default 400 days

	// SignedIn is called when a token was checked for the first time, or again after it was forgotten, and is valid. It must not
	// block, and is called concurrently. Default: nothing.
	SignedIn func(ctx context.Context, client *Client)

	// Revoked returns an error of class errs.Unauthenticated for a token that was revoked, of class errs.Unavailable while that is
	// not known, and nil otherwise. It gets the token's sub, its jti ("" for none) and when it was issued (zero: not known). It must not
	// block, and is called concurrently, for every request. Call Verifier.Recheck when it may return something else. Default: no token
	// is ever revoked.
	Revoked func(sub, jti string, issued time.Time) error

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Leeway = cmp.Or(c.Leeway, DefaultLeeway)
	c.MaxTTL = cmp.Or(c.MaxTTL, DefaultMaxTTL)
	c.JWKSMaxAge = cmp.Or(c.JWKSMaxAge, DefaultJWKSMaxAge)
	if c.SignedIn == nil {
		c.SignedIn = func(context.Context, *Client) {}
	}
	return c
}

// Verifier turns tokens into clients. Its methods may be called concurrently.
type Verifier struct {
	cfg      Config
	expected jwt.Expected
	local    *localKeys
	sets     []*keySet
	named    map[string]bool // issuers with keys of their own
	seen     *seen
	watches  watches // of what lasts longer than the check of its token
	metrics  *metrics
}

// NewVerifier reads the keys. The error lists every wrong setting, and what to do about it. NewVerifier blocks while it
// fetches the key sets, a few seconds at most. A set that cannot be fetched is logged and fetched later; until then, tokens
// that need it are errs.Unavailable. Close the verifier.
func NewVerifier(ctx context.Context, cfg Config) (*Verifier, error) {
	cfg = cfg.withDefaults()
	v := &Verifier{cfg: cfg, named: map[string]bool{}, seen: newSeen()}
	faults := cfg.checkTimes()
	locations := make([]*url.URL, len(cfg.JWKS))
	for i, text := range cfg.JWKS {
		issuer, address := SplitKeySet(text)
		location, err := parseKeySetURL(address)
		faults = errors.Join(faults, err)
		locations[i], v.named[issuer] = location, true
	}
	for _, text := range cfg.Keys {
		issuer, _ := SplitKey(text)
		v.named[issuer] = true
	}
	delete(v.named, "")
	if len(cfg.Secrets)+len(cfg.SecretFiles)+len(cfg.Keys)+len(cfg.JWKS) == 0 {
		faults = errors.Join(faults, errors.New("--auth jwt: nothing says who signs tokens: give --jwt-secret, --jwt-key or --jwks-url"))
	}
	v.metrics = newMetrics()
	local, err := openLocal(cfg, v.metrics.reloads)
	if faults = errors.Join(faults, err); faults != nil {
		return nil, faults
	}
	v.local = local
	v.metrics.register(cfg.Metrics)
	if cfg.Audience != "" {
		v.expected.AnyAudience = jwt.Audience{cfg.Audience}
	}
	for i, location := range locations {
		issuer, _ := SplitKeySet(cfg.JWKS[i])
		v.sets = append(v.sets, newKeySet(issuer, location, cfg, v.metrics))
	}
	v.local.start(ctx)
	var fetched sync.WaitGroup
	for _, set := range v.sets {
		fetched.Go(func() { set.start(ctx) })
	}
	fetched.Wait()
	return v, nil
}

func (c Config) checkTimes() (faults error) {
	for flag, value := range map[string]time.Duration{"--jwt-leeway": c.Leeway, "--jwt-max-ttl": c.MaxTTL, "--jwks-max-age": c.JWKSMaxAge} {
		if value < 0 {
			faults = errors.Join(faults, fmt.Errorf("%s: %v is not a time; use one such as 5s", flag, value))
		}
	}
	return faults
}

// Close stops the refreshing of keys and waits until it has ended.
func (v *Verifier) Close() {
	v.local.stop()
	for _, set := range v.sets {
		set.stop()
	}
}

// String describes which tokens are valid, for the start line, without secrets: "jwt: 1 secret, issuer
// https://id.example.org".
func (v *Verifier) String() string {
	var parts []string
	switch n := len(v.cfg.Secrets) + len(v.cfg.SecretFiles); n {
	case 0:
	case 1:
		parts = append(parts, "1 secret")
	default:
		parts = append(parts, fmt.Sprintf("%d secrets", n))
	}
	of := func(issuer string) string {
		if issuer == "" {
			return ""
		}
		return " of " + issuer
	}
	for _, text := range v.cfg.Keys {
		issuer, file := SplitKey(text)
		parts = append(parts, "key "+file+of(issuer))
	}
	for _, set := range v.sets {
		parts = append(parts, "key set "+set.name+of(set.issuer))
	}
	if v.cfg.Issuer != "" {
		parts = append(parts, "issuer "+v.cfg.Issuer)
	}
	if v.cfg.Audience != "" {
		parts = append(parts, "audience "+v.cfg.Audience)
	}
	return "jwt: " + strings.Join(parts, ", ")
}

// Verify returns the client of a token, or an error whose text its bearer may read: errs.Unauthenticated for a token that is
// not valid, errs.Unavailable when the key set that it needs could not be fetched yet, or when it is not known whether it was revoked. Verify blocks while it fetches the
// key set for a new key, a few seconds at most.
func (v *Verifier) Verify(ctx context.Context, token string) (*Client, error) {
	client, err := v.verify(ctx, token)
	v.metrics.count(err)
	return client, err
}

func (v *Verifier) verify(ctx context.Context, token string) (*Client, error) {
	if client := v.seen.get(token, v.inForce); client != nil {
		if err := v.checkRevoked(client); err != nil {
			return nil, err
		}
		return client, nil
	}
	signed, err := parse(token, v.algorithms())
	if err != nil {
		return nil, err
	}
	issuer := claimedIssuer(signed)
	payload, by, err := v.open(ctx, signed, issuer)
	if err != nil {
		return nil, err
	}
	client, err := v.clientOf(payload, issuer)
	if err != nil {
		return nil, err
	}
	if err := v.checkRevoked(client); err != nil {
		return nil, err
	}
	v.seen.add(token, by, client)
	v.cfg.SignedIn(ctx, client)
	return client, nil
}

// inForce reports whether tokens that were checked with these keys are still valid.
func (v *Verifier) inForce(by *fetchedKeys) bool {
	if by == v.local.known.Load() {
		return true
	}
	return slices.ContainsFunc(v.sets, func(s *keySet) bool { return s.current() == by })
}

// algorithms returns those of all keys. Tokens with another algorithm are not parsed.
func (v *Verifier) algorithms() (all []jose.SignatureAlgorithm) {
	for _, k := range v.local.known.Load().keys {
		all = append(all, k.algorithms...)
	}
	if len(v.sets) > 0 {
		all = append(all, publicAlgorithms...)
	}
	return all
}

// signsFor reports whether keys of one issuer sign tokens of another. Keys of an issuer sign its tokens only, and keys of
// nobody those of Config.Issuer, or else of every issuer that has no keys of its own.
func (v *Verifier) signsFor(keysOf, issuer string) bool {
	switch {
	case keysOf != "":
		return issuer == keysOf
	case v.cfg.Issuer != "":
		return issuer == v.cfg.Issuer
	}
	return !v.named[issuer]
}

// maxToken is the length of the longest token that is checked, in bytes.
const maxToken = 8 << 10

// parse parses a token. Nothing in the result is verified yet.
func parse(token string, algorithms []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	if len(token) > maxToken {
		return nil, refused(tooLong)
	}
	if strings.ContainsFunc(token, func(c rune) bool { return !isTokenChar(c) }) {
		return nil, refused(malformed)
	}
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if _, other := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); other {
		return nil, refused(wrongAlgorithm)
	}
	if err != nil {
		return nil, refused(malformed) // the cause may quote the token
	}
	if checkHeader(signed.Signatures[0].Protected) != nil {
		return nil, refused(malformed)
	}
	return signed, nil
}

// isTokenChar reports whether c can be in a compact JWS (RFC 7515 section 7.1): base64url without padding, and dots.
func isTokenChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// open returns the payload of a token that one of the keys for its issuer has signed, and the keys that were used. Of the token's
// header only the algorithm and the key's name matter, and they only select among the existing keys, as the issuer does.
func (v *Verifier) open(ctx context.Context, signed *jose.JSONWebSignature, issuer string) ([]byte, *fetchedKeys, error) {
	header := signed.Signatures[0].Protected
	local := v.local.known.Load()
	known := false // the issuer has keys
	var candidates []key
	for _, k := range local.keys {
		if v.signsFor(k.issuer, issuer) {
			known = true
			if k.fits(header) {
				candidates = append(candidates, k)
			}
		}
	}
	if payload := signedBy(signed, candidates); payload != nil {
		return payload, local, nil
	}
	var unavailable error
	for _, set := range v.sets {
		if !v.signsFor(set.issuer, issuer) {
			continue
		}
		known = true
		if strings.HasPrefix(header.Algorithm, "HS") { // key sets are public and hold no secrets
			continue
		}
		fetched, err := set.lookup(ctx, header)
		if err != nil {
			unavailable = err
			continue
		}
		remote := fetched.fit(header)
		if payload := signedBy(signed, remote); payload != nil {
			return payload, fetched, nil
		}
		candidates = append(candidates, remote...)
	}
	switch {
	case unavailable != nil:
		return nil, nil, unavailable
	case !known:
		return nil, nil, refused(wrongIssuer)
	case len(candidates) == 0:
		return nil, nil, refused(unknownKey)
	}
	return nil, nil, refused(wrongSignature)
}

func signedBy(signed *jose.JSONWebSignature, candidates []key) []byte {
	for _, k := range candidates {
		if payload, err := signed.Verify(k.key); err == nil {
			return payload
		}
	}
	return nil
}
