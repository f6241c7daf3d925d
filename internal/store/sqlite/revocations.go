package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"restante/internal/revocation"
	"restante/internal/store/driver"
)

const (
	revocationColumns = "kind, name, before, until, at, reason, revoker"
	selectRevocations = "SELECT number, " + revocationColumns + " FROM revocations WHERE number > ? ORDER BY number LIMIT ?"
	findRevocation    = "SELECT number, " + revocationColumns + " FROM revocations WHERE kind = ? AND name = ?"
	insertRevocation  = "INSERT INTO revocations (" + revocationColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?)"
)

// Revoke implements driver.Driver.
func (d *Driver) Revoke(ctx context.Context, entries []revocation.Entry) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	r := newRequest((*writer).revoke)
	r.revoked = slices.Clone(entries)
	if err := d.writer.do(ctx, r); err != nil {
		return fmt.Errorf("revoke tokens: %w", err)
	}
	return nil
}

// revoke writes the revocations of one request.
func (w *writer) revoke(ctx context.Context, r *request, now int64) error {
	seconds := now / int64(time.Second/time.Microsecond)
	if err := exec(ctx, w.tx.expireRevocations, seconds); err != nil {
		return fmt.Errorf("remove expired revocations: %w", err)
	}
	for _, e := range r.revoked {
		if e.Until.Unix() <= seconds {
			continue
		}
		var known *revocation.Entry
		found, err := scanRevocation(w.tx.findRevocation.QueryRowContext(ctx, e.Kind, e.Name))
		switch {
		case err == nil:
			known = &found.Entry
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("read revocation: %w", err)
		}
		e, change := driver.Revoked(e, known)
		if !change {
			continue
		}
		err = errors.Join(exec(ctx, w.tx.dropRevocation, e.Kind, e.Name),
			exec(ctx, w.tx.addRevocation, e.Kind, e.Name, unixOrZero(e.Before), e.Until.Unix(), e.At.UnixMicro(), e.Reason, e.By))
		if err != nil {
			return fmt.Errorf("write revocation: %w", err)
		}
	}
	return nil
}

func unixOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Revocations implements driver.Driver.
func (d *Driver) Revocations(ctx context.Context, after int64, limit int) ([]revocation.Stored, error) {
	return reading(ctx, d, "read revocations", func() (all []revocation.Stored, err error) {
		rows, err := d.reads.revocations.QueryContext(ctx, after, max(limit, 0))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			s, err := scanRevocation(rows)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		return all, rows.Err()
	})
}

// scanRevocation reads a row.
func scanRevocation(row interface{ Scan(dest ...any) error }) (s revocation.Stored, err error) {
	var before, until, at int64
	err = row.Scan(&s.Number, &s.Kind, &s.Name, &before, &until, &at, &s.Reason, &s.By)
	if before != 0 {
		s.Before = time.Unix(before, 0).UTC()
	}
	s.Until, s.At = time.Unix(until, 0).UTC(), micros(at)
	return s, err
}

// revoked returns what is revoked in a database that nobody has open and that another one is to replace. It is empty if that cannot be
// read, such as when the database is damaged, or of a version that could not revoke.
func (f *file) revoked(ctx context.Context, inPlace bool) (entries []revocation.Entry) {
	access, _, err := f.belongs(ctx)
	if err != nil || inPlace {
		return nil
	}
	db, err := f.open(access, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = db.Close() }() // it was only read
	rows, err := db.QueryContext(ctx, selectRevocations, 0, -1)
	if err != nil {
		return nil
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		s, err := scanRevocation(rows)
		if err != nil {
			break
		}
		entries = append(entries, s.Entry)
	}
	if rows.Err() != nil {
		return nil
	}
	return entries
}
