package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
)

// store makes one write that stores messages. prepare gets the term and their ids, and returns the write.
func (d *Driver) store(
	ctx context.Context, what string, messages []chat.Message, prepare func(*term, []pgtype.UUID) func(context.Context) error,
) error {
	t, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer d.end(t)
	if len(messages) == 0 {
		return nil
	}
	t.keeping.Do(func() { d.sealing.Go(func() { d.keepFilters(t) }) })
	ids := make([]pgtype.UUID, len(messages))
	for i := range messages {
		if ids[i], err = parseID(messages[i].ID); err != nil {
			return err
		}
	}
	if err := d.attempt(ctx, t, prepare(t, ids)); err != nil {
		return fmt.Errorf("%s %d messages: %w", what, len(messages), err)
	}
	return nil
}

// write makes one small write of a term, in a transaction.
func (d *Driver) write(ctx context.Context, what string, f func(ctx context.Context, t *term, tx pgx.Tx) error) error {
	t, err := d.begin(ctx)
	if err != nil {
		return err
	}
	defer d.end(t)
	err = d.attempt(ctx, t, func(ctx context.Context) error {
		return d.transact(ctx, func(tx pgx.Tx) error { return f(ctx, t, tx) })
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// transact runs f in a transaction whose commit is on the server's stable storage before it is answered, and which waits
// for a lock for 3 seconds at most.
func (d *Driver) transact(ctx context.Context, f func(tx pgx.Tx) error) error {
	return transact(ctx, d.pool, f)
}

// beginner is a pool or a connection.
type beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

func transact(ctx context.Context, on beginner, f func(tx pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, on, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT set_config('lock_timeout', '3s', true),
			CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END`)
		if err != nil {
			return err
		}
		return f(tx)
	})
}
