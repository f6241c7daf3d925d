package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
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

// restore copies into the tables the messages of log that are not stored yet, under the room's lock.
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
	if err := t.copyIn(ctx, tx, fresh, ids[len(ids)-len(fresh):]); err != nil {
		return err
	}
	last := fresh[len(fresh)-1]
	return moveRoom(ctx, tx, chat.Room{Name: last.Room, LastSeq: last.Seq, LastStoredAt: last.StoredAt})
}

// copyIn copies messages of one room into the tables, unless one of them has a key that is stored or that another one of them has.
func (t *term) copyIn(ctx context.Context, tx pgx.Tx, fresh []chat.Message, ids []pgtype.UUID) error {
	b := newBatch(fresh, ids, t.epoch.ID)
	for i, at := range b.index {
		if i != at { // the first one that has the key of another
			return driver.DoubleID(fresh[i])
		}
	}
	var byName []int64
	if err := tx.QueryRow(ctx, "SELECT restante.enlist($1)", b.names).Scan(&byName); err != nil {
		return err
	}
	n := len(fresh)
	senders := make([]int64, n)
	for i, at := range b.senderOf {
		senders[i] = byName[at-1]
	}
	old := t.look(ids)
	doubles, err := query(ctx, tx, pgx.RowTo[int64], "SELECT f FROM restante.find($1, $2, $3, $4, $5, $6) AS f ORDER BY f LIMIT 1",
		fresh[0].Room, ids, senders, old.known, old.ordinals, old.segments)
	if err != nil {
		return err
	}
	if len(doubles) > 0 {
		return driver.DoubleID(fresh[doubles[0]-1])
	}
	numbers, err := query(ctx, tx, pgx.RowTo[int64], "SELECT nextval('restante.numbers') FROM generate_series(1, $1)", n)
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"restante", "texts"}, []string{"number", "msg"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) { return []any{numbers[i], b.texts[i]}, nil }))
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"restante", "messages"}, []string{"room", "seq", "text", "id", "sender", "sent_at", "stored_at"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			m := &fresh[i]
			return []any{m.Room, m.Seq, numbers[i], ids[i], senders[i], chat.Micros(m.SentAt), chat.Micros(m.StoredAt)}, nil
		}))
	return err
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
		_, err = tx.Exec(ctx, "SELECT restante.same_epoch($1)", t.epoch.ID)
	}
	return r, err
}
