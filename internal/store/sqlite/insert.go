package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"restante/internal/chat"
)

// row is a message that the transaction in progress has numbered and not inserted yet.
type row struct {
	room, seq, text  int64
	id               *[16]byte
	sender           int64
	sentAt, storedAt int64
	msg              string
}

// runs are how many rows one statement inserts, the most first: a statement for many rows costs less for each of them.
var runs = [...]int{32, 8, 1}

// A row that cannot be inserted ends the transaction, whose connection is closed then: SQLite need not be able to take back one
// statement, so it does not write every page a second time for that.
const (
	insertTexts    = "INSERT OR ROLLBACK INTO texts (number, msg) VALUES "
	insertMessages = "INSERT OR ROLLBACK INTO messages (room, seq, text, id, sender, sent_at, stored_at) VALUES "
)

// values returns the statement that inserts so many rows of so many columns.
func values(insert string, rows, columns int) string {
	one := "(?" + strings.Repeat(", ?", columns-1) + ")"
	return insert + one + strings.Repeat(", "+one, rows-1)
}

// insert adds a message to the room of c. The rows are written by flush.
func (w *writer) insert(ctx context.Context, c *counter, m *chat.Message, id *[16]byte, sender int64) error {
	storedAt := m.StoredAt.UnixMicro()
	w.rows = append(w.rows, row{c.room, m.Seq, w.next, id, sender, m.SentAt.UnixMicro(), storedAt, m.Msg})
	w.ids.add(w.next, id)
	w.next++
	w.advance(c, storedAt)
	if len(w.rows) >= runs[0] {
		return w.flush(ctx)
	}
	return nil
}

// flush inserts the rows that are due. It must be called before the tables of messages are read, and before a commit.
func (w *writer) flush(ctx context.Context) error {
	rows := w.rows
	for i, n := range runs {
		for len(rows) >= n {
			w.args = w.args[:0]
			for j := range rows[:n] {
				w.args = append(w.args, rows[j].text, rows[j].msg)
			}
			if err := exec(ctx, w.tx.insertTexts[i], w.args...); err != nil {
				return fmt.Errorf("insert texts: %w", err)
			}
			w.args = w.args[:0]
			for j := range rows[:n] {
				r := &rows[j]
				w.args = append(w.args, r.room, r.seq, r.text, r.id[:], r.sender, r.sentAt, r.storedAt)
			}
			if err := exec(ctx, w.tx.insertMessages[i], w.args...); err != nil {
				return fmt.Errorf("insert messages: %w", err)
			}
			rows = rows[n:]
		}
	}
	w.forget()
	return nil
}

// forget drops the rows that are due, and what they point to.
func (w *writer) forget() {
	clear(w.rows)
	clear(w.args)
	w.rows, w.args = w.rows[:0], w.args[:0]
}

// use says who has used the id of a message in its room before.
type use struct {
	seq   int64 // of the message with this id by this sender; 0 if there is none
	taken bool  // another sender's message has it, with a lower number
}

// used looks for a message by its room, sender and id, in every segment that perhaps has the id.
func (w *writer) used(ctx context.Context, room, sender int64, id *[16]byte) (use, error) {
	w.maybe = w.ids.perhaps(id, w.maybe[:0])
	if len(w.maybe) == 0 {
		return use{}, nil
	}
	if err := w.flush(ctx); err != nil {
		return use{}, err
	}
	var u use
	lowest := int64(0) // number of another sender's message
	for _, segment := range w.maybe {
		err := w.eachUse(ctx, segment, room, id, func(by, seq int64) {
			if by == sender {
				u.seq = seq
			} else if lowest == 0 || seq < lowest {
				lowest = seq
			}
		})
		if err != nil {
			return use{}, fmt.Errorf("find id: %w", err)
		}
	}
	u.taken = lowest > 0 && (u.seq == 0 || lowest < u.seq)
	return u, nil
}

// eachUse calls do for each message of a room that has an id in a segment.
func (w *writer) eachUse(ctx context.Context, segment int, room int64, id *[16]byte, do func(sender, seq int64)) (err error) {
	rows, err := w.tx.findID.QueryContext(ctx, segment, id[:], room)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var sender, seq int64
		if err := rows.Scan(&sender, &seq); err != nil {
			return err
		}
		do(sender, seq)
	}
	return rows.Err()
}
