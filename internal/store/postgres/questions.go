package postgres

import (
	"context"
	"errors"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/store/driver"
)

// questions asks the database over the connection of a look, which it uses for one question at a time.
type questions struct {
	d    *Driver
	mark string // that was seen
	mu   sync.Mutex
	conn *pgx.Conn // nil: the look has ended
}

func (q *questions) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.conn = nil
}

// ask calls f with the connection.
func (q *questions) ask(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.conn == nil {
		return errors.New("the database is no longer looked at")
	}
	return q.d.within(ctx, openTimeout, func(ctx context.Context) error { return f(ctx, q.conn) })
}

// had implements driver.Look.Had.
func (q *questions) had(ctx context.Context, mark string) (had bool, err error) {
	err = q.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		var present string
		err := conn.QueryRow(ctx, "SELECT s.mark, $1 = '' OR EXISTS (SELECT FROM restante.marks m WHERE m.mark = $1) FROM restante.store s", mark).
			Scan(&present, &had)
		if err == nil && present != q.mark {
			return errChanged // the mark was renewed
		}
		return err
	})
	return had, err
}

// selectMissing looks up each message by its number. A number that is not there, below the room's oldest one, counts as found.
const selectMissing = `SELECT s.ordinal FROM unnest($1::text[], $2::bigint[], $3::uuid[]) WITH ORDINALITY AS s (room, seq, id, ordinal)
	LEFT JOIN restante.rooms r ON r.name = s.room
	LEFT JOIN restante.messages m ON m.room = s.room AND m.seq = s.seq
	WHERE m.id <> s.id OR m.id IS NULL AND (r.last_seq IS NULL OR s.seq > r.last_seq
		OR s.seq > (SELECT o.seq FROM restante.messages o WHERE o.room = s.room ORDER BY o.seq LIMIT 1))
	ORDER BY s.ordinal`

// missing implements driver.Look.Missing. A message without a valid id was announced by another program, and is none of the
// database's.
func (q *questions) missing(ctx context.Context, seen []driver.Seen) (gone []driver.Seen, err error) {
	var rooms []string
	var seqs []int64
	var ids []pgtype.UUID
	var valid []driver.Seen
	for _, s := range seen {
		if id, err := parseID(s.ID); err == nil {
			valid = append(valid, s)
			rooms, seqs, ids = append(rooms, s.Room), append(seqs, s.Seq), append(ids, id)
		}
	}
	err = q.ask(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		found, err := query(ctx, conn, pgx.RowTo[int64], selectMissing, rooms, seqs, ids)
		for _, ordinal := range found {
			gone = append(gone, valid[ordinal-1])
		}
		return err
	})
	return gone, err
}
