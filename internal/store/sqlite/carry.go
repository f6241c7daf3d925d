package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"restante/internal/chat"
	"restante/internal/store/idfilter"
)

// One step of carrying over takes so many messages at most, and no more of them than so many bytes of text, but at least one.
const (
	stepMessages = 10_000
	stepBytes    = 8 << 20
)

// The log says after so long how far carrying over is and how long it will take, and again each time so much has passed.
const (
	firstProgress = time.Second
	eachProgress  = 5 * time.Second
)

// A database and its -wal grow by about so many bytes for each message while messages are carried over, and by so many in any case.
const (
	carriedBytes = 100
	carriedSpare = 32 << 20
)

// maxNames bounds the senders' names that a carrier remembers.
const maxNames = 100_000

// carrier carries the messages of the table messages_before over into the tables that replace it, in steps. Each step is a
// transaction that also deletes the old rows, so that their space is used for the next ones. A process that ends at any moment
// leaves complete steps, and the next one goes on after them.
type carrier struct {
	conn *sql.Conn
	file *file
	cfg  Config

	done, total int64 // messages
	next        int64 // number of the next text
	names       map[string]int64

	begun, told time.Time
	atStart     int64 // messages that earlier processes have carried over
	steps       *carrySteps
}

// carrySteps are the statements of a carrier.
type carrySteps struct {
	rows, texts, messages, remove, sender, senderID, name, filter *sql.Stmt
}

const dropBefore = "DROP TABLE messages_before; DROP TABLE carrying"

// isCarrying reports whether a database has messages that are yet to be carried over.
func isCarrying(ctx context.Context, q querier) (bool, error) {
	var is bool
	err := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'carrying')").Scan(&is)
	return is, err
}

// carry carries all messages over, if there are some to carry over. It blocks until that is done, ctx is done or something fails. When
// ctx is done it ends after the step in progress.
func (f *file) carry(ctx context.Context, conn *sql.Conn, cfg Config) (err error) {
	if is, err := isCarrying(ctx, conn); err != nil || !is {
		return err
	}
	c := &carrier{conn: conn, file: f, cfg: cfg, names: map[string]int64{}, begun: time.Now()}
	unstopped := context.WithoutCancel(ctx)
	if err := c.open(unstopped); err != nil {
		return fmt.Errorf("carry the messages over: %w", err)
	}
	defer func() { err = errors.Join(err, c.close(unstopped)) }()
	needs, err := f.needs(unstopped, conn)
	if err != nil {
		return fmt.Errorf("carry the messages over: %w", err)
	}
	cfg.Log.Info("carrying the messages over into new tables; it can be stopped, and the next start goes on",
		"file", f.path, "messages", c.total, "done", c.done, "needs", megabytes(needs))
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped after %d of %d messages were carried over: %w", c.done, c.total, err)
		}
		if more, err = c.step(unstopped); err != nil {
			return fmt.Errorf("carry the messages over: %w", err)
		}
		c.tell(time.Now())
	}
	if err := c.finish(unstopped); err != nil {
		return fmt.Errorf("carry the messages over: %w", err)
	}
	cfg.Log.Info("all messages have been carried over", "file", f.path, "messages", c.done, "took", time.Since(c.begun).Round(time.Millisecond).String())
	return nil
}

// open reads how far the work is.
func (c *carrier) open(ctx context.Context) error {
	for _, pragma := range []string{"PRAGMA secure_delete = 1", "PRAGMA temp_store = MEMORY",
		"CREATE TEMP TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, sender INTEGER NOT NULL) WITHOUT ROWID"} {
		if _, err := c.conn.ExecContext(ctx, pragma); err != nil {
			return err
		}
	}
	if err := c.dropIndex(ctx); err != nil {
		return fmt.Errorf("remove the old index: %w", err)
	}
	row := c.conn.QueryRowContext(ctx, "SELECT done, total FROM carrying")
	if err := row.Scan(&c.done, &c.total); err != nil {
		return fmt.Errorf("read how far it is: %w", err)
	}
	c.atStart, c.told = c.done, c.begun.Add(firstProgress-eachProgress)
	if err := c.conn.QueryRowContext(ctx, selectNextText).Scan(&c.next); err != nil {
		return fmt.Errorf("read the number of the next text: %w", err)
	}
	return c.prepare(ctx)
}

// oldIndex is the index of the constraint UNIQUE (id, room) of the old table.
const oldIndex = "sqlite_autoindex_messages_before_1"

