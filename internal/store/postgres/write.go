package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
)

// store makes one write that stores messages. prepare gets their ids and returns the write.
func (d *Driver) store(
	ctx context.Context, what string, messages []chat.Message, prepare func([]pgtype.UUID) func(context.Context) error,
) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	if len(messages) == 0 {
		return nil
	}
	ids := make([]pgtype.UUID, len(messages))
	for i := range messages {
		var err error
		if ids[i], err = parseID(messages[i].ID); err != nil {
			return err
		}
	}
	if err := d.write(ctx, prepare(ids)); err != nil {
		return fmt.Errorf("%s %d messages: %w", what, len(messages), err)
	}
	return nil
}

// write makes one write within Config.AttemptTimeout, and remembers its outcome for Check.
func (d *Driver) write(ctx context.Context, f func(context.Context) error) error {
	err := d.attempt(ctx, f)
	d.written(ctx, err)
	return err
}

// transact runs f in a transaction whose commit is on the server's stable storage before it is answered, and which waits
// for a lock for 3 seconds at most.
func (d *Driver) transact(ctx context.Context, f func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '3s', true),
			CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`)
		if err != nil {
			return err
		}
		return f(tx)
	})
}

// written remembers the outcome of a write, unless that says nothing about the database.
func (d *Driver) written(ctx context.Context, err error) {
	switch code := errs.CodeOf(err); {
	case code == errs.Invalid, code == errs.Conflict, err != nil && errors.Is(ctx.Err(), context.Canceled):
		return
	case errors.Is(err, context.DeadlineExceeded):
		err = errs.Wrap(errs.Unavailable, err, "the database does not answer")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrote, d.outcome = time.Now(), err
}

// Check implements driver.Driver: when the last write is older than Config.CheckInterval it writes.
func (d *Driver) Check(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	d.mu.Lock()
	wrote, err := d.wrote, d.outcome
	d.mu.Unlock()
	if wrote.IsZero() || time.Since(wrote) >= d.cfg.CheckInterval {
		err = d.write(ctx, func(ctx context.Context) error {
			_, err := d.pool.Exec(ctx, "UPDATE restante.probe SET at = now()")
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}
