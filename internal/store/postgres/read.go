package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Messages are read in the order of the primary key until their texts fill a page. The window knows the sizes of texts without
// reading those that the database keeps apart, which are read when they are sent; it has no sum before the first one, which is
// always sent. The text is looked up once for each row (OFFSET and LIMIT keep it so), whatever the statistics say.
const (
	withText   = "SELECT *, (SELECT t.msg FROM restante.texts t WHERE t.number = m.text) AS msg FROM restante.messages m WHERE room = $1 AND "
	ofSender   = " AS m LEFT JOIN restante.senders s ON s.id = m.sender WHERE (SELECT restante.same_epoch($4))"
	selectPage = "SELECT " + columns + `, msg FROM (
		SELECT *, sum(octet_length(msg)) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS so_far FROM (` + withText
	asFits       = " LIMIT $3) AS candidates)" + ofSender + " AND (so_far IS NULL OR so_far + octet_length(msg) <= $5 OR msg IS NULL) ORDER BY seq"
	selectAfter  = selectPage + "seq > $2 ORDER BY seq" + asFits
	selectBefore = selectPage + "seq < $2 ORDER BY seq DESC" + asFits
	selectRange  = "SELECT " + columns + ", msg FROM (" + withText + "seq BETWEEN $2 AND $3 OFFSET 0)" + ofSender + " ORDER BY seq"
	// selectBlock reads a block with the sizes of its texts, and the texts too if together they have no more than $5 bytes.
	selectBlock = "SELECT " + columns + `, CASE WHEN total <= $5 THEN msg ELSE '' END, octet_length(msg) FROM (
		SELECT *, sum(octet_length(msg)) OVER () AS total FROM (` + withText + "seq BETWEEN $2 AND $3 OFFSET 0) AS block)" + ofSender + " ORDER BY seq"
)

// reading runs a read when it is its turn.
func reading[T any](ctx context.Context, d *Driver, what string, read func(context.Context, *term) (T, error)) (T, error) {
	var v T
	t, err := d.begin(ctx)
	if err != nil {
		return v, err
	}
	defer d.end(t)
	if err := d.readers.Acquire(ctx, 1); err != nil {
		return v, err
	}
	defer d.readers.Release(1)
	err = d.attempt(ctx, t, func(ctx context.Context) (err error) {
		v, err = read(ctx, t)
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

// messages reads messages in the epoch of a term. The statement has to name it.
func (t *term) messages(ctx context.Context, q querier, sql string, args ...any) ([]chat.Message, error) {
	found, err := query(ctx, q, func(row pgx.CollectableRow) (chat.Message, error) { return scanMessage(row) }, sql, args...)
	for i := range found {
		found[i].Epoch = t.epoch.ID
	}
	return found, err
}

// After implements driver.Driver.
func (d *Driver) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func(ctx context.Context, t *term) ([]chat.Message, error) {
		return t.messages(ctx, d.pool, selectAfter, room, seq, max(limit, 0), t.epoch.ID, chat.MaxPageBytes)
	})
}

// Before implements driver.Driver.
func (d *Driver) Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return reading(ctx, d, "read messages", func(ctx context.Context, t *term) ([]chat.Message, error) {
		return t.messages(ctx, d.pool, selectBefore, room, seq, max(limit, 0), t.epoch.ID, chat.MaxPageBytes)
	})
}

