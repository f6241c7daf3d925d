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

// selectColumns is the beginning of a query of messages, with the columns in the order in which readMessages reads them. The join is
// a left one, so that a message whose text is missing is an error and not a gap.
const selectColumns = `SELECT seq, id, sender, msg, sent_at, stored_at FROM messages
	LEFT JOIN texts ON number = text WHERE `

// readMessages returns the messages of a room that a query of selectColumns finds, and no more of them than fit into so many bytes of
// text, but at least one.
func (n *senderNames) readMessages(ctx context.Context, stmt *sql.Stmt, room string, bytes int, args ...any) ([]chat.Message, error) {
	found, _, err := n.readFirst(ctx, stmt, room, bytes, args...)
	return found, err
}

// readFirst is readMessages. It also reports whether the query finds a message that does not fit.
func (n *senderNames) readFirst(ctx context.Context, stmt *sql.Stmt, room string, bytes int, args ...any) (found []chat.Message, more bool, err error) {
	var senders []int64
	if found, senders, more, err = readRows(ctx, stmt, room, bytes, args...); err != nil {
		return nil, false, err
	}
	return found, more, n.put(ctx, found, senders)
}

// readRows is readFirst without the names of senders, in whose place it returns their numbers.
func readRows(ctx context.Context, stmt *sql.Stmt, room string, bytes int, args ...any) (found []chat.Message, senders []int64, more bool, err error) {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, nil, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()

	var id sql.RawBytes
	var sender, sent, stored int64
	for rows.Next() {
		m := chat.Message{Room: room}
		if err := rows.Scan(&m.Seq, &id, &sender, &m.Msg, &sent, &stored); err != nil {
			return nil, nil, false, err
		}
		if m.ID, err = encodeID(id); err != nil {
			return nil, nil, false, err
		}
		m.SentAt, m.StoredAt = micros(sent), micros(stored)
		if bytes -= len(m.Msg); bytes < 0 && len(found) > 0 {
			return found, senders, true, nil
		}
		found, senders = append(found, m), append(senders, sender)
	}
	return found, senders, false, rows.Err()
}

// readPage returns up to limit messages of a room that fit into a page, from seq on in the direction of stmt.
func (n *senderNames) readPage(ctx context.Context, stmt *sql.Stmt, room string, seq int64, limit int) ([]chat.Message, error) {
	return n.readMessages(ctx, stmt, room, chat.MaxPageBytes, room, seq, max(limit, 0)) // to SQLite a negative limit means no limit
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
		return "", damagedID(id)
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

func damagedID(id []byte) error {
	return errs.Wrap(errs.Internal, fmt.Errorf("message id of %d bytes", len(id)), "the database file is damaged")
}
