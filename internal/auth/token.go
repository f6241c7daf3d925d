package auth

import (
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4/json"
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
)

// refusals lists them for the metrics.
var refusals = []refusal{
	missing, tooLong, malformed, wrongAlgorithm, unknownKey, wrongSignature, wrongIssuer, wrongAudience, wrongClaims, expired, notYet, revoked,
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

// Challenge returns the WWW-Authenticate header of a 401 (RFC 6750 section 3). It tells only whether the request had a token.
// err is the error of From.
func Challenge(err error) string {
	if errors.Is(err, missing) {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}

// claims is the payload of a token.
type claims struct {
	jwt.Claims
	Rooms   Rooms `json:"rooms,omitempty"`
	Publish *bool `json:"publish,omitempty"`
	Admin   bool  `json:"admin,omitempty"`
}

// clientOf reads the payload of a token whose signature is right.
func (v *Verifier) clientOf(payload []byte) (*Client, error) {
	var c claims
	if json.Unmarshal(payload, &c) != nil || c.Expiry == nil || c.Rooms.Validate() != nil {
		return nil, refused(wrongClaims)
	}
	if chat.ValidateName("sub", c.Subject) != nil { // it is not trimmed: what was signed is one name, or none
		return nil, refused(wrongClaims)
	}
	switch err := c.ValidateWithLeeway(v.expected.WithTime(time.Now()), v.cfg.Leeway); {
	case err == nil:
	case errors.Is(err, jwt.ErrExpired):
		return nil, refused(expired)
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return nil, refused(notYet)
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return nil, refused(wrongIssuer)
	case errors.Is(err, jwt.ErrInvalidAudience):
		return nil, refused(wrongAudience)
	default:
		return nil, refused(wrongClaims)
	}
	var issued time.Time
	if c.IssuedAt != nil {
		issued = c.IssuedAt.Time()
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
