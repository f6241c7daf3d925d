package auth

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Grant is the content of a token.
type Grant struct {
	Subject  string // the client_id of its bearer
	Rooms    Rooms  // the rooms that may be read, and written unless ReadOnly
	ReadOnly bool
	Admin    bool          // the operator's endpoints may be used
	TTL      time.Duration // how long the token is valid, from now on; rounded down to whole seconds, which must be 1 or more
	Issuer   string        // "": none
	Audience string        // "": none
	MaxTTL   time.Duration // the longest TTL that the servers allow; 0: DefaultMaxTTL
}

// Validate returns every fault of the grant, joined: errs.Invalid errors whose fields are sub, rooms and ttl.
func (g Grant) Validate() error {
	var faults []error
	faults = append(faults, chat.ValidateName("sub", g.Subject), g.Rooms.Validate())
	if len(g.Rooms) == 0 && !g.Admin {
		faults = append(faults, errs.Field("rooms", "is empty: the token would be good for nothing; '*' is every room"))
	}
	if g.TTL < time.Second {
		faults = append(faults, errs.Field("ttl", "%v is too short; use one such as 1h", g.TTL))
	}
	if most := cmp.Or(g.MaxTTL, DefaultMaxTTL); g.TTL > most {
		faults = append(faults, errs.Field("ttl", "%v is longer than servers allow, which is %v (--jwt-max-ttl)", g.TTL, most))
	}
	return errors.Join(faults...)
}

// Signer makes tokens. It may be used concurrently.
type Signer struct {
	signer jose.Signer
}

// NewSecretSigner returns a signer with a secret that servers share. It signs with HS256.
func NewSecretSigner(secret string) (*Signer, error) {
	k, err := secretKey(secret)
	if err != nil {
		return nil, err
	}
	return newSigner(jose.SigningKey{Algorithm: jose.HS256, Key: k.key})
}

// NewKeySigner returns a signer with the private key of a file's content: PEM, without a password, or JWK. It signs with
// the algorithm of the key: for RSA that is RS256, unless a JWK says otherwise.
func NewKeySigner(data []byte) (*Signer, error) {
	k, err := privateKey(data)
	if err != nil {
		return nil, err
	}
	private, ok := k.Key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("is a %T, must be a private key of RSA, ECDSA or Ed25519", k.Key)
	}
	algorithms, err := algorithmsOf(private.Public())
	if err != nil {
		return nil, err
	}
	algorithm := algorithms[0]
	if k.Algorithm != "" && algorithm != jose.EdDSA { // a JWK may call EdDSA by another name
		algorithm = jose.SignatureAlgorithm(k.Algorithm)
	}
	return newSigner(jose.SigningKey{Algorithm: algorithm, Key: k})
}

func newSigner(k jose.SigningKey) (*Signer, error) {
	signer, err := jose.NewSigner(k, new(jose.SignerOptions).WithType("JWT"))
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w", k.Algorithm, err)
	}
	return &Signer{signer}, nil
}

// Sign makes a token, valid from now on. Errors are those of Grant.Validate.
func (s *Signer) Sign(g Grant) (string, error) {
	if err := g.Validate(); err != nil {
		return "", err
	}
	now := time.Now().Truncate(time.Second)
	c := claims{
		Claims: jwt.Claims{
			ID: rand.Text(), Issuer: g.Issuer, Subject: g.Subject, IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(g.TTL)),
		},
		Rooms: g.Rooms,
		Admin: g.Admin,
	}
	if g.Audience != "" {
		c.Audience = jwt.Audience{g.Audience}
	}
	if g.ReadOnly {
		c.Publish = new(bool)
	}
	token, err := jwt.Signed(s.signer).Claims(c).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return token, nil
}

// privateKey reads the one private key of a file's content.
func privateKey(data []byte) (k jose.JSONWebKey, err error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		members, err := fieldsOf(data)
		if err == nil {
			err = k.UnmarshalJSON(data)
		}
		if err != nil {
			return k, fmt.Errorf("read the JWK: %w", err)
		}
		return k, checkUse(members, "sign")
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			k.Key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			k.Key, err = x509.ParseECPrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			k.Key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PARAMETERS": // old tools write it before the key
			continue
		case "ENCRYPTED PRIVATE KEY":
			return k, errors.New("has a password; `openssl pkey` takes it away")
		default:
			return k, fmt.Errorf("is a %s, must be a PRIVATE KEY", block.Type)
		}
		if err != nil {
			return k, fmt.Errorf("read the %s: %w", block.Type, err)
		}
		return k, nil
	}
	return k, errors.New("is neither PEM nor a JWK")
}
