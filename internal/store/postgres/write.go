package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
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
	if err := d.attempt(ctx, prepare(ids)); err != nil {
		return fmt.Errorf("%s %d messages: %w", what, len(messages), err)
	}
	return nil
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
