package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

const (
	selectEpochs = "SELECT id, at, reason FROM restante.epochs WHERE (SELECT restante.same_epoch($1)) ORDER BY number"
	selectBegins = `SELECT e.id, b.room, b.last_seq FROM restante.begins b JOIN restante.epochs e ON e.number = b.epoch
		WHERE (SELECT restante.same_epoch($1)) ORDER BY e.number, b.room`
	// selectBeginning compares all epochs if it does not find the given one.
	selectBeginning = `SELECT coalesce(min(coalesce(b.last_seq, 0)), 0) FROM restante.epochs e
		LEFT JOIN restante.begins b ON b.epoch = e.number AND b.room = $1
		WHERE (SELECT restante.same_epoch($3)) AND e.number > coalesce((SELECT number FROM restante.epochs WHERE id = $2),
			CASE WHEN $2 = '' THEN (SELECT min(number) FROM restante.epochs) ELSE 0 END)`
	// lockRooms waits for the appends that have begun, and keeps later ones waiting until the end of the transaction.
	lockRooms   = "LOCK TABLE restante.rooms IN SHARE ROW EXCLUSIVE MODE"
	insertEpoch = "INSERT INTO restante.epochs (id, at, reason) VALUES ($1, $2, $3) RETURNING number"
)

func scanEpoch(row pgx.CollectableRow) (e driver.Epoch, err error) {
	err = row.Scan(&e.ID, &e.At, &e.Reason)
	e.At = e.At.UTC()
	return e, err
}

// Epochs implements driver.Driver.
func (d *Driver) Epochs(ctx context.Context) ([]driver.Epoch, error) {
	return reading(ctx, d, "read epochs", func(ctx context.Context, t *term) ([]driver.Epoch, error) {
		return query(ctx, d.pool, scanEpoch, selectEpochs, t.epoch.ID)
	})
}

// Beginning implements driver.Driver.
func (d *Driver) Beginning(ctx context.Context, room, epoch string) (int64, error) {
	return reading(ctx, d, "read beginnings", func(ctx context.Context, t *term) (seq int64, err error) {
		return seq, d.pool.QueryRow(ctx, selectBeginning, room, epoch, t.epoch.ID).Scan(&seq)
	})
}

// Lineage implements driver.Driver.
func (d *Driver) Lineage(ctx context.Context) (driver.Lineage, error) {
	return reading(ctx, d, "read the lineage", func(ctx context.Context, t *term) (driver.Lineage, error) {
		return readLineage(ctx, d.pool, t.epoch.ID)
	})
}

// readLineage reads by several statements. Each is in the epoch, and within an epoch only the mark changes.
func readLineage(ctx context.Context, q querier, epoch string) (l driver.Lineage, err error) {
	err = q.QueryRow(ctx, "SELECT id::text, mark FROM restante.store WHERE (SELECT restante.same_epoch($1))", epoch).Scan(&l.Store, &l.Mark)
	if err != nil {
		return l, err
	}
	if l.Epochs, err = query(ctx, q, scanEpoch, selectEpochs, epoch); err != nil {
		return l, err
	}
	l.Begins, err = query(ctx, q, pgx.RowToStructByPos[driver.Begin], selectBegins, epoch)
	return l, err
}

// RestoreEpochs implements driver.Driver.
func (d *Driver) RestoreEpochs(ctx context.Context, l driver.Lineage) error {
	if len(l.Epochs) == 0 {
		return errs.Field("epochs", "must not be empty")
	}
	return d.change(ctx, "restore epochs", func(ctx context.Context, t *term, tx pgx.Tx) (changed bool, err error) {
		known, err := readLineage(ctx, tx, t.epoch.ID)
		if err != nil || known.Same(l) {
			return false, err
		}
		var rooms bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM restante.rooms)").Scan(&rooms); err != nil {
			return false, err
		}
		if rooms || len(known.Epochs) > 1 {
			return false, driver.OtherLineage(known)
		}
		return true, writeLineage(ctx, tx, l)
	})
}

// writeLineage replaces the lineage of a store that has no messages and one epoch.
func writeLineage(ctx context.Context, tx pgx.Tx, l driver.Lineage) error {
	if _, err := tx.Exec(ctx, "DELETE FROM restante.epochs"); err != nil {
		return err
	}
	for _, e := range l.Epochs {
		if _, err := tx.Exec(ctx, insertEpoch, e.ID, chat.Micros(e.At), e.Reason); err != nil {
			return err
		}
	}
	n := len(l.Begins)
	epochs, rooms, seqs := make([]string, n), make([]string, n), make([]int64, n)
	for i, b := range l.Begins {
		epochs[i], rooms[i], seqs[i] = b.Epoch, b.Room, b.Seq
	}
	_, err := tx.Exec(ctx, `INSERT INTO restante.begins (room, epoch, last_seq) SELECT b.room, e.number, b.seq
		FROM unnest($1::text[], $2::text[], $3::bigint[]) AS b (epoch, room, seq) JOIN restante.epochs e ON e.id = b.epoch`, epochs, rooms, seqs)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE restante.store SET id = $1, epoch = $2, mark = $3, fingerprint = ''", l.Store, l.Epochs[len(l.Epochs)-1].ID, l.Mark)
	if err != nil || l.Mark == "" {
		return err
	}
	return keepMark(ctx, tx, l.Mark)
}

