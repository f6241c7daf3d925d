package sqlite

import (
	"context"
	"fmt"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// Restore implements driver.Driver.
func (d *Driver) Restore(ctx context.Context, log []chat.Message) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.Done()
	if len(log) == 0 {
		return nil
	}
	r, err := newRequest(log)
	if err != nil {
		return err
	}
	r.restore = true
	if err := d.writer.do(ctx, r); err != nil {
		return fmt.Errorf("restore %d messages: %w", len(log), err)
	}
	return nil
}

// restore inserts the messages of one request under the numbers that they have.
func (w *writer) restore(ctx context.Context, r *request) error {
	room := r.batch[0].Room
	c, err := w.counter(ctx, room)
	if err != nil {
		return fmt.Errorf("find room: %w", err)
	}
	fresh, err := driver.NotRestored(chat.Room{Name: room, LastSeq: c.seq, LastStoredAt: micros(c.storedAt)}, r.batch,
		func(seq int64, limit int) ([]chat.Message, error) { return page(ctx, w.tx.after, room, seq, limit) })
	if err != nil {
		return err
	}
	ids := r.ids[len(r.ids)-len(fresh):]
	for i, m := range fresh {
		res, err := w.tx.insert.ExecContext(ctx, c.room, m.Seq, ids[i][:], m.ClientID, m.Msg, m.SentAt.UnixMicro(), m.StoredAt.UnixMicro())
		if err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil {
			return fmt.Errorf("insert: %w", err)
		} else if n == 0 {
			return driver.DoubleID(m)
		}
		w.advance(c, m.StoredAt.UnixMicro())
	}
	return nil
}
