package cli

import (
	"errors"
	"fmt"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/secret"
)

type tokenCmd struct {
	Sub      string        `required:"" placeholder:"NAME" help:"Name of the client: the client_id of the messages that are sent with the token."`
	Rooms    []string      `placeholder:"ROOM" help:"Rooms that the client may read and write: names, prefixes such as 'team-*', or '*' for all rooms. Repeat the flag, or separate several by commas."`
	TTL      time.Duration `name:"ttl" default:"1h" placeholder:"DURATION" help:"How long the token is valid, such as 10m, 8h or 30d (default ${default})."`
	ReadOnly bool          `help:"Allow reading only."`
	Admin    bool          `help:"Allow the operator's endpoints, such as /metrics."`

	JWTSecret   string `name:"jwt-secret" env:"RESTANTE_JWT_SECRET" placeholder:"SECRET" help:"The server's secret. Prefer the file or the environment variable: other users of the machine can read command lines."`
	JWTKey      string `name:"jwt-key" type:"path" placeholder:"FILE" help:"File with a private key (PEM or JWK), instead of a secret. The server must have its public key."`
	JWTIssuer   string `name:"jwt-issuer" env:"RESTANTE_JWT_ISSUER" placeholder:"TEXT" help:"The 'iss' that the server requires (default: none)."`
	JWTAudience string `name:"jwt-audience" env:"RESTANTE_JWT_AUDIENCE" placeholder:"TEXT" help:"The 'aud' that the server requires (default: none)."`

	JWTSecretFile []string `name:"jwt-secret-file" env:"RESTANTE_JWT_SECRET_FILE" placeholder:"FILE" help:"File with the server's secret. Of several, separated by commas as for serve, the first one signs."`

	JWTMaxTTL time.Duration `name:"jwt-max-ttl" env:"RESTANTE_JWT_MAX_TTL" placeholder:"DURATION" help:"The longest time for which the server lets a token be valid (default 400d)."`
}

// Help is the text of `restante token --help` below the usage line.
func (tokenCmd) Help() string {
	return `Examples:

  restante token --sub ann --rooms 'team-*' --ttl 8h
  restante token --sub screen-3 --rooms lobby,news --read-only --jwt-key signing.pem
  restante token --sub prometheus --admin --ttl 365d
  RESTANTE_TOKEN=$(restante token --sub ann --rooms '*') restante tail

It prints one token, for a server with the same RESTANTE_JWT_SECRET or with the key's public half (serve --jwt-key), the same issuer and the same audience. It does not contact the server. The token can be used until it expires or you revoke it ('restante revoke'): it has an id of its own (claim 'jti'). Services that know their users make such tokens themselves.

Exit codes:
  0    the token was printed
  1    the key cannot be used
  2    the command line is wrong`
}

// Run prints a token.
func (c *tokenCmd) Run(s *streams) error {
	signer, err := c.signer()
	if err != nil {
		return err
	}
	token, err := signer.Sign(auth.Grant{
		Subject: chat.TrimName(c.Sub), Rooms: c.Rooms, ReadOnly: c.ReadOnly, Admin: c.Admin,
		TTL: c.TTL, Issuer: c.JWTIssuer, Audience: c.JWTAudience, MaxTTL: c.JWTMaxTTL,
	})
	if errs.CodeOf(err) == errs.Invalid {
		var faults []error
		for _, fault := range errs.All(err) {
			faults = append(faults, fmt.Errorf("--%w", fault)) // the fields have the names of the flags
		}
		return &exitError{exitUsage, errors.Join(faults...)}
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, token)
	return err
}

// signer returns a signer with the private key if --jwt-key is given, else with the secret. The secret may be in the
// environment for other commands.
func (c *tokenCmd) signer() (*auth.Signer, error) {
	if c.JWTKey == "" {
		text, err := c.secret()
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		signer, err := auth.NewSecretSigner(text)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		return signer, nil
	}
	key, err := secret.Read(c.JWTKey)
	if err != nil {
		return nil, fmt.Errorf("--jwt-key: %w", err)
	}
	signer, err := auth.NewKeySigner([]byte(key))
	if err != nil {
		return nil, fmt.Errorf("--jwt-key: %s: %w", c.JWTKey, err)
	}
	return signer, nil
}

// secret returns the secret of the flag, the environment or the file.
func (c *tokenCmd) secret() (string, error) {
	switch {
	case c.JWTSecret != "" && len(c.JWTSecretFile) > 0:
		return "", errors.New("--jwt-secret-file: there is a --jwt-secret (RESTANTE_JWT_SECRET) as well; leave one of them out")
	case len(c.JWTSecretFile) > 0:
		text, err := secret.Read(c.JWTSecretFile[0])
		if err != nil {
			return "", fmt.Errorf("--jwt-secret-file: %w", err)
		}
		return text, nil
	case c.JWTSecret == "":
		return "", errors.New("--jwt-secret-file, --jwt-secret, RESTANTE_JWT_SECRET or --jwt-key is needed: the same secret or key that the server checks tokens with")
	}
	return c.JWTSecret, nil
}
