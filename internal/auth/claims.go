package auth

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
)

// claims is the payload of a token.
type claims struct {
	jwt.Claims
	Rooms   Rooms `json:"rooms,omitempty"`
	Publish *bool `json:"publish,omitempty"`
	Admin   bool  `json:"admin,omitempty"`
}

// jsonType is a set of types of JSON values, by the bytes that they begin with.
type jsonType string

const (
	isText   jsonType = `"`
	isNumber jsonType = `-0123456789`
	isBool   jsonType = `tf`
	isList   jsonType = `[`
)

// claimTypes are the types of the claims that mean something here. Elsewhere null is often read as if the claim were absent, and for
// publish that would mean true.
var claimTypes = map[string]jsonType{
	"sub": isText, "iss": isText, "jti": isText, "aud": isText + isList,
	"exp": isNumber, "nbf": isNumber, "iat": isNumber,
	"rooms": isList, "publish": isBool, "admin": isBool,
}

// parseClaims reads a payload. Names of claims are exact: "Publish" is an unknown claim, and means nothing. A claim of another type, null
// included, a claim that is there twice, and text that is not UTF-8 are errors.
func parseClaims(payload []byte) (c claims, err error) {
	fields, err := fieldsOf(payload)
	if err != nil {
		return c, err
	}
	for name, types := range claimTypes {
		if !fields.have(name, types) {
			return c, errors.New("a claim has the wrong type")
		}
	}
	err = json.Unmarshal(payload, &c)
	return c, err
}

// fields are the members of a JSON object, by their exact names.
type fields map[string]json.RawMessage

func fieldsOf(object []byte) (fields, error) {
	if !utf8.Valid(object) {
		return nil, errors.New("is not UTF-8")
	}
	var f fields
	if err := json.Unmarshal(object, &f); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errors.New("is not an object")
	}
	return f, nil
}

// have reports whether a member is absent, or has one of the types.
func (f fields) have(name string, types jsonType) bool {
	value, ok := f[name]
	if value = bytes.TrimSpace(value); !ok {
		return true
	}
	return len(value) > 0 && bytes.IndexByte([]byte(types), value[0]) >= 0
}

// checkHeader returns an error for a header that asks for what this server does not do: "crit" lists extensions that the reader must
// know, and this one knows none; "b64" says that the payload is written in another way.
func checkHeader(header jose.Header) error {
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, ok := header.ExtraHeaders[name]; ok {
			return errors.New("has an extension")
		}
	}
	return nil
}

// claimedIssuer returns the iss of a token whose signature was not checked yet, "" if it has none. It only selects the keys that the
// token is checked with.
func claimedIssuer(signed *jose.JSONWebSignature) string {
	f, err := fieldsOf(signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return ""
	}
	var issuer string
	if !f.have("iss", isText) || json.Unmarshal(f["iss"], &issuer) != nil {
		return ""
	}
	return issuer
}
