package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

// columns are the columns of a message, in the order in which insert writes and readMessages reads them. The number of the
// room stands beside them.
const columns = "seq, id, client_id, msg, sent_at, stored_at"

const insertMessage = "INSERT INTO messages (room, " + columns + ") VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, room) DO NOTHING"

// insert adds a message to the room of c, and returns false if the room has its id already.
func (w *writer) insert(ctx context.Context, c *counter, m *chat.Message, id *[16]byte) (bool, error) {
	storedAt := m.StoredAt.UnixMicro()
	res, err := w.tx.insert.ExecContext(ctx, c.room, m.Seq, id[:], m.ClientID, m.Msg, m.SentAt.UnixMicro(), storedAt)
	if err != nil {
		return false, fmt.Errorf("insert: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return false, fmt.Errorf("insert: %w", err)
	} else if n == 0 {
		return false, nil
	}
	w.advance(c, storedAt)
	return true, nil
}

// readMessages returns the messages of a room that a query of columns finds, and no more of them than fit into so many bytes of
// text, but at least one.
func readMessages(ctx context.Context, stmt *sql.Stmt, room string, bytes int, args ...any) ([]chat.Message, error) {
	found, _, err := readFirst(ctx, stmt, room, bytes, args...)
	return found, err
}

// readFirst is readMessages. It also reports whether the query finds a message that does not fit.
func readFirst(ctx context.Context, stmt *sql.Stmt, room string, bytes int, args ...any) (found []chat.Message, more bool, err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()

	var id sql.RawBytes
	var sent, stored int64
	for rows.Next() {
		m := chat.Message{Room: room}
		if err := rows.Scan(&m.Seq, &id, &m.ClientID, &m.Msg, &sent, &stored); err != nil {
			return nil, false, err
		}
		if m.ID, err = encodeID(id); err != nil {
			return nil, false, err
		}
		m.SentAt, m.StoredAt = micros(sent), micros(stored)
		if bytes -= len(m.Msg); bytes < 0 && len(found) > 0 {
			return found, true, nil
		}
		found = append(found, m)
	}
	return found, false, rows.Err()
}

// readPage returns up to limit messages of a room that fit into a page, from seq on in the direction of stmt.
func readPage(ctx context.Context, stmt *sql.Stmt, room string, seq int64, limit int) ([]chat.Message, error) {
	return readMessages(ctx, stmt, room, chat.MaxPageBytes, room, seq, max(limit, 0)) // to SQLite a negative limit means no limit
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
