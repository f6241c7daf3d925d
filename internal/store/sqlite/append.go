package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// maxCounters bounds the rooms whose counters the writer remembers.
const maxCounters = 10_000

// counter is where a room's log stands.
type counter struct {
	room     int64
	seq      int64
	storedAt int64 // microseconds
	changed  bool  // since the last commit
}

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, batch []chat.Message) (driver.Appended, error) {
	if err := d.begin(ctx); err != nil {
		return driver.Appended{}, err
	}
	defer d.calls.Done()
	if len(batch) == 0 {
		return driver.Appended{}, nil
	}
	r, err := newRequest(batch)
	if err != nil {
		return driver.Appended{}, err
	}
	if err := d.writer.do(ctx, r); err != nil {
		return driver.Appended{}, fmt.Errorf("append %d messages: %w", len(batch), err)
	}
	return driver.Appended{Messages: r.stored, Fresh: r.fresh}, nil
}

// Check implements driver.Driver: when the last commit is older than Config.CheckInterval it commits a write of its own.
func (d *Driver) Check(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.Done()
	at, err := d.writer.outcome()
	if at.IsZero() || time.Since(at) >= d.cfg.CheckInterval {
		err = d.writer.do(ctx, newProbe())
	}
	if err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// statements are those of the writing connection.
type statements struct {
	conn                                               *sql.Conn
	begin, commit                                      *sql.Stmt
	findRoom, addRoom, moveRoom, insert, repeat, probe *sql.Stmt
	after                                              *sql.Stmt

	prepared []*sql.Stmt // all of them
}

func prepare(ctx context.Context, conn *sql.Conn) (*statements, error) {
	s := &statements{conn: conn}
	for _, p := range []struct {
		stmt  **sql.Stmt
		query string
	}{
		{&s.begin, "BEGIN IMMEDIATE"},
		{&s.commit, "COMMIT"},
		{&s.findRoom, "SELECT id, last_seq, last_stored_at FROM rooms WHERE name = ?"},
		{&s.addRoom, "INSERT INTO rooms (name, last_seq, last_stored_at) VALUES (?, 0, 0)"},
		{&s.moveRoom, "UPDATE rooms SET last_seq = ?, last_stored_at = ? WHERE id = ?"},
		{&s.insert, `INSERT INTO messages (room, seq, id, client_id, msg, sent_at, stored_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, room) DO NOTHING`},
		{&s.repeat, "SELECT seq, client_id, msg, sent_at, stored_at FROM messages WHERE room = ? AND id = ?"},
		{&s.probe, "UPDATE probe SET at = ?"},
		{&s.after, selectMessages + selectAfter},
	} {
		stmt, err := conn.PrepareContext(ctx, p.query)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare %q: %w", p.query, err), s.close())
		}
		*p.stmt = stmt
		s.prepared = append(s.prepared, stmt)
	}
	return s, nil
}

// close closes the connection. Statements of a single connection are not closed with it, and would keep the file open.
func (s *statements) close() error {
	var err error
	for _, stmt := range s.prepared {
		err = errors.Join(err, stmt.Close())
	}
	return errors.Join(err, s.conn.Close())
}

// write is one transaction. A request without messages is a probe.
func (w *writer) write(ctx context.Context, group []*request) error {
	if _, err := w.tx.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	now := w.cfg.Now().UnixMicro()
	for _, r := range group {
		if err := w.put(ctx, r, now); err != nil {
			return err
		}
	}
	for _, c := range w.changed {
		if _, err := w.tx.moveRoom.ExecContext(ctx, c.seq, c.storedAt, c.room); err != nil {
			return fmt.Errorf("advance room: %w", err)
		}
		c.changed = false
	}
	if _, err := w.tx.commit.ExecContext(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.changed = w.changed[:0]
	if len(w.rooms) > maxCounters {
		clear(w.rooms)
	}
	return nil
}

// put numbers and inserts the messages of one request.
func (w *writer) put(ctx context.Context, r *request, now int64) error {
	if r.restore {
		return w.restore(ctx, r)
	}
	r.stored, r.fresh = slices.Clone(r.batch), 0
	if len(r.batch) == 0 {
		if _, err := w.tx.probe.ExecContext(ctx, now); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
	for i := range r.stored {
		m := &r.stored[i]
		c, err := w.counter(ctx, m.Room)
		if err != nil {
			return fmt.Errorf("find room: %w", err)
		}
		storedAt := max(now, c.storedAt+1)
		res, err := w.tx.insert.ExecContext(ctx, c.room, c.seq+1, r.ids[i][:], m.ClientID, m.Msg, m.SentAt.UnixMicro(), storedAt)
		if err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("insert: %w", err)
		} else if n == 0 {
			if err := w.fetch(ctx, m, c.room, r.ids[i]); err != nil {
				return fmt.Errorf("find repeated message: %w", err)
			}
			continue
		}
		w.advance(c, storedAt)
		m.Seq, m.SentAt, m.StoredAt = c.seq, chat.Micros(m.SentAt), micros(storedAt)
		r.fresh++
	}
	return nil
}

// advance moves a counter to its room's new message.
func (w *writer) advance(c *counter, storedAt int64) {
	c.seq, c.storedAt = c.seq+1, storedAt
	if !c.changed {
		c.changed = true
		w.changed = append(w.changed, c)
	}
}

// counter returns the counter of a room, which it creates if need be.
func (w *writer) counter(ctx context.Context, room string) (*counter, error) {
	if c := w.rooms[room]; c != nil {
		return c, nil
	}
	c := &counter{}
	err := w.tx.findRoom.QueryRowContext(ctx, room).Scan(&c.room, &c.seq, &c.storedAt)
	if errors.Is(err, sql.ErrNoRows) {
		var res sql.Result
		if res, err = w.tx.addRoom.ExecContext(ctx, room); err == nil {
			c.room, err = res.LastInsertId()
		}
	}
	if err != nil {
		return nil, err
	}
	w.rooms[strings.Clone(room)] = c
	return c, nil
}

// fetch replaces m, a repeat, by the message that was there first.
func (w *writer) fetch(ctx context.Context, m *chat.Message, room int64, id [16]byte) error {
	var sent, stored int64
	err := w.tx.repeat.QueryRowContext(ctx, room, id[:]).Scan(&m.Seq, &m.ClientID, &m.Msg, &sent, &stored)
	m.SentAt, m.StoredAt = micros(sent), micros(stored)
	return err
}

func micros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// decodeID reads the canonical form of a UUID.
func decodeID(dst *[16]byte, id string) error {
	if canonical, err := chat.ParseID(id); err != nil || canonical != id {
		return errs.Field("id", "must be a UUID in canonical form")
	}
	var digits [32]byte
	n := 0
	for _, part := range [...]string{id[:8], id[9:13], id[14:18], id[19:23], id[24:]} {
		n += copy(digits[n:], part)
	}
	_, err := hex.Decode(dst[:], digits[:])
	return err
}

// encodeID is the inverse of decodeID.
func encodeID(id []byte) (string, error) {
	if len(id) != 16 {
		return "", errs.Wrap(errs.Internal, fmt.Errorf("message id of %d bytes", len(id)), "the database file is damaged")
	}
	var t [36]byte
	hex.Encode(t[:8], id[:4])
	hex.Encode(t[9:13], id[4:6])
	hex.Encode(t[14:18], id[6:8])
	hex.Encode(t[19:23], id[8:10])
	hex.Encode(t[24:], id[10:])
	t[8], t[13], t[18], t[23] = '-', '-', '-', '-'
	return string(t[:]), nil
}
