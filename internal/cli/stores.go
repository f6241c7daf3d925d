package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"restante/internal/config"
	"restante/internal/errs"
	"restante/internal/store"
	"restante/internal/store/driver"
	"restante/internal/store/postgres"
	"restante/internal/store/sqlite"
)

// storeURL names a store on the command line: sqlite:PATH or postgres://….
type storeURL string

// Validate is called by kong.
func (u storeURL) Validate() error {
	if u.isPostgres() || u.path() != "" {
		return nil
	}
	return errors.New("is not a store; use sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
}

func (u storeURL) isPostgres() bool {
	return strings.HasPrefix(string(u), "postgres://") || strings.HasPrefix(string(u), "postgresql://")
}

// with returns the URL with the password in a file, which the named flag gives; without a file it is u.
func (u storeURL) with(flag, file string) (storeURL, error) {
	if file == "" {
		return u, nil
	}
	if !u.isPostgres() {
		return u, &exitError{exitUsage, fmt.Errorf("%s: only PostgreSQL has a password; leave it out", flag)}
	}
	text, err := config.WithPassword(string(u), file)
	if err != nil {
		return u, &exitError{exitUsage, fmt.Errorf("%s: %w", flag, err)}
	}
	return storeURL(text), nil
}

// path returns the file of SQLite, "" for any other store.
func (u storeURL) path() string {
	path, ok := strings.CutPrefix(string(u), "sqlite:")
	if !ok {
		return ""
	}
	return path
}

// String returns the URL without a password.
func (u storeURL) String() string {
	if !u.isPostgres() {
		return string(u)
	}
	parsed, err := url.Parse(string(u))
	if err != nil {
		return "postgres://…"
	}
	parsed.RawQuery = "" // the query may contain a password, too
	return parsed.Redacted()
}

// open opens a store and checks that it can be used now.
func (u storeURL) open(ctx context.Context, log *slog.Logger) (*store.Store, error) {
	var d driver.Driver
	var err error
	if u.isPostgres() {
		d, err = postgres.Open(ctx, string(u), postgres.Config{Config: driver.Config{Log: log}})
	} else {
		d, err = sqlite.Open(ctx, u.path(), sqlite.Config{Config: driver.Config{Log: log}})
	}
	if err != nil {
		return nil, u.explain(err)
	}
	s := store.New(d, store.Config{})
	if err := s.Check(ctx); err != nil {
		return nil, errors.Join(u.explain(err), s.Close())
	}
	return s, nil
}

// openSource opens a store that exists, to read it. A SQLite file, which may be a backup, stays as it is.
func (u storeURL) openSource(ctx context.Context, log *slog.Logger) (*store.Store, error) {
	path := u.path()
	if path == "" {
		return u.open(ctx, log)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file", u)
	}
	d, err := sqlite.Open(ctx, path, sqlite.Config{Config: driver.Config{Log: log}, AsIs: true})
	if err != nil {
		return nil, u.explain(err)
	}
	return store.New(d, store.Config{}), nil
}

// explain adds the exit code to an error of opening.
func (u storeURL) explain(err error) error {
	if errors.Is(err, context.Canceled) {
		return &exitError{exitInterrupted, errors.New("interrupted")}
	}
	if errors.Is(err, sqlite.ErrInUse) {
		err = fmt.Errorf("%w; stop the server that uses it, and try again", err)
	}
	err = fmt.Errorf("%s: %w", u, err)
	if errs.CodeOf(err) == errs.Unavailable {
		return &exitError{exitUnavailable, err}
	}
	return err
}
