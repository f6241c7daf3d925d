package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// maxCounters bounds the rooms whose counters the writer remembers.
const maxCounters = 10_000

// counter is the state of a room's log.
type counter struct {
	room     int64
	seq      int64
	storedAt int64 // microseconds
	changed  bool  // since the last commit
}

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, batch []chat.Message) (driver.Appended, error) {
	r := newRequest((*writer).append)
	r.appends = true
	err := d.store(ctx, "append", batch, r)
	if err != nil {
		return driver.Appended{}, err
	}
	return driver.Appended{Messages: d.inEpoch(r.stored), Fresh: r.fresh, Conflicts: r.conflicts}, nil
}

// Restore implements driver.Driver.
func (d *Driver) Restore(ctx context.Context, log []chat.Message) error {
	return d.store(ctx, "restore", log, newRequest((*writer).restore))
}

// store sends messages to the writer with a request, and returns when that is committed.
func (d *Driver) store(ctx context.Context, what string, messages []chat.Message, r *request) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	if len(messages) == 0 {
		return nil
	}
	if err := r.take(messages); err != nil {
		return err
	}
	if err := d.writer.do(ctx, r); err != nil {
		return fmt.Errorf("%s %d messages: %w", what, len(messages), err)
	}
	return nil
}

// append numbers and inserts the messages of one request.
func (w *writer) append(ctx context.Context, r *request, now int64) error {
	r.stored, r.fresh, r.conflicts = slices.Clone(r.batch), 0, nil
	for i := range r.stored {
		m := &r.stored[i]
		c, err := w.counter(ctx, m.Room)
		if err != nil {
			return fmt.Errorf("find room: %w", err)
		}
		sender, err := w.sender(ctx, m.ClientID)
		if err != nil {
			return err
		}
		u, err := w.used(ctx, c.room, sender, &r.ids[i])
		if err != nil {
			return err
		}
		if u.seq == 0 {
			m.Origin, m.IDTaken = chat.Origin{}, u.taken
			m.Seq, m.SentAt, m.StoredAt = c.seq+1, chat.Micros(m.SentAt), micros(max(now, c.storedAt+1))
			r.fresh++
			if err := w.insert(ctx, c, m, &r.ids[i], sender); err != nil {
				return err
			}
			continue
		}
		if err := w.fetch(ctx, m, c.room, u.seq); err != nil {
			return fmt.Errorf("find repeated message: %w", err)
		}
		if m.IDTaken = u.taken; m.Msg != r.batch[i].Msg {
			r.conflicts = append(r.conflicts, i)
		}
	}
	return nil
}

// fetch replaces m, a repeat or a conflict, by the message that was stored first.
func (w *writer) fetch(ctx context.Context, m *chat.Message, room, seq int64) error {
	found, err := w.names.readMessages(ctx, w.tx.repeat, m.Room, math.MaxInt, room, seq)
	if err == nil && len(found) == 0 {
		err = sql.ErrNoRows
	}
	if err != nil {
		return err
	}
	*m = found[0]
	return nil
}

// restore inserts the messages of one request under the numbers that they have.
func (w *writer) restore(ctx context.Context, r *request, _ int64) error {
	room := r.batch[0].Room
	c, err := w.counter(ctx, room)
	if err != nil {
		return fmt.Errorf("find room: %w", err)
	}
	if err := w.flush(ctx); err != nil { // another request of this commit may be of the same room
		return err
	}
	fresh, err := driver.NotRestored(chat.Room{Name: room, LastSeq: c.seq, LastStoredAt: micros(c.storedAt)}, r.batch,
		func(seq int64, limit int) ([]chat.Message, error) {
			return w.names.readMessages(ctx, w.tx.after, room, math.MaxInt, room, seq, limit)
		})
	if err != nil {
		return err
	}
	ids := r.ids[len(r.ids)-len(fresh):]
	for i := range fresh {
		sender, err := w.sender(ctx, fresh[i].ClientID)
		if err != nil {
			return err
		}
		u, err := w.used(ctx, c.room, sender, &ids[i])
		if err != nil {
			return err
		}
		if u.seq > 0 {
			return driver.DoubleID(fresh[i])
		}
		if err := w.insert(ctx, c, &fresh[i], &ids[i], sender); err != nil {
			return err
		}
	}
	return nil
}

// RestoreRoom implements driver.Driver.
func (d *Driver) RestoreRoom(ctx context.Context, r chat.Room) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	restore := newRequest(func(w *writer, ctx context.Context, _ *request, _ int64) error { return w.restoreRoom(ctx, r) })
	if err := d.writer.do(ctx, restore); err != nil {
		return fmt.Errorf("restore a room without messages: %w", err)
	}
	return nil
}

func (w *writer) restoreRoom(ctx context.Context, r chat.Room) error {
	c, err := w.counter(ctx, r.Name)
	switch {
	case err != nil:
		return fmt.Errorf("find room: %w", err)
	case c.seq >= r.LastSeq:
		return nil
	case c.seq > 0:
		return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("room %q ends with number %d, before %d", r.Name, c.seq, r.LastSeq)}
	}
	c.seq = r.LastSeq - 1
	w.advance(c, r.LastStoredAt.UnixMicro())
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

// counter returns the counter of a room, and creates the room if it does not exist.
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
