package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, messages []chat.Message) (driver.Appended, error) {
	var b *batch
	err := d.store(ctx, "append", messages, func(t *term, ids []pgtype.UUID) func(context.Context) error {
		b = newBatch(messages, ids, t.epoch.ID)
		return func(ctx context.Context) error { return d.put(ctx, t, b) }
	})
	if err != nil {
		d.health.Failed(messages, err)
		return driver.Appended{}, err
	}
	if b == nil { // the batch is empty
		return driver.Appended{}, nil
	}
	d.health.Succeeded()
	return b.appended(messages), nil
}

// put stores a batch and completes its messages.
func (d *Driver) put(ctx context.Context, t *term, b *batch) error {
	n := len(b.origins)
	if b.sameOrigin(0) == n {
		return d.call(ctx, d.pool, t, b, 0, n)
	}
	return d.transact(ctx, func(tx pgx.Tx) error { // consumers send no such batches: they work for one partition each
		for from := 0; from < n; {
			to := b.sameOrigin(from)
			if err := d.call(ctx, tx, t, b, from, to); err != nil {
				return err
			}
			from = to
		}
		return nil
	})
}

const callAppend = `SELECT ordinal, seq, stored_at, sent_at, msg, fresh, id_taken
	FROM restante.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`

// call stores the messages of b from one index up to another, which have one origin, and completes them. A message that is
// stored already becomes the stored one.
func (d *Driver) call(ctx context.Context, q querier, t *term, b *batch, from, to int) error {
	origin, old := b.origins[from], t.look(b.ids[from:to])
	rows, err := q.Query(ctx, callAppend, b.epoch, chat.Micros(d.cfg.Now()), b.rooms, b.names,
		b.roomOf[from:to], b.ids[from:to], b.senderOf[from:to], b.texts[from:to], b.sent[from:to],
		origin.Partition, max(origin.Generation, 0), old.known, old.ordinals, old.segments)
	if err != nil {
		return err
	}
	var ordinal, seq int64
	var storedAt time.Time
	var sentAt *time.Time // nil of a fresh message
	var text []byte       // nil: the text of the batch
	var fresh, taken bool
	answered := 0
	_, err = pgx.ForEachRow(rows, []any{&ordinal, &seq, &storedAt, &sentAt, &text, &fresh, &taken}, func() error {
		m := &b.distinct[from+int(ordinal)-1]
		m.Seq, m.StoredAt, m.IDTaken = seq, storedAt.UTC(), taken
		answered++
		if fresh {
			b.fresh++
			return nil
		}
		m.SentAt = sentAt.UTC()
		if text != nil {
			m.Msg = string(text)
		}
		return nil
	})
	if err == nil && answered != to-from {
		return errs.Wrap(errs.Internal, fmt.Errorf("%d of %d messages", answered, to-from), "the database has not answered for every message")
	}
	return destroyed(origin, err)
}

// destroyed returns the error for messages of a queue that was deleted, or err if that is another error.
func destroyed(of chat.Origin, err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != laterGeneration {
		return err
	}
	seen, err := strconv.ParseInt(pg.Detail, 10, 64)
	if err != nil {
		return fmt.Errorf("read the generation of partition %d: %w", of.Partition, err)
	}
	return chat.Destroyed(of, seen)
}
