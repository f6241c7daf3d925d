package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// Append implements driver.Driver.
func (d *Driver) Append(ctx context.Context, batch []chat.Message) (driver.Appended, error) {
	if err := d.begin(ctx); err != nil {
		return driver.Appended{}, err
	}
	defer d.calls.Done()
	if len(batch) == 0 {
		return driver.Appended{}, nil
	}
	b, err := newBatch(batch)
	if err != nil {
		return driver.Appended{}, err
	}
	err = d.attempt(ctx, func(ctx context.Context) error { return d.put(ctx, b) })
	d.written(ctx, err)
	if err != nil {
		return driver.Appended{}, fmt.Errorf("append %d messages: %w", len(batch), err)
	}
	return b.appended(), nil
}

// key is what makes a message the same as another.
type key struct {
	room string
	id   uuid.UUID
}

// batch is a batch on its way: its distinct messages in their order, and columns of them as the database takes them.
type batch struct {
	distinct []chat.Message
	place    []int // of each message of the caller's batch, in distinct
	fresh    int

	rooms   []string
	ids     []pgtype.UUID
	clients []string
	texts   [][]byte
	sent    []time.Time
}

// newBatch copies the messages, of which it keeps the first of each key.
func newBatch(messages []chat.Message) (*batch, error) {
	b := &batch{place: make([]int, len(messages)), distinct: make([]chat.Message, 0, len(messages))}
	seen := make(map[key]int, len(messages))
	for i, m := range messages {
		id, err := parseID(m.ID)
		if err != nil {
			return nil, err
		}
		at, known := seen[key{m.Room, id}]
		if !known {
			at = len(b.distinct)
			seen[key{m.Room, id}] = at
			m.SentAt = chat.Micros(m.SentAt)
			b.add(m, id)
		}
		b.place[i] = at
	}
	return b, nil
}

func (b *batch) add(m chat.Message, id uuid.UUID) {
	m.Seq = 0
	b.distinct = append(b.distinct, m)
	b.rooms = append(b.rooms, m.Room)
	b.ids = append(b.ids, pgtype.UUID{Bytes: id, Valid: true})
	b.clients = append(b.clients, m.ClientID)
	b.texts = append(b.texts, []byte(m.Msg))
	b.sent = append(b.sent, m.SentAt)
}

func (b *batch) appended() driver.Appended {
	done := driver.Appended{Messages: make([]chat.Message, len(b.place)), Fresh: b.fresh}
	for i, at := range b.place {
		done.Messages[i] = b.distinct[at]
	}
	return done
}

// put stores a batch and fills in what became of its messages.
func (d *Driver) put(ctx context.Context, b *batch) error {
	rows, err := d.pool.Query(ctx, "SELECT ordinal, seq, stored_at FROM restante.append($1, $2, $3, $4, $5, $6)",
		chat.Micros(d.cfg.Now()), b.rooms, b.ids, b.clients, b.texts, b.sent)
	if err != nil {
		return err
	}
	var ordinal, seq int64
	var storedAt time.Time
	_, err = pgx.ForEachRow(rows, []any{&ordinal, &seq, &storedAt}, func() error {
		m := &b.distinct[ordinal-1]
		m.Seq, m.StoredAt = seq, storedAt.UTC()
		b.fresh++
		return nil
	})
	if err != nil || b.fresh == len(b.distinct) {
		return err
	}
	return d.recall(ctx, b)
}

// recall replaces the repeats of a batch, which has been committed, by the messages that were there first. They never
// change, so they need no lock.
func (d *Driver) recall(ctx context.Context, b *batch) error {
	repeats := map[key]int{}
	var rooms []string
	var ids []pgtype.UUID
	for i := range b.distinct {
		if b.distinct[i].Seq == 0 {
			repeats[key{b.rooms[i], b.ids[i].Bytes}] = i
			rooms, ids = append(rooms, b.rooms[i]), append(ids, b.ids[i])
		}
	}
	rows, err := d.pool.Query(ctx, `SELECT `+columns+` FROM unnest($1::text[], $2::uuid[]) AS k (room, id)
		JOIN restante.messages m ON m.id = k.id AND m.room = k.room`, rooms, ids)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, scanMessage)
	if err != nil {
		return err
	}
	for _, m := range found {
		id, err := uuid.Parse(m.ID)
		if err != nil {
			return err
		}
		at := repeats[key{m.Room, id}]
		m.Trace = b.distinct[at].Trace // it is this attempt's, and is not stored
		b.distinct[at] = m
	}
	if len(found) != len(repeats) {
		return errs.Wrap(errs.Internal, fmt.Errorf("%d of %d repeats", len(found), len(repeats)), "messages have vanished")
	}
	return nil
}

// Check implements driver.Driver: when the last write is older than Config.CheckInterval it writes.
func (d *Driver) Check(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.Done()
	d.mu.Lock()
	wrote, err := d.wrote, d.outcome
	d.mu.Unlock()
	if wrote.IsZero() || time.Since(wrote) >= d.cfg.CheckInterval {
		err = d.attempt(ctx, func(ctx context.Context) error {
			_, err := d.pool.Exec(ctx, "UPDATE restante.probe SET at = now()")
			return err
		})
		d.written(ctx, err)
	}
	if err != nil {
		return fmt.Errorf("write to the database: %w", err)
	}
	return nil
}

// written remembers how a write has ended, unless that says nothing about the database.
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

func parseID(id string) (uuid.UUID, error) {
	if canonical, err := chat.ParseID(id); err != nil || canonical != id {
		return uuid.UUID{}, errs.Field("id", "must be a UUID in canonical form")
	}
	return uuid.Parse(id)
}
