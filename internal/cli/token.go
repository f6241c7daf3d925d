package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"restante/internal/auth"
	"restante/internal/errs"
)

type tokenCmd struct {
	Sub      string        `required:"" placeholder:"NAME" help:"Whose token it is: the client_id of what is sent with it."`
	Rooms    []string      `placeholder:"ROOM" help:"Rooms that may be read and written: names, beginnings such as 'team-*', or '*' for all. Repeat it, or separate several by commas."`
	TTL      time.Duration `name:"ttl" default:"1h" placeholder:"DURATION" help:"How long the token is valid (default ${default})."`
	ReadOnly bool          `help:"Nothing may be sent with it."`
	Admin    bool          `help:"The operator's endpoints may be used with it, such as /metrics."`

	JWTSecret   string `name:"jwt-secret" env:"RESTANTE_JWT_SECRET" placeholder:"SECRET" help:"The server's secret. Better in the environment: other users of the machine see command lines."`
	JWTKey      string `name:"jwt-key" type:"path" placeholder:"FILE" help:"File with the private key (PEM or JWK) whose public key the server has, instead of a secret."`
	JWTIssuer   string `name:"jwt-issuer" env:"RESTANTE_JWT_ISSUER" placeholder:"TEXT" help:"The 'iss' that the server wants (default: none)."`
	JWTAudience string `name:"jwt-audience" env:"RESTANTE_JWT_AUDIENCE" placeholder:"TEXT" help:"The 'aud' that the server wants (default: none)."`
}

// Help is what `restante token --help` says below the usage line.
func (tokenCmd) Help() string {
	return `Examples:

  restante token --sub ann --rooms 'team-*' --ttl 8h
  restante token --sub screen-3 --rooms lobby,news --read-only --jwt-key signing.pem
  restante token --sub prometheus --admin --ttl 8760h
  RESTANTE_TOKEN=$(restante token --sub ann --rooms '*') restante tail

Prints one token, for a server with the same RESTANTE_JWT_SECRET or with the key's public half (serve --jwt-key), the same issuer and the same audience. No server is asked. Whoever has the token can use it until it expires: nothing takes it back but another secret or key. Services that know their users make tokens of this form themselves.

Exit codes:
  0    the token was printed
  1    the key cannot be used
  2    the command line makes no sense`
}

// Run prints a token.
func (c *tokenCmd) Run(s *streams) error {
	signer, err := c.signer()
	if err != nil {
		return err
	}
	token, err := signer.Sign(auth.Grant{
		Subject: c.Sub, Rooms: c.Rooms, ReadOnly: c.ReadOnly, Admin: c.Admin,
		TTL: c.TTL, Issuer: c.JWTIssuer, Audience: c.JWTAudience,
	})
	if errs.CodeOf(err) == errs.Invalid {
		var faults []error
		for _, fault := range errs.All(err) {
			faults = append(faults, fmt.Errorf("--%w", fault)) // the fields are named as the flags are
		}
		return &exitError{exitUsage, errors.Join(faults...)}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, token)
	return err
}

// signer returns one with the private key, or else with the secret, which may be there for other commands.
func (c *tokenCmd) signer() (*auth.Signer, error) {
	if c.JWTKey == "" {
		if c.JWTSecret == "" {
			return nil, &exitError{exitUsage, errors.New("--jwt-secret, RESTANTE_JWT_SECRET or --jwt-key is needed: what the server checks tokens with")}
		}
		signer, err := auth.NewSecretSigner(c.JWTSecret)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		return signer, nil
	}
	data, err := os.ReadFile(c.JWTKey)
	if err != nil {
		return nil, fmt.Errorf("--jwt-key: %w", err)
	}
	signer, err := auth.NewKeySigner(data)
	if err != nil {
		return nil, fmt.Errorf("--jwt-key: %s: %w", c.JWTKey, err)
	}
	return signer, nil
}
