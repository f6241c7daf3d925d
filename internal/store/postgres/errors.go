package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"restante/internal/errs"
)

// transient marks an error after which the same call may succeed at once. Repeating the statement is safe: it finds what
// the first attempt has stored by its ids.
type transient struct{ error }

func (e *transient) Unwrap() error { return e.error }

// finalError marks an error that does not go away by waiting.
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

// within runs f with a time limit and classifies its error. If ctx ended f, it returns the error of ctx.
func (d *Driver) within(ctx context.Context, limit time.Duration, f func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := f(limited)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &transient{errs.Wrap(errs.Unavailable, fmt.Errorf("database %s: nothing within %v", d.server, limit),
			"the database does not answer")}
	}
	if state(err) == readOnlyTransaction {
		d.pool.Reset() // this server is a standby now: the next connection searches for the primary
	}
	return d.classify(err)
}

// SQLSTATEs, of appendix A of PostgreSQL's manual, that the driver handles specially.
const (
	uniqueViolation     = "23505"
	readOnlyTransaction = "25006"
	lockTimeout         = "55P03"
	diskFull            = "53100"
	laterGeneration     = "RE001" // restante.append raises it
	endedEpoch          = "RE003" // restante.same_epoch raises it
	olderNumbers        = "RE004" // restante.append and restante.find raise it
)

const tablesMissing = "the database's tables are missing or of another version; run 'restante migrate'"

// state returns the SQLSTATE of an error of the server, "" for any other error.
func state(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
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
	r := reason(err)
	classified := errs.Wrap(r.code, fmt.Errorf("database %s: %w", d.server, &oneLine{err}), "%s", r.msg)
	switch r.lasts {
	case untilRetried:
		return &transient{classified}
	case forever:
		return &finalError{classified}
	default:
		return classified
	}
}

// diagnosis is what an error means.
type diagnosis struct {
	code  errs.Code
	lasts lasting
	msg   string
}

// lasting is how long an error is likely to last.
type lasting int

const (
	untilRepaired lasting = iota // an operator has to do something, then the driver goes on by itself
	untilRetried                 // trying again at once may help
	forever                      // the driver has to be opened again, with other settings or another database
)

func reason(err error) diagnosis {
	if code := state(err); code != "" {
		return serverReason(code)
	}
	var net net.Error
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case badCertificate:
		return diagnosis{errs.Unavailable, forever, "the database's certificate is not valid for this address; check sslmode and sslrootcert of the URL"}
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		return diagnosis{errs.Unavailable, untilRetried, "the database is read-only; the address must lead to the primary"}
	case connecting:
		return diagnosis{errs.Unavailable, untilRetried, "the database cannot be reached"}
	case errors.As(err, &net), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, pgconn.ErrConnClosed):
		return diagnosis{errs.Unavailable, untilRetried, "the connection to the database was lost"}
	}
	return diagnosis{errs.Internal, untilRepaired, "the database has failed"}
}

// serverReason returns what an error that the server has reported means.
func serverReason(code string) diagnosis {
	switch code {
	case "28P01", "28000":
		return diagnosis{errs.Unavailable, forever, "the database refuses the user; check user and password of the URL, and the server's pg_hba.conf"}
	case "3D000":
		return diagnosis{errs.Unavailable, forever, "there is no such database; create it: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0"}
	case "42501":
		return diagnosis{errs.Unavailable, forever, "the database's user lacks a privilege; make it the owner of the database, or run 'restante migrate' as the owner and grant the rest"}
	case "3F000", "42P01", "42883", "42703":
		return diagnosis{errs.Unavailable, untilRepaired, tablesMissing}
	case endedEpoch:
		return diagnosis{errs.Unavailable, untilRetried, "the epoch of the log has ended"}
	case olderNumbers:
		return diagnosis{errs.Unavailable, untilRetried, "the database is older than the one that this node has read"}
	case uniqueViolation:
		return diagnosis{errs.Internal, untilRepaired, "the rooms' counters do not fit their messages; was only a part of a backup restored?"}
	case readOnlyTransaction:
		return diagnosis{errs.Unavailable, untilRetried, "the database is read-only"}
	case "40001", "40P01", "0A000":
		return diagnosis{errs.Unavailable, untilRetried, "the database was busy with the same rooms"}
	case lockTimeout:
		return diagnosis{errs.Unavailable, untilRetried, "another session has locked rooms or a whole table of the database"}
	case "57014", "25P03", "57P05":
		return diagnosis{errs.Unavailable, untilRetried, "the database took too long"}
	case "26000", "42P05", "08P01":
		return diagnosis{errs.Unavailable, untilRepaired, "something between here and the database does not keep prepared statements; with PgBouncer set max_prepared_statements, or add default_query_exec_mode=exec to the URL"}
	case diskFull:
		return diagnosis{errs.Unavailable, untilRepaired, "the database's disk is full"}
	case "53300":
		return diagnosis{errs.Unavailable, untilRetried, "the database has no connection left; raise its max_connections or lower pool_max_conns of the URL"}
	}
	switch code[:2] {
	case "22", "23", "P0": // data that makes no sense, or that a constraint or trigger of the operator refuses
		return diagnosis{errs.Invalid, untilRepaired, "the database cannot hold it"}
	case "08", "53", "57": // connection, resources, operator
		return diagnosis{errs.Unavailable, untilRetried, "the database is not available"}
	case "58": // system error
		return diagnosis{errs.Unavailable, untilRepaired, "the database's disk does not read or write"}
	case "XX":
		return diagnosis{errs.Internal, untilRepaired, "the database is damaged or has a fault; its log says more"}
	}
	return diagnosis{errs.Internal, untilRepaired, "the database has failed"}
}

// oneLine is an error that fits into a line of a log.
type oneLine struct{ err error }

func (e *oneLine) Error() string {
	return strings.NewReplacer(":\n\t", ": ", "\n\t", "; ", "\n", "; ").Replace(e.err.Error())
}

func (e *oneLine) Unwrap() error { return e.err }
