package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// key is a key of valid tokens, with the algorithms that it may be used with. A token names its algorithm, but the key
// decides which ones are accepted (RFC 8725 section 3.1).
type key struct {
	id         string // kid; "": it has none
	issuer     string // whose tokens it signs; "": those of every issuer that has no keys of its own
	key        any    // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
	algorithms []jose.SignatureAlgorithm
}

// fits reports whether a token with this header may be signed by the key.
func (k key) fits(header jose.Header) bool {
	return slices.Contains(k.algorithms, jose.SignatureAlgorithm(header.Algorithm)) &&
		(k.id == header.KeyID || k.id == "" || header.KeyID == "")
}

// publicAlgorithms are the algorithms of all kinds of public keys.
var publicAlgorithms = slices.Concat(rsaAlgorithms, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA})

var rsaAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}

const (
	minSecret  = 32 // bytes: as long as the hash of HS256 (RFC 7518 section 3.2)
	minRSABits = 2048
)

func secretKey(secret string) (key, error) {
	if len(secret) < minSecret {
		return key{}, fmt.Errorf("of %d bytes, must be %d or more: such as one that `openssl rand -base64 48` makes", len(secret), minSecret)
	}
	k := key{key: []byte(secret), algorithms: []jose.SignatureAlgorithm{jose.HS256}}
	if len(secret) >= 48 {
		k.algorithms = append(k.algorithms, jose.HS384)
	}
	if len(secret) >= 64 {
		k.algorithms = append(k.algorithms, jose.HS512)
	}
	return k, nil
}

// errPrivate refuses a private key where a public key is enough: anyone who reads a private key can make tokens.
var errPrivate = errors.New("is a private key, which this server need not have; take its public key, which `openssl pkey -pubout` prints")

// publicKey reads the content of a file: PEM or a JWK.
func publicKey(data []byte) (key, error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return parseJWK(data)
	}
	return parsePEM(data)
}

// parsePEM reads a file with one public key, or the certificate of one.
func parsePEM(data []byte) (key, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return key{}, errors.New("is neither PEM nor a JWK")
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return key{}, errPrivate
	}
	if more, _ := pem.Decode(rest); more != nil {
		return key{}, errors.New("has several keys or certificates: each key needs its own file")
	}
	var public any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	default:
		return key{}, fmt.Errorf("is a %s, must be a PUBLIC KEY or a CERTIFICATE", block.Type)
	}
	if err != nil {
		return key{}, fmt.Errorf("read the %s: %w", block.Type, err)
	}
	algorithms, err := algorithmsOf(public)
	return key{key: public, algorithms: algorithms}, err
}

// algorithmsOf returns the algorithms of a public key, or an error that says why the key cannot be used.
func algorithmsOf(public any) ([]jose.SignatureAlgorithm, error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits {
			return nil, fmt.Errorf("is an RSA key of %d bits, must have %d or more", bits, minRSABits)
		}
		return rsaAlgorithms, nil
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []jose.SignatureAlgorithm{jose.ES256}, nil
		case elliptic.P384():
			return []jose.SignatureAlgorithm{jose.ES384}, nil
		case elliptic.P521():
			return []jose.SignatureAlgorithm{jose.ES512}, nil
		}
		return nil, fmt.Errorf("is on the curve %s, must be on P-256, P-384 or P-521", public.Params().Name)
	case ed25519.PublicKey:
		return []jose.SignatureAlgorithm{jose.EdDSA}, nil
	default:
		return nil, fmt.Errorf("is a %T, must be RSA, ECDSA or Ed25519", public)
	}
}