// EndEpoch ends the present epoch for a reason, a sentence without a full stop, and returns when the driver works in the next
// one. Every room begins it with its last number. If another epoch has begun meanwhile, it ends none.
func (d *Driver) EndEpoch(ctx context.Context, reason string) error {
	return d.change(ctx, "end the epoch", func(ctx context.Context, t *term, tx pgx.Tx) (bool, error) {
		s := sight{epoch: t.epoch, fingerprint: t.fingerprint}
		_, err := beginEpoch(ctx, tx, &s, driver.Verdict{End: reason})
		return true, err
	})
}

// ReplaceEpoch is EndEpoch for readers whose cursors may be of another store: every room begins the next epoch with 0, so that they
// read it from its beginning.
func (d *Driver) ReplaceEpoch(ctx context.Context, reason string) error {
	return d.change(ctx, "end the epoch", func(ctx context.Context, t *term, tx pgx.Tx) (bool, error) {
		s := sight{epoch: t.epoch, fingerprint: t.fingerprint}
		_, err := nextEpoch(ctx, tx, &s, reason)
		return true, err
	})
}

// change changes the epochs in a transaction that no append takes place beside, and returns when the driver works with the
// outcome.
func (d *Driver) change(ctx context.Context, what string, f func(ctx context.Context, t *term, tx pgx.Tx) (changed bool, err error)) error {
	t, err := d.begin(ctx)
	if err != nil {
		return err
	}
	changed := false
	err = d.attempt(ctx, t, func(ctx context.Context) error {
		return d.transact(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, lockRooms); err != nil {
				return err
			}
			changed, err = f(ctx, t, tx)
			return err
		})
	})
	d.end(t)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !changed {
		return nil
	}
	d.leave(t)
	return d.await(ctx)
}

// endings is how often ending an epoch tries to lock the rooms, for up to three seconds each.
const endings = 5

// endEpoch ends the epoch that was seen as a verdict says, by compare-and-set. It returns what is in the database then.
func (d *Driver) endEpoch(ctx context.Context, conn *pgx.Conn, s sight, v driver.Verdict) (sight, error) {
	var rooms int64
	var err error
	old := s.epoch
	for range endings {
		err = d.within(ctx, openTimeout, func(ctx context.Context) error {
			return transact(ctx, conn, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, lockRooms); err != nil {
					return err
				}
				rooms, err = beginEpoch(ctx, tx, &s, v)
				return err
			})
		})
		if state(err) != lockTimeout {
			break
		}
	}
	if err != nil {
		return s, err
	}
	d.cfg.Log.Info("the epoch of the log has ended, and another one has begun", "ended", old.ID, "epoch", s.epoch.ID, "reason", v.End, "rooms", rooms)
	return s, nil
}

// begin begins the next epoch after the one in s, which it replaces. It returns how many rooms begin it with a number. If another
// node has been faster it returns errChanged.
func beginEpoch(ctx context.Context, tx pgx.Tx, s *sight, v driver.Verdict) (int64, error) {
	number, err := nextEpoch(ctx, tx, s, v.End)
	if err != nil {
		return 0, err
	}
	rooms, seqs := make([]string, len(v.Missing)), make([]int64, len(v.Missing))
	for i, m := range v.Missing {
		rooms[i], seqs[i] = m.Room, m.Seq
	}
	done, err := tx.Exec(ctx, `INSERT INTO restante.begins (room, epoch, last_seq) SELECT r.name, $1, r.last_seq FROM restante.rooms r
		WHERE r.last_seq > 0 AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::bigint[]) AS m (room, seq) WHERE m.room = r.name AND m.seq <= r.last_seq)`,
		number, rooms, seqs)
	return done.RowsAffected(), err
}

// nextEpoch makes the next epoch after the one in s, which it replaces, and returns its number. Every room begins it with 0. If another
// node has been faster it returns errChanged.
func nextEpoch(ctx context.Context, tx pgx.Tx, s *sight, reason string) (number int64, err error) {
	id := driver.NewMark()
	done, err := tx.Exec(ctx, "UPDATE restante.store SET epoch = $1, fingerprint = $2 WHERE id = $3 AND epoch = $4",
		id, s.fingerprint, s.epoch.Store, s.epoch.ID)
	if err != nil {
		return 0, err
	}
	if done.RowsAffected() == 0 {
		return 0, errChanged
	}
	err = tx.QueryRow(ctx, insertEpoch, id, chat.Micros(time.Now()), reason).Scan(&number)
	s.epoch.ID, s.epoch.First, s.confirmed = id, false, s.fingerprint
	return number, err
}
