package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"restante/internal/auth"
	"restante/internal/secret"
)

// Password reads a password that may change while the server runs. It does not block for long, and its errors do not show the password.
type Password func() (string, error)

// BrokerPassword returns what reads the password of the addresses of Broker, nil if they have it themselves.
func (c Config) BrokerPassword() Password { return passwordIn(c.BrokerPasswordFile) }

// StorePassword returns what reads the password of the URL of Store, nil if it has it itself.
func (c Config) StorePassword() Password { return passwordIn(c.StorePasswordFile) }

func passwordIn(file string) Password {
	if file == "" {
		return nil
	}
	return func() (string, error) { return secret.ReadText(file) }
}

// WithPassword returns a broker's address or a store's URL with the password that the file holds. It is for commands that connect once. A URL
// that has a password already, or no user name, is an error; the error does not show the URL.
func WithPassword(text, file string) (string, error) {
	if err := lacksPassword(text); err != nil {
		return "", err
	}
	password, err := secret.ReadText(file)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", errNoURL
	}
	u.User = url.UserPassword(u.User.Username(), password)
	return u.String(), nil
}

var errNoURL = errors.New("the address is not a URL")

// lacksPassword returns an error if the password of a URL cannot come from a file.
func lacksPassword(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return errNoURL
	}
	if has(u) {
		return errors.New("the address has a password as well; leave one of them out")
	}
	if manage, err := url.Parse(u.Query().Get("management")); err == nil && has(manage) {
		return errors.New("the parameter management has a password as well; leave one of them out")
	}
	if u.User.Username() == "" && u.Query().Get("user") == "" {
		return errors.New("the address needs a user name, as in amqp://USER@HOST/VHOST or postgres://USER@HOST/DATABASE")
	}
	return nil
}

// has reports whether a URL has a password.
func has(u *url.URL) bool {
	_, set := u.User.Password()
	return set || u.Query().Get("password") != ""
}

// validateSecrets reads the files once, so that a mistake is found before anything starts.
func (c Config) validateSecrets() (err error) {
	if len(c.JWT.Secret) > 0 && len(c.JWT.SecretFile) > 0 {
		err = errors.New("--jwt-secret-file: there is a --jwt-secret (RESTANTE_JWT_SECRET) as well; leave one of them out")
	}
	for _, file := range c.JWT.SecretFile {
		text, readErr := secret.Read(file)
		if readErr == nil && len(text) < minSecret {
			readErr = fmt.Errorf("%s: has fewer than %d bytes, and could be guessed; use a random one, such as 'openssl rand -base64 48' prints", file, minSecret)
		}
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("--jwt-secret-file: %w", readErr))
		}
	}
	if c.BrokerPasswordFile != "" {
		err = errors.Join(err, validatePassword("--broker-password-file", c.BrokerPasswordFile, c.Broker, c.ManyMachines()))
	}
	if c.StorePasswordFile != "" {
		err = errors.Join(err, validatePassword("--store-password-file", c.StorePasswordFile, []string{c.Store}, isPostgres(c.Store)))
	}
	return err
}

func validatePassword(flag, file string, addresses []string, remote bool) error {
	if !remote {
		return fmt.Errorf("%s: only RabbitMQ and PostgreSQL have passwords; leave it out", flag)
	}
	for _, address := range addresses {
		if _, err := WithPassword(address, file); err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
	}
	return nil
}

// Exposure is a file or directory that other users of the machine can read or change although they should not.
type Exposure struct {
	Path string
	Mode fs.FileMode
	What Access
}

// Access is what other users can do that they should not.
type Access int

// What other users can do.
const (
	CanRead  Access = iota + 1 // read a file that holds a secret
	CanWrite                   // change a file that says who is trusted
	CanEnter                   // enter the data directory
)

// Exposures looks at the files that the configuration names, at its own file, "" for none, and at the data directory. Files that cannot be
// looked at are left out. A server starts all the same, and warns.
func (c Config) Exposures(file File) (found []Exposure) {
	c = c.Complete()
	secrets := append([]string{c.BrokerPasswordFile, c.StorePasswordFile, c.TLS.Key}, c.JWT.SecretFile...)
	if file.holdsSecret() {
		secrets = append(secrets, string(file))
	}
	for _, path := range secrets {
		if mode, exposed := secret.Exposed(path); path != "" && exposed {
			found = append(found, Exposure{path, mode, CanRead})
		}
	}
	trusted := []string{string(file), c.TLS.Cert, c.TLS.Key}
	for _, key := range c.JWT.Key {
		_, path := auth.SplitKey(key)
		trusted = append(trusted, path)
	}
	for _, path := range trusted {
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 {
			found = append(found, Exposure{path, info.Mode().Perm(), CanWrite})
		}
	}
	if info, err := os.Stat(c.Data); err == nil && info.IsDir() && info.Mode().Perm()&0o077 != 0 && (!c.ManyMachines() || len(c.ACME.Domain) > 0) {
		found = append(found, Exposure{c.Data, info.Mode().Perm(), CanEnter})
	}
	return found
}

// holdsSecret reports whether the file gives values to flags that are secrets.
func (f File) holdsSecret() bool {
	if f == "" {
		return false
	}
	values, err := readFile(string(f))
	if err != nil {
		return false
	}
	for name, node := range values {
		if name == "jwt-secret" || strings.Contains(node.Value, "@") && (name == "broker" || name == "store") {
			return true
		}
	}
	return false
}
