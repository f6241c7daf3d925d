package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// SetMark replaces the mark old of the store by another one, in the present epoch. It changes nothing if the store has another
// mark than old, because another node has been faster; that is no error.
func (d *Driver) SetMark(ctx context.Context, old, mark string) error {
	return d.write(ctx, "write the mark", func(ctx context.Context, t *term, tx pgx.Tx) error {
		done, err := tx.Exec(ctx, "UPDATE restante.store SET mark = $1 WHERE id = $2 AND epoch = $3 AND mark = $4",
			mark, t.epoch.Store, t.epoch.ID, old)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			_, err = tx.Exec(ctx, "SELECT restante.same_epoch($1)", t.epoch.ID) // raises why, if the epoch has ended
			return err
		}
		if err := keepMark(ctx, tx, mark); err != nil {
			return err
		}
		d.marked(t, mark)
		return nil
	})
}

// keptMarks is how many marks a store remembers: those of a week, at one each minute.
const keptMarks = 10_000

// keepMark notes a mark that the store has now.
func keepMark(ctx context.Context, tx pgx.Tx, mark string) error {
	if _, err := tx.Exec(ctx, "INSERT INTO restante.marks (mark) VALUES ($1) ON CONFLICT DO NOTHING", mark); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "DELETE FROM restante.marks WHERE number <= (SELECT max(number) FROM restante.marks) - $1::bigint", keptMarks)
	return err
}
