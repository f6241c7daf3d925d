package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"restante/internal/errs"
)

// transient marks an error after which the same call may succeed at once.
type transient struct{ error }

func (e *transient) Unwrap() error { return e.error }

// finalError marks an error that waiting cannot mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

func final(err error) bool {
	_, ok := errors.AsType[*finalError](err)
	return ok
}

// Retryable implements driver.Driver.
func (d *Driver) Retryable(err error) bool {
	_, ok := errors.AsType[*transient](err)
	return ok
}

// slow is the error of an attempt that took longer than Config.AttemptTimeout.
func (d *Driver) slow(err error) error {
	return &transient{errs.Wrap(errs.Unavailable, fmt.Errorf("database %s: no answer within %v: %w", d.server, d.cfg.AttemptTimeout, err),
		"the database does not answer")}
}

// classify gives an error of pgx its class and a reason that a person can act on. Errors of a context and errors that
// have a class already stay as they are.
func (d *Driver) classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	cause := fmt.Errorf("database %s: %w", d.server, err)
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return &transient{errs.Wrap(errs.Unavailable, cause, "the database cannot be reached")}
	}
	if strings.HasPrefix(pg.Code, "22") {
		return errs.Wrap(errs.Invalid, cause, "the database cannot hold the message")
	}
	return errs.Wrap(errs.Unavailable, cause, "the database has failed")
}
