package auth

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config says which tokens are valid. At least one of Secrets, Keys and JWKS is needed.
type Config struct {
	Secrets  []string      // of HS256, from 48 bytes on HS384 too, from 64 on HS512 too; 32 bytes or more
	Keys     []string      // files with a public key (PEM, or JWK): RSA of 2048 bits or more, ECDSA, Ed25519
	JWKS     string        // URL of a key set
	Issuer   string        // iss of every token; "": any
	Audience string        // one of aud of every token; "": any
	Leeway   time.Duration // by how much clocks may differ; default 5 s

	Log     *slog.Logger          // default: discard
	Metrics prometheus.Registerer // default: not registered
}

// Verifier turns tokens into clients. Its methods may be called concurrently.
type Verifier struct{ cfg Config }

// NewVerifier reads the keys. An error says which setting is at fault, and what to do. Close it.
func NewVerifier(_ context.Context, cfg Config) (*Verifier, error) {
	return &Verifier{cfg}, errors.New("not built yet")
}

// Close ends the refreshing of key sets.
func (v *Verifier) Close() {}

// String says what is in force, for the start line, without secrets: "jwt: HS256 secret, issuer https://id.example.org".
func (v *Verifier) String() string { return "jwt" }

// Verify returns the client of a token, or an errs.Unauthenticated error whose text its bearer may read.
func (v *Verifier) Verify(ctx context.Context, token string) (*Client, error) { return From(ctx) }

// Wrap gives every request the client of its token before next sees it. It refuses none: From says who sends it. The
// token is taken from the Authorization header, or where inQuery says so from access_token in the query.
func (v *Verifier) Wrap(next http.Handler, _ func(*http.Request) bool) http.Handler { return next }
