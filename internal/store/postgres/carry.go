package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/idfilter"
)

// Migration 5 leaves the messages of the version before in the table old_messages. They are carried over in steps, each of which is
// a transaction: a run of blocks of the old table goes into the new tables, and carrying says how far that is. Nothing else uses either
// table meanwhile. A node that ends, a lost connection or a full disk ends one step, and the next attempt goes on behind the last
// one that was committed. The old table is dropped at the end, with all that it has of a text.

const (
	// carryLock is the key of the advisory lock of the node that carries messages over ("carry" in ASCII).
	carryLock = 0x6361727279
	// carryMessages is how many messages a step carries over, about.
	carryMessages = 20_000
	// firstStep is how many blocks the first step takes; the size of later ones follows from what one before took.
	firstStep = 64
	// carryTime is how long a step may take before the next one is made smaller.
	carryTime = 3 * time.Second
	// carrySays is how often progress is logged at most, and how often a node that waits for another one looks.
	carrySays = 3 * time.Second
)

// carried is how far the messages were carried over.
type carried struct {
	Block    int64 // of the old table; those before it were carried over
	Blocks   int64 // that the old table has
	Messages int64 // that were carried over
}

const selectCarried = `SELECT c.block, pg_relation_size('restante.old_messages') / current_setting('block_size')::bigint, c.messages
	FROM restante.carrying c`

// String says it for a person.
func (c carried) String() string {
	return fmt.Sprintf("%d messages (%.0f %%) are carried over", c.Messages, c.share()*100)
}

func (c carried) share() float64 { return float64(c.Block) / float64(max(c.Blocks, 1)) }

// carry carries over what migration 5 has left, once, and returns when nothing is left. While another node does that it waits.
func (d *Driver) carry(ctx context.Context, conn *pgx.Conn) error {
	said := false
	for {
		if left, err := carryIsLeft(ctx, conn); err != nil || !left {
			return err
		}
		if done, err := d.carryAlone(ctx, conn); err != nil || done {
			return err
		}
		at, err := query(ctx, conn, pgx.RowToStructByPos[carried], selectCarried)
		if err != nil || len(at) == 0 {
			continue // the other node has just dropped the table
		}
		d.preparing("another node migrates the database: " + at[0].String())
		if !said {
			d.cfg.Log.Info("another node migrates the database; waiting for it", "messages", at[0].Messages, "share", at[0].share())
			said = true
		}
		select {
		case <-time.After(carrySays / 3):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func carryIsLeft(ctx context.Context, q querier) (left bool, err error) {
	const query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'restante' AND tablename = 'old_messages')"
	return left, q.QueryRow(ctx, query).Scan(&left)
}

// preparing says to the callers of the driver, and so to readiness checks, why they have to wait.
func (d *Driver) preparing(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.term == nil {
		d.unready = &errs.Error{Code: errs.Unavailable, Msg: why}
	}
}

// carryAlone carries over what is left, unless another node does: then it returns false at once. The lock is one of a transaction over
// a second connection, so that it ends with the connection, through a pool of the operator, too.
func (d *Driver) carryAlone(ctx context.Context, conn *pgx.Conn) (done bool, err error) {
	guard, err := d.connect(ctx)
	if err != nil {
		return false, err
	}
	defer d.disconnect(ctx, guard)
	tx, err := guard.Begin(ctx)
	if err != nil {
		return false, err
	}
	var alone bool
	err = tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1), set_config('idle_in_transaction_session_timeout', '0', true)", int64(carryLock)).
		Scan(&alone, nil)
	if err != nil || !alone {
		return false, err
	}
	if left, err := carryIsLeft(ctx, conn); err != nil || !left { // another node has been faster
		return true, err
	}
	return true, d.carryAll(ctx, conn)
}

// carryAll carries over what is left, in steps.
func (d *Driver) carryAll(ctx context.Context, conn *pgx.Conn) error {
	var bytes int64
	if err := conn.QueryRow(ctx, "SELECT pg_total_relation_size('restante.old_messages')").Scan(&bytes); err != nil {
		return err
	}
	d.cfg.Log.Info("migrating the messages; until that is done nobody can send or read", "needs_free_bytes", bytes)
	at, left, err := d.carryStep(ctx, conn, firstStep)
	first, start, said, size := at, time.Now(), time.Time{}, int64(firstStep)
	for err == nil && left {
		began, before := time.Now(), at
		if at, left, err = d.carryStep(ctx, conn, size); err != nil {
			break
		}
		size = nextStep(size, at.Messages-before.Messages, time.Since(began))
		remains := time.Duration(float64(time.Since(start)) * float64(at.Blocks-at.Block) / float64(max(at.Block-first.Block, 1))).Round(time.Second)
		d.preparing(fmt.Sprintf("the database is being migrated: %s, about %s are left", at, remains))
		if time.Since(said) > carrySays {
			said = time.Now()
			d.cfg.Log.Info("migrating the messages", "messages", at.Messages, "share", fmt.Sprintf("%.3f", at.share()), "left", remains.String())
		}
	}
	if err != nil {
		return carryFailed(err, bytes)
	}
	d.cfg.Log.Info("migrated the messages", "messages", at.Messages, "took", time.Since(start).Round(time.Millisecond).String())
	return transact(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0; ANALYZE restante.messages, restante.texts, restante.senders")
		return err
	})
}

