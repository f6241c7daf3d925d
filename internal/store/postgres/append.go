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
		return func(ctx context.Context) error { return d.put(ctx, b) }
	})
	if err != nil {
		d.health.Failed(messages, err)
		return driver.Appended{}, err
	}
	if b == nil { // the batch is empty
		return driver.Appended{}, nil
	}
	d.health.Succeeded()
	return b.appended(), nil
}

// key is the idempotency key of a message.
type key struct {
	room string
	id   [16]byte
}

// batch is a batch on its way: its distinct messages in their order, and columns of them as the database takes them.
type batch struct {
	distinct []chat.Message
	index    []int // of each message of the caller's batch, in distinct
	fresh    int
	epoch    string

	rooms   []string
	ids     []pgtype.UUID
	clients []string
	texts   [][]byte
	sent    []time.Time
	origins []chat.Origin
}

// newBatch copies the messages, of which it keeps the first of each key, to append them in an epoch.
func newBatch(messages []chat.Message, ids []pgtype.UUID, epoch string) *batch {
	n := len(messages)
	b := &batch{
		distinct: make([]chat.Message, 0, n), index: make([]int, n), epoch: epoch,
		rooms: make([]string, 0, n), ids: make([]pgtype.UUID, 0, n), clients: make([]string, 0, n),
		texts: make([][]byte, 0, n), sent: make([]time.Time, 0, n), origins: make([]chat.Origin, 0, n),
	}
	seen := make(map[key]int, n)
	for i := range messages {
		k := key{messages[i].Room, ids[i].Bytes}
		at, known := seen[k]
		if !known {
			at = len(b.distinct)
			seen[k] = at
			b.add(messages[i], ids[i])
		}
		b.index[i] = at
	}
	return b
}

func (b *batch) add(m chat.Message, id pgtype.UUID) {
	b.origins = append(b.origins, m.Origin)
	m.Seq, m.SentAt, m.Origin, m.Epoch = 0, chat.Micros(m.SentAt), chat.Origin{}, b.epoch
	b.distinct = append(b.distinct, m)
	b.rooms = append(b.rooms, m.Room)
	b.ids = append(b.ids, id)
	b.clients = append(b.clients, m.ClientID)
	b.texts = append(b.texts, []byte(m.Msg))
	b.sent = append(b.sent, m.SentAt)
}

func (b *batch) appended() driver.Appended {
	done := driver.Appended{Messages: make([]chat.Message, len(b.index)), Fresh: b.fresh}
	for i, at := range b.index {
		done.Messages[i] = b.distinct[at]
	}
	return done
}

// put stores a batch and completes its messages.
func (d *Driver) put(ctx context.Context, b *batch) error {
	var err error
	if n := len(b.origins); b.sameOrigin(0) == n {
		err = d.call(ctx, d.pool, b, 0, n)
	} else { // consumers send no such batches: they work for one partition each
		err = d.transact(ctx, func(tx pgx.Tx) error {
			for from := 0; from < n; {
				to := b.sameOrigin(from)
				if err := d.call(ctx, tx, b, from, to); err != nil {
					return err
				}
				from = to
			}
			return nil
		})
	}
	if err != nil || b.fresh == len(b.distinct) {
		return err
	}
	return d.fetchRepeats(ctx, b)
}

// sameOrigin returns the end of the messages that follow from with its origin.
func (b *batch) sameOrigin(from int) int {
	to := from + 1
	for to < len(b.origins) && b.origins[to] == b.origins[from] {
		to++
	}
	return to
}

// call stores the messages of b from one index up to another, which have one origin, and completes those that are fresh.
func (d *Driver) call(ctx context.Context, q querier, b *batch, from, to int) error {
	origin := b.origins[from]
	rows, err := q.Query(ctx, "SELECT ordinal, seq, stored_at FROM restante.append($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		b.epoch, chat.Micros(d.cfg.Now()), b.rooms[from:to], b.ids[from:to], b.clients[from:to], b.texts[from:to], b.sent[from:to],
		origin.Partition, max(origin.Generation, 0))
	if err != nil {
		return err
	}
	var ordinal, seq int64
	var storedAt time.Time
	_, err = pgx.ForEachRow(rows, []any{&ordinal, &seq, &storedAt}, func() error {
		m := &b.distinct[from+int(ordinal)-1]
		m.Seq, m.StoredAt = seq, storedAt.UTC()
		b.fresh++
		return nil
	})
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

// fetchRepeats replaces the repeats of a batch, which has been committed, by the messages that were stored first. These
// never change, so they need no lock.
func (d *Driver) fetchRepeats(ctx context.Context, b *batch) error {
	repeats := map[key]int{}
	var rooms []string
	var ids []pgtype.UUID
	for i := range b.distinct {
		if b.distinct[i].Seq == 0 {
			repeats[key{b.rooms[i], b.ids[i].Bytes}] = i
			rooms, ids = append(rooms, b.rooms[i]), append(ids, b.ids[i])
		}
	}
	found, err := query(ctx, d.pool, scanMessage, `SELECT `+columns+` FROM unnest($1::text[], $2::uuid[]) AS k (of_room, of_id)
		JOIN restante.messages ON id = of_id AND room = of_room WHERE (SELECT restante.in_epoch($3))`, rooms, ids, b.epoch)
	if err != nil {
		return err
	}
	for _, m := range found {
		id, err := parseID(m.ID)
		if err != nil {
			return err
		}
		m.Epoch = b.epoch
		b.distinct[repeats[key{m.Room, id.Bytes}]] = m
	}
	if len(found) != len(repeats) {
		return errs.Wrap(errs.Internal, fmt.Errorf("%d of %d repeats", len(found), len(repeats)), "messages have vanished")
	}
	return nil
}
