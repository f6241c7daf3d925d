package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"syscall"

	sqlite3 "modernc.org/sqlite/lib"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

// marksSchema is the first version of the schema that has marks.
const marksSchema = 4

// writePragmas are those of a connection that writes. What is deleted or overwritten is zeroed in the file.
var writePragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "cache_size(-32768)", "secure_delete(1)",
	fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages), "journal_size_limit(67108864)"}

// update brings a database of an earlier version up to date before anything reads it. The database is entered first, so that a
// process that is killed meanwhile leaves files that are known to belong together. It returns how the database is entered
// afterwards.
func (w *writer) update(ctx context.Context, from origin) (_ origin, err error) {
	db, err := w.file.open(updating, w.cfg.BusyTimeout, writePragmas...)
	if err != nil {
		return from, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return from, errors.Join(err, db.Close())
	}
	due, marked, err := w.file.isOld(ctx, conn)
	if err != nil || !due {
		return from, errors.Join(err, conn.Close(), db.Close())
	}
	w.db, w.tx = db, &statements{conn: conn}
	defer func() { err = errors.Join(err, w.disconnect()) }()
	if marked {
		if err := w.tx.prepareMarks(ctx); err != nil {
			return from, err
		}
	}
	asIs := w.staysAsIs(from)
	if w.marks = from.marks; marked && !asIs {
		if err := w.enter(ctx, from.ends); err != nil {
			return from, w.file.saySpace(ctx, conn, err)
		}
		from = origin{marks: w.marks}
	}
	if marked && asIs {
		err = w.sayClosed(ctx, false)
	}
	if err == nil {
		err = w.file.carry(ctx, conn, w.cfg) // what an earlier update has left: later migrations find all messages where they belong
	}
	if err == nil {
		err = w.file.migrate(ctx, conn, w.cfg.Log)
	}
	if err == nil {
		err = w.file.carry(ctx, conn, w.cfg)
	}
	if err == nil && marked && asIs {
		err = w.sayClosed(ctx, true)
	}
	return from, w.file.saySpace(ctx, conn, err)
}

// sayClosed says in a copy that keeps its mark whether everything is in the file itself. While it is updated that is not so: if the
// process is killed, a restore of the copy must read its -wal.
func (w *writer) sayClosed(ctx context.Context, closed bool) error {
	if _, err := w.tx.conn.ExecContext(ctx, "UPDATE store SET closed = ?", closed); err != nil {
		return fmt.Errorf("say whether the copy is closed: %w", err)
	}
	_, err := w.checkpoint(ctx, "TRUNCATE")
	return err
}

// isOld reports whether a database has to be brought up to date, and whether it has marks already.
func (f *file) isOld(ctx context.Context, conn *sql.Conn) (due, marked bool, err error) {
	known, err := driver.Migrations(migrations)
	if err != nil {
		return false, false, err
	}
	version, err := f.schemaVersion(ctx, conn)
	if err != nil || version == 0 {
		return false, false, err
	}
	if version > len(known) { // nothing may be done before the versions are compared
		if err := checkVersions(ctx, conn, len(known), version); err != nil {
			return false, false, fmt.Errorf("database file %s: %w", f.path, err)
		}
	}
	carrying, err := isCarrying(ctx, conn)
	if err == nil && version >= marksSchema {
		err = conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM store)").Scan(&marked)
	}
	return version < len(known) || carrying, marked, err
}

// saySpace returns an error that says how much space an update needs if err says that the disk is full, else err.
func (f *file) saySpace(ctx context.Context, conn *sql.Conn, err error) error {
	if code := result(err); code&0xff != sqlite3.SQLITE_FULL && code != sqlite3.SQLITE_IOERR_SHMSIZE && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	_, _ = conn.ExecContext(ctx, "ROLLBACK") // of the step that has failed, if it is not rolled back yet
	needs, unknown := f.needs(ctx, conn)
	if unknown != nil {
		return errors.Join(err, unknown)
	}
	return errs.Wrap(errs.Unavailable, fmt.Errorf("database file %s: %w", f.path, err),
		"the disk is full: bringing the database up to date needs about %s more; when that is free, the next start goes on", megabytes(needs))
}
