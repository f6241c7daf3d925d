package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

// How pages are copied: so many bytes in one step, and a sync after so many. Without the syncs in between, the last one would
// write everything at once, and the commits of the server would wait for it.
const (
	bytesPerStep = 1 << 20
	bytesPerSync = 16 << 20
)

// source is a database file that is only read.
type source struct {
	*file
	db   *sql.DB
	conn *sql.Conn
}

// openSource opens a file for reading. It opens no descriptor of the file but SQLite's own: closing another one would drop the
// locks of a server in the same process.
func openSource(ctx context.Context, path string, a access) (*source, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &file{path: path}
	db, err := f.open(a, busySource, "query_only(1)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(f.classify(err), db.Close())
	}
	return &source{f, db, conn}, nil
}

// busySource is how long a backup waits for a server that is starting.
const busySource = 5 * time.Second

func (s *source) close() error { return errors.Join(s.conn.Close(), s.db.Close()) }

// check returns an error unless the file is a database of Restante that this version can read.
func (s *source) check(ctx context.Context) error {
	known, err := driver.Migrations(migrations)
	if err != nil {
		return err
	}
	version, err := s.schemaVersion(ctx, s.conn)
	if err != nil {
		return s.classify(err)
	}
	if version == 0 {
		return unusable(s.path, nil, "the file is no database of Restante: it has no tables")
	}
	if version > 1 { // the first version recorded no versions
		if err := checkVersions(ctx, s.conn, len(known), version); err != nil {
			return s.classify(fmt.Errorf("database file %s: %w", s.path, err))
		}
	}
	return nil
}

// complete returns an error if messages of an earlier schema are yet to be carried over.
func (s *source) complete(ctx context.Context) error {
	carrying, err := isCarrying(ctx, s.conn)
	if err != nil {
		return s.classify(err)
	}
	if carrying {
		return unusable(s.path, nil, "the database is being brought up to date, or that was stopped: start a server with it, or restante migrate, and let that end")
	}
	return nil
}

// copier is what a connection of the library offers for copying.
type copier interface {
	NewBackup(to string) (*sqlite.Backup, error)
}

// copyTo copies all pages in one snapshot. The read transaction around the steps keeps them from beginning anew when the server
// writes meanwhile.
func (s *source) copyTo(ctx context.Context, to *partial, pace pacing, p *progress) (err error) {
	var pages, size int64
	for query, dst := range map[string]*int64{"PRAGMA page_count": &pages, "PRAGMA page_size": &size} {
		if err := s.conn.QueryRowContext(ctx, query).Scan(dst); err != nil {
			return s.classify(fmt.Errorf("read size: %w", err))
		}
	}
	if err := enoughSpace(to.path, pages*size); err != nil {
		return err
	}
	tx, err := s.conn.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.classify(fmt.Errorf("begin: %w", err))
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	var tables int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil { // takes the snapshot
		return s.classify(fmt.Errorf("take a snapshot: %w", err))
	}
	return s.conn.Raw(func(conn any) error {
		c, ok := conn.(copier)
		if !ok {
			return fmt.Errorf("the library's connection %T does not copy", conn)
		}
		return s.copyPages(ctx, c, size, to, pace, p)
	})
}

func (s *source) copyPages(ctx context.Context, from copier, size int64, to *partial, pace pacing, p *progress) (err error) {
	b, err := from.NewBackup((&file{path: to.path}).uri(readWrite, "journal_mode(MEMORY)", "synchronous(OFF)"))
	if err != nil {
		return s.copyError(to, err)
	}
	finished := false
	defer func() {
		if !finished {
			_ = b.Finish() // err says why
		}
	}()
	unsynced := int64(0)
	for more := true; more; {
		begun := time.Now()
		if more, err = b.Step(int32(max(1, bytesPerStep/size))); err != nil {
			return s.copyError(to, err)
		}
		copied := int64(b.PageCount()-b.Remaining()) * size
		unsynced += copied - p.done.Swap(copied)
		p.total.Store(int64(b.PageCount()) * size)
		if unsynced >= bytesPerSync {
			if err := to.sync(); err != nil {
				return err
			}
			unsynced = 0
		}
		if err := pace.after(ctx, time.Since(begun)); err != nil {
			return err
		}
	}
	finished = true
	return s.copyError(to, b.Finish())
}

