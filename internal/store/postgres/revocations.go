package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/revocation"
	"restante/internal/store/driver"
)

const revocationColumns = "kind, name, before, until, at, reason, revoker"

// Revoke implements driver.Driver.
func (d *Driver) Revoke(ctx context.Context, entries []revocation.Entry) error {
	return d.write(ctx, "revoke tokens", func(ctx context.Context, _ *term, tx pgx.Tx) error {
		now := d.cfg.Now().Unix()
		// Readers are not kept out. Numbers are given under the lock, so they are committed in their order.
		if _, err := tx.Exec(ctx, "LOCK TABLE restante.revocations IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM restante.revocations WHERE until <= $1", now); err != nil {
			return err
		}
		for _, e := range entries {
			if e.Until.Unix() <= now {
				continue
			}
			if err := revoke(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// revoke writes one revocation.
func revoke(ctx context.Context, tx pgx.Tx, e revocation.Entry) error {
	var known *revocation.Entry
	found, err := query(ctx, tx, scanRevocation,
		"SELECT number, "+revocationColumns+" FROM restante.revocations WHERE kind = $1 AND name = $2", string(e.Kind), e.Name)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		known = &found[0].Entry
	}
	e, change := driver.Revoked(e, known)
	if !change {
		return nil
	}
	before := int64(0)
	if !e.Before.IsZero() {
		before = e.Before.Unix()
	}
	_, dropped := tx.Exec(ctx, "DELETE FROM restante.revocations WHERE kind = $1 AND name = $2", string(e.Kind), e.Name)
	_, added := tx.Exec(ctx, "INSERT INTO restante.revocations ("+revocationColumns+") VALUES ($1, $2, $3, $4, $5, $6, $7)",
		string(e.Kind), e.Name, before, e.Until.Unix(), e.At, e.Reason, e.By)
	return errors.Join(dropped, added)
}

// Revocations implements driver.Driver.
func (d *Driver) Revocations(ctx context.Context, after int64, limit int) ([]revocation.Stored, error) {
	return reading(ctx, d, "read revocations", func(ctx context.Context, _ *term) ([]revocation.Stored, error) {
		return query(ctx, d.pool, scanRevocation,
			"SELECT number, "+revocationColumns+" FROM restante.revocations WHERE number > $1 ORDER BY number LIMIT $2", after, max(limit, 0))
	})
}

func scanRevocation(row pgx.CollectableRow) (s revocation.Stored, err error) {
	var before, until int64
	err = row.Scan(&s.Number, &s.Kind, &s.Name, &before, &until, &s.At, &s.Reason, &s.By)
	if before != 0 {
		s.Before = time.Unix(before, 0).UTC()
	}
	s.Until, s.At = time.Unix(until, 0).UTC(), s.At.UTC()
	return s, err
}
