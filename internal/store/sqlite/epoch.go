package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

const insertEpoch = "INSERT INTO epochs (number, id, at, reason) VALUES (?, ?, ?, ?)"

// identity is which store this is, and its epochs. It is never changed.
type identity struct {
	store   string
	epochs  []driver.Epoch // oldest first
	present chat.Epoch
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readIdentity(ctx context.Context, q querier) (_ *identity, err error) {
	i := &identity{}
	if err := q.QueryRowContext(ctx, "SELECT id FROM store").Scan(&i.store); err != nil {
		return nil, fmt.Errorf("read the id of the store: %w", err)
	}
	rows, err := q.QueryContext(ctx, "SELECT id, at, reason FROM epochs ORDER BY number")
	if err != nil {
		return nil, fmt.Errorf("read epochs: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e driver.Epoch
		var at int64
		if err := rows.Scan(&e.ID, &at, &e.Reason); err != nil {
			return nil, fmt.Errorf("read epochs: %w", err)
		}
		e.At = micros(at)
		i.epochs = append(i.epochs, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read epochs: %w", err)
	}
	if len(i.epochs) == 0 {
		return nil, errs.Wrap(errs.Internal, errors.New("the store has no epoch"), "the database file is damaged")
	}
	i.present = chat.Epoch{Store: i.store, ID: i.epochs[len(i.epochs)-1].ID, First: len(i.epochs) == 1}
	return i, nil
}

// inEpoch names the present epoch in messages.
func (d *Driver) inEpoch(messages []chat.Message) []chat.Message {
	id := d.who.Load().present.ID
	for i := range messages {
		messages[i].Epoch = id
	}
	return messages
}

// Epoch implements driver.Driver. An epoch ends only at Open, so this is known while the driver is open.
func (d *Driver) Epoch() (chat.Epoch, error) {
	if !d.calls.Begin() {
		return chat.Epoch{}, driver.ErrClosed
	}
	defer d.calls.End()
	return d.who.Load().present, nil
}

// Epochs implements driver.Driver.
func (d *Driver) Epochs(ctx context.Context) ([]driver.Epoch, error) {
	return reading(ctx, d, "read epochs", func() ([]driver.Epoch, error) { return slices.Clone(d.who.Load().epochs), nil })
}

const selectBeginning = `SELECT coalesce(min(coalesce(last_seq, 0)), 0) FROM epochs LEFT JOIN begins ON epoch = number AND room = ? WHERE number > ?`

// Beginning implements driver.Driver.
func (d *Driver) Beginning(ctx context.Context, room, epoch string) (int64, error) {
	return reading(ctx, d, "read the beginnings of a room", func() (seq int64, err error) {
		number := 1
		if epoch != "" {
			number = 1 + slices.IndexFunc(d.who.Load().epochs, func(e driver.Epoch) bool { return e.ID == epoch }) // 0: it is unknown
		}
		return seq, d.reads.beginning.QueryRowContext(ctx, room, number).Scan(&seq)
	})
}

// Lineage implements driver.Driver.
func (d *Driver) Lineage(ctx context.Context) (driver.Lineage, error) {
	return reading(ctx, d, "read the identity of the store", func() (l driver.Lineage, err error) {
		who := d.who.Load()
		l.Store, l.Epochs = who.store, slices.Clone(who.epochs)
		if err := d.db.QueryRowContext(ctx, "SELECT mark FROM store").Scan(&l.Mark); err != nil {
			return l, err
		}
		l.Begins, err = readBegins(ctx, d.db)
		return l, err
	})
}

func readBegins(ctx context.Context, q querier) (begins []driver.Begin, err error) {
	rows, err := q.QueryContext(ctx, "SELECT id, room, last_seq FROM begins JOIN epochs ON number = epoch ORDER BY number, room")
	if err != nil {
		return nil, fmt.Errorf("read the beginnings of epochs: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var b driver.Begin
		if err := rows.Scan(&b.Epoch, &b.Room, &b.Seq); err != nil {
			return nil, fmt.Errorf("read the beginnings of epochs: %w", err)
		}
		begins = append(begins, b)
	}
	return begins, rows.Err()
}

// RestoreEpochs implements driver.Driver. The mark stays the store's own: it tells which database file it is.
func (d *Driver) RestoreEpochs(ctx context.Context, l driver.Lineage) error {
	if l.Store == "" || len(l.Epochs) == 0 {
		return errs.Field("epochs", "must have the id of a store and at least one epoch")
	}
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.calls.End()
	restore := newRequest(func(w *writer, ctx context.Context, _ *request, _ int64) error { return w.restoreEpochs(ctx, l) })
	if err := d.writer.do(ctx, restore); err != nil {
		return fmt.Errorf("restore the identity of the store: %w", err)
	}
	who, err := readIdentity(ctx, d.db)
	if err == nil {
		d.who.Store(who)
	}
	return d.file.classify(err)
}

func (w *writer) restoreEpochs(ctx context.Context, l driver.Lineage) error {
	has, err := readIdentity(ctx, w.tx.conn)
	if err != nil {
		return err
	}
	begins, err := readBegins(ctx, w.tx.conn)
	if err != nil {
		return err
	}
	sameEpochs := slices.EqualFunc(has.epochs, l.Epochs, func(a, b driver.Epoch) bool { return a.ID == b.ID })
	if has.store == l.Store && sameEpochs && slices.Equal(begins, l.Begins) {
		return nil
	}
	var messages bool
	if err := w.tx.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM rooms WHERE last_seq > 0)").Scan(&messages); err != nil {
		return err
	}
	if messages || len(has.epochs) > 1 {
		return &errs.Error{Code: errs.Conflict, Msg: "the store " + has.store + " has messages or epochs of its own: it cannot go on as " + l.Store}
	}
	if _, err := w.tx.conn.ExecContext(ctx, "DELETE FROM begins; DELETE FROM epochs; UPDATE store SET id = ?", l.Store); err != nil {
		return err
	}
	numbers := map[string]int{}
	for i, e := range l.Epochs {
		numbers[e.ID] = i + 1
		if err := exec(ctx, w.tx.addEpoch, i+1, e.ID, e.At.UnixMicro(), e.Reason); err != nil {
			return fmt.Errorf("write epoch %s: %w", e.ID, err)
		}
	}
	for _, b := range l.Begins {
		if _, err := w.tx.conn.ExecContext(ctx, "INSERT INTO begins (room, epoch, last_seq) VALUES (?, ?, ?)", b.Room, numbers[b.Epoch], b.Seq); err != nil {
			return fmt.Errorf("write the beginning of room %q: %w", b.Room, err)
		}
	}
	return nil
}

// endEpoch begins another epoch: with the numbers that the rooms have if this is the store that was served before. Otherwise with 0:
// nobody knows up to where the two stores agree.
func (w *writer) endEpoch(ctx context.Context, reason string) error {
	var last int
	if err := w.tx.conn.QueryRowContext(ctx, "SELECT max(number) FROM epochs").Scan(&last); err != nil {
		return fmt.Errorf("read epochs: %w", err)
	}
	same, _, err := isServed(ctx, w.tx.conn, w.marks.served)
	if err != nil {
		return err
	}
	if err := exec(ctx, w.tx.addEpoch, last+1, driver.NewMark(), w.cfg.Now().UnixMicro(), reason); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	if !same {
		return nil
	}
	if err := exec(ctx, w.tx.addBegins, last+1); err != nil {
		return fmt.Errorf("begin an epoch: %w", err)
	}
	return nil
}

// Seal makes the copy of a database, which nobody has open and which has no -wal, a closed database with a mark of its own. A server
// that is started with it begins a new epoch.
func Seal(ctx context.Context, path string) (err error) {
	f := &file{path: path}
	db, err := f.open(readWrite, 0, "journal_mode(WAL)", "synchronous(FULL)")
	if err != nil {
		return err
	}
	defer func() { err = f.classify(errors.Join(err, db.Close())) }() // the last connection removes the -wal
	if _, err := db.ExecContext(ctx, "UPDATE store SET mark = ?, closed = 1", driver.NewMark()); err != nil {
		return fmt.Errorf("seal the copy: %w", err)
	}
	var busy, size, copied int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &size, &copied); err != nil {
		return fmt.Errorf("seal the copy: %w", err)
	}
	if busy != 0 {
		return unusable(path, nil, "the copy is in use")
	}
	return nil
}