// copyError says which of the two files an error is about.
func (s *source) copyError(to *partial, err error) error {
	switch result(err) {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_READONLY:
		return (&file{path: to.path}).classify(err)
	}
	return s.classify(err)
}

// Verify reads a database file whole, which no process may be writing: its header, every page and index, and the rooms' counters
// against their messages. Companions of the file are not read. Errors are classified and name the file.
func Verify(ctx context.Context, path string) (Contents, error) {
	s, err := openSource(ctx, path, alone)
	if err != nil {
		return Contents{}, err
	}
	held, err := s.verify(ctx)
	return held, errors.Join(err, s.close())
}

func (s *source) verify(ctx context.Context) (Contents, error) {
	if err := s.check(ctx); err != nil {
		return Contents{}, err
	}
	if err := s.complete(ctx); err != nil {
		return Contents{}, err
	}
	var verdict string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return Contents{}, s.classify(fmt.Errorf("integrity check: %w", err))
	}
	if verdict != "ok" {
		return Contents{}, s.damaged("integrity check: %s", verdict)
	}
	if err := s.counters(ctx); err != nil {
		return Contents{}, err
	}
	if err := s.texts(ctx); err != nil {
		return Contents{}, err
	}
	var held Contents
	err := s.conn.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM rooms), (SELECT count(*) FROM messages)").Scan(&held.Rooms, &held.Messages)
	if err != nil {
		return Contents{}, s.classify(err)
	}
	info, err := os.Stat(s.path)
	if err != nil {
		return Contents{}, err
	}
	held.Bytes = info.Size()
	return held, nil
}

// selectMiscounted finds a room whose messages do not end with its last number, or have a gap, and messages of no room.
const selectMiscounted = `SELECT coalesce(r.name, ''), coalesce(r.last_seq, 0), m.n, m.first, m.last
	FROM (SELECT room, count(*) AS n, min(seq) AS first, max(seq) AS last FROM messages GROUP BY room) m
	LEFT JOIN rooms r ON r.id = m.room
	WHERE r.id IS NULL OR m.last <> r.last_seq OR m.n <> m.last - m.first + 1 LIMIT 1`

func (s *source) counters(ctx context.Context) error {
	var name string
	var ends, n, first, last int64
	switch err := s.conn.QueryRowContext(ctx, selectMiscounted).Scan(&name, &ends, &n, &first, &last); {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return s.classify(fmt.Errorf("compare counters: %w", err))
	}
	return s.damaged("room %q ends with number %d, and has %d messages from %d to %d", name, ends, n, first, last)
}

// texts compares the messages with their texts and senders. Schemas before the fifth have all in one table.
func (s *source) texts(ctx context.Context) error {
	version, err := s.schemaVersion(ctx, s.conn)
	if err != nil || version < 5 {
		return s.classify(err)
	}
	var without, of int64
	const query = `SELECT (SELECT count(*) FROM messages LEFT JOIN texts ON number = text LEFT JOIN senders ON senders.id = sender WHERE msg IS NULL OR name IS NULL),
		(SELECT count(*) FROM texts) - (SELECT count(*) FROM messages)`
	if err := s.conn.QueryRowContext(ctx, query).Scan(&without, &of); err != nil {
		return s.classify(fmt.Errorf("compare texts: %w", err))
	}
	if without > 0 || of != 0 {
		return s.damaged("%d messages have no text or no sender, and %d texts have no message", without, of)
	}
	return nil
}

func (s *source) damaged(format string, args ...any) error {
	cause := fmt.Errorf("database file %s: %w", s.path, fmt.Errorf(format, args...))
	return errs.Wrap(errs.Internal, cause, "the database file is damaged")
}
