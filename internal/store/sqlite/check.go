package sqlite

import (
	"context"
	"fmt"
)

// Check implements driver.Driver.
func (d *Driver) Check(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	if err := d.writer.health.Check(ctx); err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// probe commits what a failed append has needed, and removes it again.
func (d *Driver) probe(ctx context.Context, size int) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	err := d.writer.do(ctx, newProbe(size))
	if err == nil && size > 0 {
		err = d.writer.do(ctx, newProbe(0))
	}
	return err
}

func newProbe(size int) *request {
	r := newRequest((*writer).probe)
	r.probe = true
	r.size = size
	return r
}

// probe inserts a message by the statements of append, and rolls that back to a savepoint. Nothing of that reaches the disk. So
// it also writes a row, of the size of the request.
func (w *writer) probe(ctx context.Context, r *request, now int64) error {
	for _, step := range []func() error{
		func() error { return exec(ctx, w.tx.savepoint) },
		func() error { return w.insertAndForget(ctx, now) },
		func() error { return exec(ctx, w.tx.rollbackTo) },
		func() error { return w.resize(ctx, now, r.size) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
	}
	return nil
}

// resize makes the row of probes so large. What was there is zeros already: writing more zeros over them would need the space twice.
func (w *writer) resize(ctx context.Context, now int64, size int) error {
	if _, err := w.tx.conn.ExecContext(ctx, "PRAGMA secure_delete = 0"); err != nil {
		return err
	}
	if err := exec(ctx, w.tx.probe, now, size); err != nil {
		return err
	}
	_, err := w.tx.conn.ExecContext(ctx, "PRAGMA secure_delete = 1")
	return err
}

// insertAndForget inserts a message of a sender and into a room that no client can have, which are not in w.senders and w.rooms.
func (w *writer) insertAndForget(ctx context.Context, now int64) error {
	res, err := w.tx.addRoom.ExecContext(ctx, "\x01probe")
	if err != nil {
		return err
	}
	room, err := res.LastInsertId()
	if err != nil {
		return err
	}
	res, err = w.tx.addSender.ExecContext(ctx, "\x01probe")
	if err != nil {
		return err
	}
	sender, err := res.LastInsertId()
	if err != nil {
		return err
	}
	one := len(runs) - 1
	if err := exec(ctx, w.tx.insertTexts[one], w.next, ""); err != nil {
		return err
	}
	if err := exec(ctx, w.tx.insertMessages[one], room, 1, w.next, make([]byte, 16), sender, now, now); err != nil {
		return err
	}
	return exec(ctx, w.tx.moveRoom, 1, now, room)
}
