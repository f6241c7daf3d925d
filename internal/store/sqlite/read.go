package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"restante/internal/chat"
)

// reads are the statements of the readers' pool.
type reads struct {
	after, before, storedAt, room, rooms *sql.Stmt
}

const (
	selectMessages = `SELECT seq, id, client_id, msg, sent_at, stored_at FROM messages
		WHERE room = (SELECT id FROM rooms WHERE name = ?) AND `
	selectAfter = "seq > ? ORDER BY seq LIMIT ?"
	selectRooms = `SELECT name, last_seq, last_stored_at,
		coalesce((SELECT seq FROM messages WHERE room = rooms.id ORDER BY seq LIMIT 1), 0) FROM rooms WHERE `
)

func prepareReads(ctx context.Context, db *sql.DB) (reads, error) {
	var r reads
	var err error
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&r.after, selectMessages + selectAfter},
		{&r.before, selectMessages + "seq < ? ORDER BY seq DESC LIMIT ?"},
		{&r.storedAt, "SELECT stored_at FROM messages WHERE room = (SELECT id FROM rooms WHERE name = ?) AND seq = ?"},
		{&r.room, selectRooms + "name = ?"},
		{&r.rooms, selectRooms + "name > ? ORDER BY name LIMIT ?"},
	} {
		if *p.stmt, err = db.PrepareContext(ctx, p.query); err != nil {
			return r, fmt.Errorf("prepare %q: %w", p.query, err)
		}
	}
	return r, nil
}

// reading runs a read and classifies its error, which is that of ctx if the read was interrupted.
func reading[T any](ctx context.Context, d *Driver, what string, read func() (T, error)) (T, error) {
	var none T
	if err := d.begin(ctx); err != nil {
		return none, err
	}
	defer d.calls.Done()
	v, err := read()
	if err == nil {
		return v, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return none, fmt.Errorf("%s: %w", what, d.file.classify(err))
}

// After implements driver.Driver.
func (d *Driver) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func() ([]chat.Message, error) {
		return page(ctx, d.reads.after, room, seq, limit)
	})
}

// Before implements driver.Driver.
func (d *Driver) Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func() ([]chat.Message, error) {
		found, err := page(ctx, d.reads.before, room, seq, limit)
		slices.Reverse(found)
		return found, err
	})
}

func page(ctx context.Context, stmt *sql.Stmt, room string, seq int64, limit int) (found []chat.Message, err error) {
	rows, err := stmt.QueryContext(ctx, room, seq, max(limit, 0)) // to SQLite a negative limit is none
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()

	var id sql.RawBytes
	var sent, stored int64
	for rows.Next() {
		m := chat.Message{Room: room}
		if err := rows.Scan(&m.Seq, &id, &m.ClientID, &m.Msg, &sent, &stored); err != nil {
			return nil, err
		}
		if m.ID, err = encodeID(id); err != nil {
			return nil, err
		}
		m.SentAt, m.StoredAt = micros(sent), micros(stored)
		found = append(found, m)
	}
	return found, rows.Err()
}

// SeqAt implements driver.Driver. It searches the numbers by halves: StoredAt rises with Seq, so no index is needed.
func (d *Driver) SeqAt(ctx context.Context, room string, t time.Time) (int64, error) {
	return reading(ctx, d, "find time", func() (int64, error) {
		r, err := d.find(ctx, room)
		if err != nil || r.OldestSeq == 0 {
			return 0, err
		}
		at := t.UnixMicro()
		low, high := r.OldestSeq-1, r.LastSeq // low is not later than t, what follows high is
		for low < high {
			mid := high - (high-low)/2
			var storedAt int64
			err := d.reads.storedAt.QueryRowContext(ctx, room, mid).Scan(&storedAt)
			if err != nil && !errors.Is(err, sql.ErrNoRows) { // only the oldest are ever removed
				return 0, err
			}
			if storedAt <= at {
				low = mid
			} else {
				high = mid - 1
			}
		}
		if low < r.OldestSeq {
			return 0, nil
		}
		return low, nil
	})
}

// Room implements driver.Driver.
func (d *Driver) Room(ctx context.Context, name string) (chat.Room, error) {
	return reading(ctx, d, "read room", func() (chat.Room, error) { return d.find(ctx, name) })
}

func (d *Driver) find(ctx context.Context, name string) (chat.Room, error) {
	r, err := scanRoom(d.reads.room.QueryRowContext(ctx, name))
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Room{Name: name}, nil
	}
	return r, err
}

// Rooms implements driver.Driver.
func (d *Driver) Rooms(ctx context.Context, after string, limit int) ([]chat.Room, error) {
	return reading(ctx, d, "list rooms", func() (found []chat.Room, err error) {
		rows, err := d.reads.rooms.QueryContext(ctx, after, max(limit, 0))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, rows.Close()) }()
		for rows.Next() {
			r, err := scanRoom(rows)
			if err != nil {
				return nil, err
			}
			found = append(found, r)
		}
		return found, rows.Err()
	})
}

func scanRoom(row interface{ Scan(...any) error }) (chat.Room, error) {
	var r chat.Room
	var storedAt int64
	err := row.Scan(&r.Name, &r.LastSeq, &storedAt, &r.OldestSeq)
	r.LastStoredAt = micros(storedAt)
	return r, err
}