// Page implements driver.Driver. It reads a block, and of a block that is too large for one page the sizes, and then the page. Between
// the two statements messages may be added after the block's last one, or removed before its first one: neither moves the borders of a
// page that is not at that end.
func (d *Driver) Page(ctx context.Context, room string, seq int64) ([]chat.Message, error) {
	return reading(ctx, d, "read page", func(ctx context.Context, t *term) ([]chat.Message, error) {
		first := max(seq-1, 0)/driver.PageMessages*driver.PageMessages + 1
		var sizes []int
		block, err := query(ctx, d.pool, func(row pgx.CollectableRow) (chat.Message, error) {
			var size int
			m, err := scanMessage(row, &size)
			m.Epoch, sizes = t.epoch.ID, append(sizes, size)
			return m, err
		}, selectBlock, room, first, first+driver.PageMessages-1, t.epoch.ID, driver.PageBytes)
		if err != nil || len(block) == 0 {
			return nil, err
		}
		at, total := 0, 0
		for i, m := range block {
			total += sizes[i]
			if m.Seq <= seq {
				at = i
			}
		}
		if total <= driver.PageBytes {
			return block, nil
		}
		from, to := driver.PageOf(sizes, at)
		return t.messages(ctx, d.pool, selectRange, room, block[from].Seq, block[to-1].Seq, t.epoch.ID)
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
SELECT low FROM search, bounds WHERE (SELECT restante.same_epoch($3)) AND low = high AND low >= oldest`

// SeqAt implements driver.Driver.
func (d *Driver) SeqAt(ctx context.Context, room string, at time.Time) (int64, error) {
	return reading(ctx, d, "find time", func(ctx context.Context, t *term) (int64, error) {
		var seq int64
		err := d.pool.QueryRow(ctx, selectSeqAt, room, chat.Micros(at), t.epoch.ID).Scan(&seq)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, nil
		}
		return seq, err
	})
}

const selectRooms = `SELECT r.name, r.last_seq, r.last_stored_at,
	coalesce((SELECT m.seq FROM restante.messages m WHERE m.room = r.name ORDER BY m.seq LIMIT 1), 0)
	FROM restante.rooms r WHERE (SELECT restante.same_epoch($1)) AND `

// The conditions of rooms. Two statements are needed because a range whose end may be missing is none that an index knows.
const (
	fromName     = "r.name > $2 ORDER BY r.name LIMIT $3"
	betweenNames = "r.name > $2 AND r.name < $4 ORDER BY r.name LIMIT $3"
	ofNames      = "r.name = ANY ($2::text[]) ORDER BY r.name"
)

// rooms reads rooms in the epoch of a term, which is the argument before the given ones.
func (t *term) rooms(ctx context.Context, q querier, sql string, args ...any) ([]chat.Room, error) {
	return query(ctx, q, func(row pgx.CollectableRow) (chat.Room, error) {
		r := chat.Room{Epoch: t.epoch}
		err := row.Scan(&r.Name, &r.LastSeq, &r.LastStoredAt, &r.OldestSeq)
		r.LastStoredAt = r.LastStoredAt.UTC()
		return r, err
	}, selectRooms+sql, append([]any{t.epoch.ID}, args...)...)
}

// Room implements driver.Driver.
func (d *Driver) Room(ctx context.Context, name string) (chat.Room, error) {
	return reading(ctx, d, "read room", func(ctx context.Context, t *term) (chat.Room, error) {
		found, err := t.rooms(ctx, d.pool, "r.name = $2", name)
		if err != nil || len(found) == 0 {
			return chat.Room{Name: name, Epoch: t.epoch}, err
		}
		return found[0], nil
	})
}

// Rooms implements driver.Driver.
func (d *Driver) Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error) {
	return reading(ctx, d, "list rooms", func(ctx context.Context, t *term) ([]chat.Room, error) {
		if before == "" {
			return t.rooms(ctx, d.pool, fromName, after, max(limit, 0))
		}
		return t.rooms(ctx, d.pool, betweenNames, after, max(limit, 0), before)
	})
}

// RoomsNamed implements driver.Driver.
func (d *Driver) RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error) {
	return reading(ctx, d, "read rooms", func(ctx context.Context, t *term) ([]chat.Room, error) {
		if err := driver.CheckNames(names); err != nil {
			return nil, err
		}
		return t.rooms(ctx, d.pool, ofNames, names)
	})
}

// LastSeqs implements driver.Driver.
func (d *Driver) LastSeqs(ctx context.Context, rooms []string) ([]int64, error) {
	return reading(ctx, d, "read last numbers", func(ctx context.Context, t *term) ([]int64, error) {
		if err := driver.CheckNames(rooms); err != nil {
			return nil, err
		}
		var seqs []int64 // one row is cheaper to read than one row for each room
		err := d.pool.QueryRow(ctx, `SELECT array_agg(coalesce(r.last_seq, 0) ORDER BY n.ordinal)
			FROM unnest($1::text[]) WITH ORDINALITY AS n (name, ordinal) LEFT JOIN restante.rooms r ON r.name = n.name
			WHERE (SELECT restante.same_epoch($2))`, rooms, t.epoch.ID).Scan(&seqs)
		return seqs, err
	})
}
