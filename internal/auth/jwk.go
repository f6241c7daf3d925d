package auth

import (
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// privateMembers are the members of a JWK that only private keys and secrets have (RFC 7518 section 6, RFC 9964).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// parseJWK reads a public key (RFC 7517). A key that says it is for something else than verifying signatures is an error.
func parseJWK(data []byte) (key, error) {
	members, err := fieldsOf(data)
	if err != nil {
		return key{}, fmt.Errorf("read the JWK: %w", err)
	}
	for _, name := range privateMembers {
		if _, ok := members[name]; ok {
			return key{}, errPrivate
		}
	}
	if err := checkUse(members, "verify"); err != nil {
		return key{}, err
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON(data); err != nil {
		return key{}, fmt.Errorf("read the JWK: %w", err)
	}
	algorithms, err := algorithmsOf(jwk.Key)
	if err != nil {
		return key{}, err
	}
	if only := jose.SignatureAlgorithm(jwk.Algorithm); only != "" {
		if only == "Ed25519" { // RFC 9864 has given it this name; tokens say EdDSA
			only = jose.EdDSA
		}
		if !slices.Contains(algorithms, only) {
			return key{}, fmt.Errorf("has alg %q, which is not one of its type", jwk.Algorithm)
		}
		algorithms = []jose.SignatureAlgorithm{only}
	}
	return key{id: jwk.KeyID, key: jwk.Key, algorithms: algorithms}, nil
}

// checkUse returns an error unless a JWK may be used for an operation: "verify", or "sign" for a private key. What it may be used for
// stands in "use" (RFC 7517 section 4.2) and "key_ops" (section 4.3); each that is there must allow it.
func checkUse(members fields, operation string) error {
	for _, name := range []string{"use", "alg", "kid"} {
		if !members.have(name, isText) {
			return fmt.Errorf("has a %s that is not a text", name)
		}
	}
	if text, ok := members["use"]; ok {
		var use string
		if err := json.Unmarshal(text, &use); err != nil || use != "sig" {
			return fmt.Errorf("is for %q, must be for signatures", use)
		}
	}
	if text, ok := members["key_ops"]; ok {
		var operations []string
		if err := json.Unmarshal(text, &operations); err != nil || !slices.Contains(operations, operation) {
			return fmt.Errorf("has key_ops %q, which must have %q", operations, operation)
		}
	}
	return nil
}