// nextStep returns how many blocks the next step takes, after one of size blocks with so many messages took so long.
func nextStep(size, messages int64, took time.Duration) int64 {
	next := size * 2
	if messages > 0 {
		next = min(next, size*carryMessages/messages)
	}
	if took > carryTime {
		next = min(next, size/2)
	}
	return max(next, 1)
}

// carryFailed says of a full disk how much space is needed.
func carryFailed(err error, bytes int64) error {
	if state(err) != diskFull {
		return fmt.Errorf("migrate the messages: %w", err)
	}
	return errs.Wrap(errs.Unavailable, err, "the database's disk is full; the migration needs about %d MB more than before it, and goes on when they are free",
		bytes>>20+1)
}

// carryStep makes one step of so many blocks. It returns how far that is, and false when it was the last one, after which the old table
// is gone.
func (d *Driver) carryStep(ctx context.Context, conn *pgx.Conn, size int64) (at carried, left bool, err error) {
	err = transact(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config('statement_timeout', '0', true)"); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, selectCarried+" FOR UPDATE").Scan(&at.Block, &at.Blocks, &at.Messages); err != nil {
			return err
		}
		if left = at.Block < at.Blocks; !left {
			return dropCarried(ctx, tx, at.Messages)
		}
		to := min(at.Block+size, at.Blocks)
		n, err := carryBlocks(ctx, tx, at.Block, to)
		if err != nil {
			return err
		}
		at.Block, at.Messages = to, at.Messages+n
		if _, err := tx.Exec(ctx, "UPDATE restante.carrying SET block = $1, messages = $2", at.Block, at.Messages); err != nil {
			return err
		}
		return sealCarried(ctx, tx)
	})
	return at, left, err
}

// carryBlocks carries over the messages of a run of blocks, and returns how many there are. The names of their senders are trimmed
// as those of new messages are; a name that would be empty then stays as it is.
func carryBlocks(ctx context.Context, tx pgx.Tx, from, to int64) (int64, error) {
	type named struct {
		Name  string
		Count int64
	}
	first, end := fmt.Sprintf("(%d,0)", from), fmt.Sprintf("(%d,0)", to)
	old, err := query(ctx, tx, pgx.RowToStructByPos[named], `SELECT client_id, count(*) FROM restante.old_messages
		WHERE ctid >= $1::text::tid AND ctid < $2::text::tid GROUP BY client_id`, first, end)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	names, trimmed, total := make([]string, len(old)), make([]string, len(old)), int64(0)
	for i, n := range old {
		names[i], trimmed[i], total = n.Name, chat.TrimName(n.Name), total+n.Count
		if trimmed[i] == "" {
			trimmed[i] = n.Name
		}
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(trimmed)))
	if _, err := tx.Exec(ctx, "SELECT restante.enlist($1)", distinct); err != nil {
		return 0, err
	}
	done, err := tx.Exec(ctx, `WITH old AS MATERIALIZED (
			SELECT nextval('restante.numbers') AS number, o.* FROM restante.old_messages o WHERE ctid >= $1::text::tid AND ctid < $2::text::tid
		), written AS (
			INSERT INTO restante.texts (number, msg) SELECT number, msg FROM old
		)
		INSERT INTO restante.messages (room, seq, text, id, sender, sent_at, stored_at)
			SELECT o.room, o.seq, o.number, o.id, s.id, o.sent_at, o.stored_at FROM old o
			JOIN unnest($3::text[], $4::text[]) AS n (name, trimmed) ON n.name = o.client_id
			JOIN restante.senders s ON s.name = n.trimmed`, first, end, names, trimmed)
	if err == nil && done.RowsAffected() != total {
		err = errs.Wrap(errs.Internal, fmt.Errorf("%d of %d", done.RowsAffected(), total), "not every message was carried over")
	}
	return total, err
}

// sealCarried makes the filters of the segments that were filled. Nothing else adds to them: every step has locked the row of carrying.
func sealCarried(ctx context.Context, tx pgx.Tx) error {
	var next, present int
	err := tx.QueryRow(ctx, "SELECT coalesce((SELECT max(segment) + 1 FROM restante.filters), 0), last_value >> $1::integer FROM restante.numbers",
		idfilter.SegmentBits).Scan(&next, &present)
	for ; err == nil && next < present; next++ {
		_, err = makeFilter(ctx, tx, next)
	}
	return err
}

// dropCarried drops the old table when all its messages were carried over.
func dropCarried(ctx context.Context, tx pgx.Tx, carried int64) error {
	var n int64
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM restante.old_messages").Scan(&n); err != nil {
		return err
	}
	if n != carried {
		return errs.Wrap(errs.Internal, fmt.Errorf("%d of %d", carried, n), "not every message was carried over; the old table restante.old_messages stays")
	}
	_, err := tx.Exec(ctx, dropOld)
	return err
}

// dropOld drops what migration 5 keeps of the version before.
const dropOld = "DROP TABLE restante.old_messages, restante.carrying"
