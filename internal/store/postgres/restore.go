package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Restore implements driver.Driver.
func (d *Driver) Restore(ctx context.Context, log []chat.Message) error {
	return d.store(ctx, "restore", log, func(ids []pgtype.UUID) func(context.Context) error {
		return func(ctx context.Context) error {
			return d.transact(ctx, func(tx pgx.Tx) error { return restore(ctx, tx, log, ids) })
		}
	})
}

// restore copies into the table the messages of log that are not stored yet, under the room's lock.
func restore(ctx context.Context, tx pgx.Tx, log []chat.Message, ids []pgtype.UUID) error {
	room, err := lockRoom(ctx, tx, log[0].Room)
	if err != nil {
		return err
	}
	fresh, err := driver.NotRestored(room, log, func(seq int64, limit int) ([]chat.Message, error) {
		return query(ctx, tx, scanMessage, selectAfter, room.Name, seq, limit)
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
	_, err = tx.Exec(ctx, "UPDATE restante.rooms SET last_seq = $2, last_stored_at = $3 WHERE name = $1", last.Room, last.Seq, chat.Micros(last.StoredAt))
	return err
}

// lockRoom creates the room if it does not exist, and returns it. No other session changes it until the end of the
// transaction.
func lockRoom(ctx context.Context, tx pgx.Tx, name string) (chat.Room, error) {
	r := chat.Room{Name: name}
	_, err := tx.Exec(ctx, `INSERT INTO restante.rooms (name, last_seq, last_stored_at)
		VALUES ($1, 0, '0001-01-01 00:00:00+00') ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return r, err
	}
	err = tx.QueryRow(ctx, "SELECT last_seq, last_stored_at FROM restante.rooms WHERE name = $1 FOR NO KEY UPDATE", name).
		Scan(&r.LastSeq, &r.LastStoredAt)
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
