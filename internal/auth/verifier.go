package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/prometheus/client_golang/prometheus"
)

// DefaultLeeway is Config.Leeway's default.
const DefaultLeeway = 5 * time.Second

// Config says which tokens are valid. At least one of Secrets, Keys and JWKS is needed.
type Config struct {
	Secrets  []string      // of HS256, from 48 bytes on HS384 too, from 64 on HS512 too; 32 bytes or more
	Keys     []string      // files with a public key (PEM, or JWK): RSA of 2048 bits or more, ECDSA, Ed25519
	JWKS     string        // URL of a key set: https, or a loopback host's
	Issuer   string        // iss of every token; "": any
	Audience string        // one of aud of every token; "": any
	Leeway   time.Duration // by how much clocks may differ; default 5 s

	// Revoked returns an error of class errs.Unauthenticated for a token that was revoked, of class errs.Unavailable while that is
	// not known, and nil otherwise. It gets the token's sub, its jti ("" for none) and when it was issued (zero: not known). It must not
	// block, and is called concurrently, for every request. Call Verifier.Recheck when it may return something else. Default: no token
	// is ever revoked.
	Revoked func(sub, jti string, issued time.Time) error

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

// Verifier turns tokens into clients. Its methods may be called concurrently.
type Verifier struct {
	cfg        Config
	expected   jwt.Expected
	keys       []key                     // of secrets and files
	set        *keySet                   // nil without Config.JWKS
	algorithms []jose.SignatureAlgorithm // those of all keys; tokens with another algorithm are not parsed
	seen       *seen
	watches    watches // of what lasts longer than the check of its token
	metrics    *metrics
}

// NewVerifier reads the keys. The error lists every wrong setting, and what to do about it. NewVerifier blocks while it
// fetches the key set, a few seconds at most. A set that cannot be fetched is logged and fetched later; until then, tokens
// that need it are errs.Unavailable. Close the verifier.
func NewVerifier(ctx context.Context, cfg Config) (*Verifier, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = DefaultLeeway
	}
	keys, faults := localKeys(cfg)
	location, err := parseKeySetURL(cfg.JWKS)
	faults = errors.Join(faults, err)
	if cfg.Leeway < 0 {
		faults = errors.Join(faults, fmt.Errorf("--jwt-leeway: %v is not a time; use one such as 5s", cfg.Leeway))
	}
	if len(cfg.Secrets)+len(cfg.Keys) == 0 && cfg.JWKS == "" {
		faults = errors.Join(faults, errors.New("--auth jwt: nothing says who signs tokens: give --jwt-secret, --jwt-key or --jwks-url"))
	}
	if faults != nil {
		return nil, faults
	}
	v := &Verifier{cfg: cfg, expected: jwt.Expected{Issuer: cfg.Issuer}, keys: keys, seen: newSeen(), metrics: newMetrics(cfg.Metrics)}
	if cfg.Audience != "" {
		v.expected.AnyAudience = jwt.Audience{cfg.Audience}
	}
	for _, k := range keys {
		v.algorithms = append(v.algorithms, k.algorithms...)
	}
	if location != nil {
		v.algorithms = append(v.algorithms, publicAlgorithms...)
		v.set = newKeySet(location, cfg.Log, v.metrics.refreshes)
		v.set.start(ctx)
	}
	return v, nil
}

// Close stops the refreshing of the key set and waits until it has ended.
func (v *Verifier) Close() {
	if v.set != nil {
		v.set.stop()
	}
}

// String describes which tokens are valid, for the start line, without secrets: "jwt: 1 secret, issuer
// https://id.example.org".
func (v *Verifier) String() string {
	var parts []string
	switch n := len(v.cfg.Secrets); n {
	case 0:
	case 1:
		parts = append(parts, "1 secret")
	default:
		parts = append(parts, fmt.Sprintf("%d secrets", n))
	}
	for _, file := range v.cfg.Keys {
		parts = append(parts, "key "+file)
	}
	if v.set != nil {
		parts = append(parts, "key set "+v.set.name)
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
	if err == nil {
		err = v.checkRevoked(client)
	}
	if err != nil {
		client = nil
	}
	v.metrics.count(err)
	return client, err
}

func (v *Verifier) verify(ctx context.Context, token string) (*Client, error) {
	if client := v.seen.get(token, v.set.current()); client != nil {
		return client, nil
	}
	signed, err := parse(token, v.algorithms)
	if err != nil {
		return nil, err
	}
	payload, fetched, err := v.open(ctx, signed)
	if err != nil {
		return nil, err
	}
	client, err := v.clientOf(payload)
	if err != nil {
		return nil, err
	}
	v.seen.add(token, fetched, client)
	return client, nil
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
	return signed, nil
}

// isTokenChar reports whether c can be in a compact JWS (RFC 7515 section 7.1): base64url without padding, and dots.
func isTokenChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// open returns the payload of a token that one of the keys has signed, and the key set that was used. Of the token's header
// only the algorithm and the key's name matter, and they only select among the existing keys.
func (v *Verifier) open(ctx context.Context, signed *jose.JSONWebSignature) ([]byte, *fetchedKeys, error) {
	header := signed.Signatures[0].Protected
	candidates := slices.DeleteFunc(slices.Clone(v.keys), func(k key) bool { return !k.fits(header) })
	if payload := signedBy(signed, candidates); payload != nil || v.set == nil {
		return payload, v.set.current(), whyNot(payload, candidates)
	}
	if strings.HasPrefix(header.Algorithm, "HS") { // key sets are public and hold no secrets
		return nil, nil, whyNot(nil, candidates)
	}
	fetched, err := v.set.lookup(ctx, header)
	if err != nil {
		return nil, nil, err
	}
	remote := fetched.fit(header)
	payload := signedBy(signed, remote)
	return payload, fetched, whyNot(payload, append(candidates, remote...))
}

func signedBy(signed *jose.JSONWebSignature, candidates []key) []byte {
	for _, k := range candidates {
		if payload, err := signed.Verify(k.key); err == nil {
			return payload
		}
	}
	return nil
}

func whyNot(payload []byte, candidates []key) error {
	switch {
	case payload != nil:
		return nil
	case len(candidates) == 0:
		return refused(unknownKey)
	default:
		return refused(wrongSignature)
	}
}
