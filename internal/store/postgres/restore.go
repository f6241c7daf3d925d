package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Restore implements driver.Driver.
func (d *Driver) Restore(ctx context.Context, log []chat.Message) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.Done()
	if len(log) == 0 {
		return nil
	}
	ids := make([]pgtype.UUID, len(log))
	for i := range log {
		id, err := parseID(log[i].ID)
		if err != nil {
			return err
		}
		ids[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	err := d.attempt(ctx, func(ctx context.Context) error {
		return pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			return restore(ctx, tx, log, ids)
		})
	})
	d.written(ctx, err)
	if err != nil {
		return fmt.Errorf("restore %d messages: %w", len(log), err)
	}
	return nil
}

// restore copies into the table what of log is not there yet, under the room's lock.
func restore(ctx context.Context, tx pgx.Tx, log []chat.Message, ids []pgtype.UUID) error {
	room, err := lockRoom(ctx, tx, log[0].Room)
	if err != nil {
		return err
	}
	fresh, err := driver.NotRestored(room, log, func(seq int64, limit int) ([]chat.Message, error) {
		rows, err := tx.Query(ctx, selectAfter, room.Name, seq, limit)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, scanMessage)
	})
	if err != nil || len(fresh) == 0 {
		return err
	}
	ids = ids[len(ids)-len(fresh):]
	columns := []string{"room", "seq", "id", "client_id", "msg", "sent_at", "stored_at"}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"restante", "messages"}, columns, pgx.CopyFromSlice(len(fresh), func(i int) ([]any, error) {
		m := &fresh[i]
		return []any{m.Room, m.Seq, ids[i], m.ClientID, []byte(m.Msg), chat.Micros(m.SentAt), chat.Micros(m.StoredAt)}, nil
	}))
	if err != nil {
		return doubled(fresh, err)
	}
	last := fresh[len(fresh)-1]
	_, err = tx.Exec(ctx, "UPDATE restante.rooms SET last_seq = $2, last_stored_at = $3 WHERE name = $1", last.Room, last.Seq, chat.Micros(last.StoredAt))
	return err
}

// lockRoom returns the room, which nobody else changes until the end of the transaction. If there is none yet, it is made.
func lockRoom(ctx context.Context, tx pgx.Tx, name string) (chat.Room, error) {
	r := chat.Room{Name: name}
	_, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '3s', true),
		CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`)
	if err != nil {
		return r, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO restante.rooms (name, last_seq, last_stored_at)
		VALUES ($1, 0, '0001-01-01 00:00:00+00') ON CONFLICT DO NOTHING`, name)
	if err != nil {
		return r, err
	}
	err = tx.QueryRow(ctx, "SELECT last_seq, last_stored_at FROM restante.rooms WHERE name = $1 FOR NO KEY UPDATE", name).
		Scan(&r.LastSeq, &r.LastStoredAt)
	return r, err
}

// doubled returns the conflict behind a unique violation of one of the messages, or err if that is something else.
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
