package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"restante/internal/errs"
)

// classify gives an error of SQLite its class and a reason that a person can act on. Errors of a context and errors
// that have a class already stay as they are.
func (f *file) classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*errs.Error](err); ok {
		return err
	}
	code, msg := reason(result(err))
	return errs.Wrap(code, fmt.Errorf("database file %s: %w", f.path, err), "%s", msg)
}

// result returns the result code of SQLite, or 0. Its low byte is the kind of error, the rest is details.
func result(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func reason(code int) (errs.Code, string) {
	if code == sqlite3.SQLITE_IOERR_SHMSIZE { // the log's index could not grow
		code = sqlite3.SQLITE_FULL
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return errs.Unavailable, "the disk is full"
	case sqlite3.SQLITE_READONLY:
		return errs.Unavailable, "the database is read-only"
	case sqlite3.SQLITE_IOERR:
		return errs.Unavailable, "the disk does not read or write"
	case sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return errs.Unavailable, "the database file cannot be opened"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return errs.Unavailable, "the database is locked by another program"
	case sqlite3.SQLITE_NOMEM:
		return errs.Unavailable, "out of memory"
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return errs.Internal, "the database file is damaged"
	default:
		return errs.Internal, "the database has failed"
	}
}

// Retryable implements driver.Driver: another program releases its lock soon, but a full disk stays full.
func (d *Driver) Retryable(err error) bool {
	switch result(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return true
	default:
		return false
	}
}
