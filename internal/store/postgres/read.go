package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

const (
	selectMessages = "SELECT " + columns + " FROM restante.messages WHERE room = $1 AND "
	selectAfter    = selectMessages + "seq > $2 ORDER BY seq LIMIT $3"
	selectBefore   = selectMessages + "seq < $2 ORDER BY seq DESC LIMIT $3"
)

// reading runs a read.
func reading[T any](ctx context.Context, d *Driver, what string, read func(context.Context) (T, error)) (T, error) {
	var v T
	if err := d.begin(ctx); err != nil {
		return v, err
	}
	defer d.calls.End()
	err := d.attempt(ctx, func(ctx context.Context) (err error) {
		v, err = read(ctx)
		return err
	})
	if err != nil {
		var none T
		return none, fmt.Errorf("%s: %w", what, err)
	}
	return v, nil
}

func query[T any](ctx context.Context, q querier, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// After implements driver.Driver.
func (d *Driver) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func(ctx context.Context) ([]chat.Message, error) {
		return query(ctx, d.pool, scanMessage, selectAfter, room, seq, max(limit, 0))
	})
}

// Before implements driver.Driver.
func (d *Driver) Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func(ctx context.Context) ([]chat.Message, error) {
		found, err := query(ctx, d.pool, scanMessage, selectBefore, room, seq, max(limit, 0))
		slices.Reverse(found)
		return found, err
	})
}

// selectSeqAt searches the numbers by halves, in one snapshot: StoredAt rises with Seq, so no index is needed. Messages up
// to low are not later than the time, those after high are. Only the oldest messages are ever removed.
const selectSeqAt = `
WITH RECURSIVE bounds AS (
	SELECT coalesce((SELECT seq FROM restante.messages WHERE room = $1 ORDER BY seq LIMIT 1), r.last_seq + 1) AS oldest,
		r.last_seq AS newest
	FROM restante.rooms r WHERE r.name = $1
), search (low, high) AS (
	SELECT oldest - 1, newest FROM bounds
	UNION ALL
	SELECT CASE WHEN m.stored_at <= $2 THEN m.seq ELSE s.low END, CASE WHEN m.stored_at <= $2 THEN s.high ELSE m.seq - 1 END
	FROM search s JOIN restante.messages m ON m.room = $1 AND m.seq = s.high - (s.high - s.low) / 2
	WHERE s.low < s.high
)
SELECT low FROM search, bounds WHERE low = high AND low >= oldest`

// SeqAt implements driver.Driver.
func (d *Driver) SeqAt(ctx context.Context, room string, t time.Time) (int64, error) {
	return reading(ctx, d, "find time", func(ctx context.Context) (int64, error) {
		var seq int64
		err := d.pool.QueryRow(ctx, selectSeqAt, room, chat.Micros(t)).Scan(&seq)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, nil
		}
		return seq, err
	})
}

const selectRooms = `SELECT r.name, r.last_seq, r.last_stored_at,
	coalesce((SELECT m.seq FROM restante.messages m WHERE m.room = r.name ORDER BY m.seq LIMIT 1), 0)
	FROM restante.rooms r WHERE `

func scanRoom(row pgx.CollectableRow) (chat.Room, error) {
	var r chat.Room
	err := row.Scan(&r.Name, &r.LastSeq, &r.LastStoredAt, &r.OldestSeq)
	r.LastStoredAt, r.Epoch = r.LastStoredAt.UTC(), onlyEpoch
	return r, err
}

// Room implements driver.Driver.
func (d *Driver) Room(ctx context.Context, name string) (chat.Room, error) {
	return reading(ctx, d, "read room", func(ctx context.Context) (chat.Room, error) {
		found, err := query(ctx, d.pool, scanRoom, selectRooms+"r.name = $1", name)
		if err != nil || len(found) == 0 {
			return chat.Room{Name: name, Epoch: onlyEpoch}, err
		}
		return found[0], nil
	})
}

// Rooms implements driver.Driver.
func (d *Driver) Rooms(ctx context.Context, after string, limit int) ([]chat.Room, error) {
	return reading(ctx, d, "list rooms", func(ctx context.Context) ([]chat.Room, error) {
		return query(ctx, d.pool, scanRoom, selectRooms+"r.name > $1 ORDER BY r.name LIMIT $2", after, max(limit, 0))
	})
}

// LastSeqs implements driver.Driver.
func (d *Driver) LastSeqs(ctx context.Context, rooms []string) ([]int64, error) {
	return reading(ctx, d, "read last numbers", func(ctx context.Context) ([]int64, error) {
		if err := driver.CheckNames(rooms); err != nil {
			return nil, err
		}
		var seqs []int64 // one row is cheaper to read than one row for each room
		err := d.pool.QueryRow(ctx, `SELECT array_agg(coalesce(r.last_seq, 0) ORDER BY n.ordinal)
			FROM unnest($1::text[]) WITH ORDINALITY AS n (name, ordinal) LEFT JOIN restante.rooms r ON r.name = n.name`,
			rooms).Scan(&seqs)
		return seqs, err
	})
}
