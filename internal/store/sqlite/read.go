package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// reading runs a read and classifies its error. If ctx interrupted the read, it returns the error of ctx.
func reading[T any](ctx context.Context, d *Driver, what string, read func() (T, error)) (T, error) {
	var none T
	if err := d.begin(ctx); err != nil {
		return none, err
	}
	defer d.calls.End()
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
		found, err := d.names.readPage(ctx, d.reads.after, room, seq, limit)
		return d.inEpoch(found), err
	})
}

// Before implements driver.Driver.
func (d *Driver) Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func() ([]chat.Message, error) {
		found, err := d.names.readPage(ctx, d.reads.before, room, seq, limit)
		slices.Reverse(found)
		return d.inEpoch(found), err
	})
}

// SeqAt implements driver.Driver. It searches the numbers by halves: StoredAt rises with Seq, so no index is needed.
func (d *Driver) SeqAt(ctx context.Context, room string, t time.Time) (int64, error) {
	return reading(ctx, d, "find time", func() (int64, error) {
		r, err := d.find(ctx, room)
		if err != nil || r.OldestSeq == 0 {
			return 0, err
		}
		at := t.UnixMicro()
		low, high := r.OldestSeq-1, r.LastSeq // messages up to low are not later than t, those after high are
		for low < high {
			mid := high - (high-low)/2
			var storedAt int64
			err := d.reads.storedAt.QueryRowContext(ctx, room, mid).Scan(&storedAt)
			if err != nil && !errors.Is(err, sql.ErrNoRows) { // a message that was removed counts as old
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
	r, err := d.scanRoom(d.reads.room.QueryRowContext(ctx, name))
	if errors.Is(err, sql.ErrNoRows) {
		return chat.Room{Name: name, Epoch: d.who.Load().present}, nil
	}
	return r, err
}

// Rooms implements driver.Driver.
func (d *Driver) Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error) {
	return reading(ctx, d, "list rooms", func() ([]chat.Room, error) {
		if before == "" {
			return d.scanRooms(d.reads.rooms.QueryContext(ctx, after, max(limit, 0)))
		}
		return d.scanRooms(d.reads.roomsBetween.QueryContext(ctx, after, before, max(limit, 0)))
	})
}

// RoomsNamed implements driver.Driver.
func (d *Driver) RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error) {
	return reading(ctx, d, "read rooms", func() ([]chat.Room, error) {
		list, err := nameList(names)
		if err != nil {
			return nil, err
		}
		return d.scanRooms(d.reads.roomsNamed.QueryContext(ctx, list))
	})
}

// nameList returns names as one parameter, a JSON array: fetching room by room takes seven times as long.
func nameList(names []string) (string, error) {
	if err := driver.CheckNames(names); err != nil {
		return "", err
	}
	list, err := json.Marshal(append([]string{}, names...)) // no names are [], never null
	return string(list), err
}

const selectLastSeqs = `SELECT coalesce((SELECT last_seq FROM rooms WHERE name = value), 0) FROM json_each(?) ORDER BY key`

// LastSeqs implements driver.Driver.
func (d *Driver) LastSeqs(ctx context.Context, rooms []string) ([]int64, error) {
	return reading(ctx, d, "read last numbers", func() (seqs []int64, err error) {
		names, err := nameList(rooms)
		if err != nil {
			return nil, err
		}
		found, err := d.reads.lastSeqs.QueryContext(ctx, names)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, found.Close()) }()
		seqs = make([]int64, 0, len(rooms))
		for found.Next() {
			var seq int64
			if err := found.Scan(&seq); err != nil {
				return nil, err
			}
			seqs = append(seqs, seq)
		}
		return seqs, found.Err()
	})
}

// scanRooms reads the rooms that a query has found, and closes it.
func (d *Driver) scanRooms(rows *sql.Rows, queryErr error) (found []chat.Room, err error) {
	if queryErr != nil {
		return nil, queryErr
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := d.scanRoom(rows)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rows.Err()
}

func (d *Driver) scanRoom(row interface{ Scan(...any) error }) (chat.Room, error) {
	var r chat.Room
	var storedAt int64
	err := row.Scan(&r.Name, &r.LastSeq, &storedAt, &r.OldestSeq)
	r.LastStoredAt, r.Epoch = micros(storedAt), d.who.Load().present
	return r, err
}