// dropIndex removes the old table's index of ids. With it, a step would rewrite pages all over the index, as ids are random. SQLite drops
// no index of a constraint, so the constraint is first made an index of its own, which has the same content: CREATE TABLE loses
// the constraint, and the index gets a name and a statement.
func (c *carrier) dropIndex(ctx context.Context) error {
	var is bool
	if err := c.conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?)", oldIndex).Scan(&is); err != nil || !is {
		return err
	}
	_, err := c.conn.ExecContext(ctx, `BEGIN IMMEDIATE; PRAGMA writable_schema = 1;
		UPDATE sqlite_schema SET sql = 'CREATE TABLE messages_before (room INTEGER NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL,
			client_id TEXT NOT NULL, msg TEXT NOT NULL, sent_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, PRIMARY KEY (room, seq)) STRICT, WITHOUT ROWID'
			WHERE name = 'messages_before';
		UPDATE sqlite_schema SET name = 'messages_before_ids', sql = 'CREATE UNIQUE INDEX messages_before_ids ON messages_before (id, room)'
			WHERE name = '`+oldIndex+`';
		PRAGMA writable_schema = RESET; DROP INDEX messages_before_ids; COMMIT`)
	return err
}

func (c *carrier) prepare(ctx context.Context) error {
	const run = " FROM messages_before %s WHERE room = ? AND seq BETWEEN ? AND ? ORDER BY seq"
	c.steps = &carrySteps{}
	for stmt, query := range map[**sql.Stmt]string{
		&c.steps.rows:  `SELECT room, seq, octet_length(msg), client_id FROM messages_before ORDER BY room, seq LIMIT ?`,
		&c.steps.texts: "INSERT OR ROLLBACK INTO texts (number, msg) SELECT seq + ?, msg" + fmt.Sprintf(run, ""),
		&c.steps.messages: "INSERT OR ROLLBACK INTO messages (room, seq, text, id, sender, sent_at, stored_at) SELECT room, seq, seq + ?, id, sender, sent_at, stored_at" +
			fmt.Sprintf(run, "CROSS JOIN temp.names ON name = client_id"),
		&c.steps.remove:   "DELETE FROM messages_before WHERE room = ? AND seq BETWEEN ? AND ?",
		&c.steps.sender:   "INSERT INTO senders (name) VALUES (?) ON CONFLICT DO NOTHING",
		&c.steps.senderID: "SELECT id FROM senders WHERE name = ?",
		&c.steps.name:     "INSERT OR REPLACE INTO temp.names (name, sender) VALUES (?, ?)",
		&c.steps.filter:   insertFilter,
	} {
		var err error
		if *stmt, err = c.conn.PrepareContext(ctx, query); err != nil {
			return fmt.Errorf("prepare %q: %w", query, err)
		}
	}
	return nil
}

// close closes the statements. What a step has begun and not committed is rolled back with the connection.
func (c *carrier) close(ctx context.Context) error {
	s := c.steps
	for _, stmt := range []*sql.Stmt{s.rows, s.texts, s.messages, s.remove, s.sender, s.senderID, s.name, s.filter} {
		if err := stmt.Close(); err != nil {
			return err
		}
	}
	_, err := c.conn.ExecContext(ctx, "DROP TABLE temp.names")
	return err
}

// run is messages of a room whose numbers have no gap.
type run struct {
	room, first, last int64
	names             []string // of its senders, as far as they are not known
}

// step carries over the messages that follow, in one transaction, and reports whether there were some.
func (c *carrier) step(ctx context.Context) (more bool, err error) {
	if _, err := c.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	runs, err := c.read(ctx)
	if err != nil {
		return false, fmt.Errorf("read the old messages: %w", err)
	}
	for _, r := range runs {
		if err := c.move(ctx, r); err != nil {
			return false, fmt.Errorf("carry over room %d from number %d: %w", r.room, r.first, err)
		}
	}
	if len(runs) > 0 {
		if _, err := c.conn.ExecContext(ctx, "UPDATE carrying SET done = ?", c.done); err != nil {
			return false, fmt.Errorf("note how far it is: %w", err)
		}
	}
	if err := c.at(false); err != nil {
		return false, err
	}
	if _, err := c.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	return len(runs) > 0, c.at(true)
}

// at tells a test how far the step is.
func (c *carrier) at(committed bool) error {
	if c.cfg.carrying == nil {
		return nil
	}
	return c.cfg.carrying(committed)
}

