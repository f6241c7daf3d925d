package auth

import (
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"restante/internal/chat"
	"restante/internal/errs"
)

// refusal is why a token is not valid: a label of the metrics, and the cause of the error, which its bearer does not see.
type refusal string

const (
	missing        refusal = "missing"
	tooLong        refusal = "too_long"
	malformed      refusal = "malformed"
	wrongAlgorithm refusal = "algorithm" // "none", or one that no key has
	unknownKey     refusal = "key"       // no key has this name and algorithm
	wrongSignature refusal = "signature"
	wrongIssuer    refusal = "issuer"
	wrongAudience  refusal = "audience"
	wrongClaims    refusal = "claims"
	expired        refusal = "expired"
	notYet         refusal = "not_yet"
	revoked        refusal = "revoked"
	tooLongLived   refusal = "too_long_lived" // it ends later than the server allows
)

// refusals lists them for the metrics.
var refusals = []refusal{
	missing, tooLong, malformed, wrongAlgorithm, unknownKey, wrongSignature, wrongIssuer, wrongAudience, wrongClaims, expired, notYet, tooLongLived, revoked,
}

func (r refusal) Error() string { return string(r) }

// refused returns the error of a token that is not valid. Its text helps an honest bearer and tells an attacker nothing.
func refused(why refusal) error {
	text := "the token is not valid"
	switch why {
	case missing:
		text = "a token is needed"
	case expired:
		text = "the token has expired"
	case notYet:
		text = "the token is not valid yet"
	case revoked:
		text = "the token was revoked"
	}
	return errs.Wrap(errs.Unauthenticated, why, "%s", text)
}

// Reason returns in one word why a request has no client, for the audit log: that of the metric restante_tokens_total. err is
// the error of From.
func Reason(err error) string {
	if why, ok := errors.AsType[refusal](err); ok {
		return string(why)
	}
	return "unavailable"
}

// Challenge returns the WWW-Authenticate header of a 401 (RFC 6750 section 3). It tells only whether the request had a token.
// err is the error of From.
func Challenge(err error) string {
	if errors.Is(err, missing) {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}

// clientOf reads the payload of a token whose signature is right, and that was checked with the keys of issuer.
func (v *Verifier) clientOf(payload []byte, issuer string) (*Client, error) {
	c, err := parseClaims(payload)
	if err != nil || c.Expiry == nil || c.Issuer != issuer || c.Rooms.Validate() != nil {
		return nil, refused(wrongClaims)
	}
	if chat.ValidateName("sub", c.Subject) != nil { // it is not trimmed: what was signed is one name, or none
		return nil, refused(wrongClaims)
	}
	now := time.Now()
	switch err := c.ValidateWithLeeway(v.expected.WithTime(now), v.cfg.Leeway); {
	case err == nil:
	case errors.Is(err, jwt.ErrExpired):
		return nil, refused(expired)
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return nil, refused(notYet)
	case errors.Is(err, jwt.ErrInvalidAudience):
		return nil, refused(wrongAudience)
	default:
		return nil, refused(wrongClaims)
	}
	var issued time.Time
	begins := now
	if c.IssuedAt != nil {
		issued = c.IssuedAt.Time()
		if issued.Before(now) {
			begins = issued
		}
	}
	if c.Expiry.Time().Sub(begins) > v.cfg.MaxTTL+v.cfg.Leeway { // a greater difference than a duration can hold is the greatest one
		return nil, refused(tooLongLived)
	}
	return &Client{
		ID:      c.Subject,
		Rooms:   c.Rooms,
		Publish: c.Publish == nil || *c.Publish,
		Admin:   c.Admin,
		TokenID: c.ID,
		Issued:  issued,
		Expires: c.Expiry.Time().Add(v.cfg.Leeway),
	}, nil
}
