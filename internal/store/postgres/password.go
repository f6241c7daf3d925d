package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"restante/internal/errs"
)

// login gives a new connection the password of now, so that a new password needs no restart.
func (d *Driver) login(_ context.Context, c *pgx.ConnConfig) error {
	if d.cfg.Password == nil {
		return nil
	}
	password, err := d.cfg.Password()
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "the password of the database cannot be read")
	}
	c.Password = password
	return nil
}

// withoutSecrets returns why an address of a database is wrong, or a shorter reason if that would show a password of the address.
func withoutSecrets(address string, err error) error {
	u, failed := url.Parse(address)
	if failed != nil {
		return errors.New("it is not a URL")
	}
	password, _ := u.User.Password()
	for _, hidden := range []string{password, url.PathEscape(password), url.QueryEscape(password), u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if hidden != "" && strings.Contains(err.Error(), hidden) {
			return errors.New("one of its parameters has a value that it cannot have")
		}
	}
	return err
}