// read returns the messages of the next step.
func (c *carrier) read(ctx context.Context) (runs []run, err error) {
	rows, err := c.steps.rows.QueryContext(ctx, c.cfg.carryStep)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var name sql.RawBytes
	asked := map[string]bool{}
	for bytes := int64(0); rows.Next(); {
		var room, seq, size int64
		if err := rows.Scan(&room, &seq, &size, &name); err != nil {
			return nil, err
		}
		if bytes += size; bytes > stepBytes && len(runs) > 0 {
			return runs, nil
		}
		if n := len(runs); n == 0 || runs[n-1].room != room || runs[n-1].last+1 != seq {
			runs = append(runs, run{room: room, first: seq})
		}
		r := &runs[len(runs)-1]
		r.last = seq
		if _, known := c.names[string(name)]; !known && !asked[string(name)] {
			asked[string(name)] = true
			r.names = append(r.names, string(name))
		}
	}
	return runs, rows.Err()
}

// move carries over one run, and fills filters that are complete.
func (c *carrier) move(ctx context.Context, r run) error {
	for _, name := range r.names {
		if err := c.sender(ctx, name); err != nil {
			return err
		}
	}
	n, shift := r.last-r.first+1, c.next-r.first
	for _, insert := range []*sql.Stmt{c.steps.texts, c.steps.messages} {
		res, err := insert.ExecContext(ctx, shift, r.room, r.first, r.last)
		if err != nil {
			return err
		}
		if moved, err := res.RowsAffected(); err != nil || moved != n {
			return errors.Join(err, fmt.Errorf("%d of %d rows were inserted", moved, n))
		}
	}
	if err := exec(ctx, c.steps.remove, r.room, r.first, r.last); err != nil {
		return err
	}
	for segment := idfilter.SegmentOf(c.next); segment < idfilter.SegmentOf(c.next+n); segment++ {
		f, err := readIDs(ctx, c.conn, segment)
		if err != nil {
			return err
		}
		if err := exec(ctx, c.steps.filter, segment, f.Encode(segment)); err != nil {
			return err
		}
	}
	c.next += n
	c.done += n
	return nil
}

// sender gives the sender of old messages a number. Versions before this one kept blanks around names, which say nothing.
func (c *carrier) sender(ctx context.Context, old string) error {
	name := chat.TrimName(old)
	if name == "" {
		name = old
	}
	if err := exec(ctx, c.steps.sender, name); err != nil {
		return fmt.Errorf("add a sender: %w", err)
	}
	var id int64
	if err := c.steps.senderID.QueryRowContext(ctx, name).Scan(&id); err != nil {
		return fmt.Errorf("find a sender: %w", err)
	}
	if len(c.names) < maxNames {
		c.names[old] = id
	}
	return exec(ctx, c.steps.name, old, id)
}

// finish removes the old table, which is empty.
func (c *carrier) finish(ctx context.Context) error {
	if _, err := c.conn.ExecContext(ctx, "BEGIN IMMEDIATE; "+dropBefore+"; COMMIT"); err != nil {
		return fmt.Errorf("remove the old table: %w", err)
	}
	var busy, size, copied int
	if err := c.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &size, &copied); err != nil {
		return fmt.Errorf("empty the -wal: %w", err)
	}
	return nil
}

// tell logs how far the work is, every few seconds.
func (c *carrier) tell(now time.Time) {
	if now.Sub(c.told) < eachProgress {
		return
	}
	c.told = now
	took := now.Sub(c.begun)
	left := time.Duration(float64(took) / float64(max(c.done-c.atStart, 1)) * float64(c.total-c.done))
	c.cfg.Log.Info("carrying the messages over", "file", c.file.path, "done", c.done, "of", c.total,
		"percent", 100*c.done/max(c.total, 1), "left", left.Round(time.Second).String())
}

// needs returns about how many bytes the file and its -wal still grow while messages are carried over.
func (f *file) needs(ctx context.Context, conn *sql.Conn) (int64, error) {
	count := "SELECT count(*) FROM messages"
	carrying, err := isCarrying(ctx, conn)
	if carrying {
		count = "SELECT total - done FROM carrying"
	}
	var messages int64
	if err == nil {
		err = conn.QueryRowContext(ctx, count).Scan(&messages)
	}
	return messages*carriedBytes + carriedSpare, err
}
