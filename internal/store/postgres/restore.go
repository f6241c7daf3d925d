package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// Restore implements driver.Driver.
func (d *Driver) Restore(ctx context.Context, log []chat.Message) error {
	return d.store(ctx, "restore", log, func(t *term, ids []pgtype.UUID) func(context.Context) error {
		return func(ctx context.Context) error {
			return d.transact(ctx, func(tx pgx.Tx) error { return t.restore(ctx, tx, log, ids) })
		}
	})
}

// restore copies into the table the messages of log that are not stored yet, under the room's lock.
func (t *term) restore(ctx context.Context, tx pgx.Tx, log []chat.Message, ids []pgtype.UUID) error {
	room, err := t.lockRoom(ctx, tx, log[0].Room)
	if err != nil {
		return err
	}
	fresh, err := driver.NotRestored(room, log, func(seq int64, limit int) ([]chat.Message, error) {
		return t.messages(ctx, tx, selectRange, room.Name, seq+1, seq+int64(limit), t.epoch.ID)
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	ids = ids[len(ids)-len(fresh):]
	rows := pgx.CopyFromSlice(len(fresh), func(i int) ([]any, error) { return values(&fresh[i], ids[i]), nil })
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"restante", "messages"}, strings.Split(columns, ", "), rows); err != nil {
		return doubled(fresh, err)
	}
	last := fresh[len(fresh)-1]
	return moveRoom(ctx, tx, chat.Room{Name: last.Room, LastSeq: last.Seq, LastStoredAt: last.StoredAt})
}

func moveRoom(ctx context.Context, tx pgx.Tx, r chat.Room) error {
	_, err := tx.Exec(ctx, "UPDATE restante.rooms SET last_seq = $2, last_stored_at = $3 WHERE name = $1", r.Name, r.LastSeq, chat.Micros(r.LastStoredAt))
	return err
}

// RestoreRoom implements driver.Driver.
func (d *Driver) RestoreRoom(ctx context.Context, r chat.Room) error {
	if r.LastSeq < 1 {
		return errs.Field("last_seq", "must be at least 1, is %d", r.LastSeq)
	}
	return d.write(ctx, "restore a room", func(ctx context.Context, t *term, tx pgx.Tx) error {
		known, err := t.lockRoom(ctx, tx, r.Name)
		if err != nil || known.LastSeq >= r.LastSeq {
			return err
		}
		if known.LastSeq > 0 {
			return driver.EndsBefore(known, r)
		}
		return moveRoom(ctx, tx, r)
	})
}

// lockRoom creates the room if it does not exist, and returns it. No other session changes it until the end of the
// transaction.
func (t *term) lockRoom(ctx context.Context, tx pgx.Tx, name string) (chat.Room, error) {
	r := chat.Room{Name: name}
	_, err := tx.Exec(ctx, `INSERT INTO restante.rooms (name, last_seq, last_stored_at)
		VALUES ($1, 0, '0001-01-01 00:00:00+00') ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return r, err
	}
	err = tx.QueryRow(ctx, "SELECT last_seq, last_stored_at FROM restante.rooms WHERE name = $1 FOR NO KEY UPDATE", name).
		Scan(&r.LastSeq, &r.LastStoredAt)
	if err == nil { // after the lock, like append
		_, err = tx.Exec(ctx, "SELECT restante.in_epoch($1)", t.epoch.ID)
	}
	return r, err
}

// doubled returns the conflict that caused the unique violation of one of the messages, or err if that is another error.
func doubled(fresh []chat.Message, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != uniqueViolation {
		return err
	}
	for i := range fresh {
		if strings.Contains(pg.Detail, fresh[i].ID) {
			return driver.DoubleID(fresh[i])
		}
	}
	return err
}
