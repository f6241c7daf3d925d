package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"restante/internal/build"
	"restante/internal/chat"
	"restante/internal/store/driver"
)

// applicationID marks a database file as one of Restante ("rest" in ASCII), in its header.
const applicationID = 0x72657374

//go:embed migrations/*.sql
var released embed.FS

// migrate brings the schema to the newest version that this binary knows. It changes nothing in a database of a newer
// version, and returns an error if this binary must not use that. The version is the number of migrations that were
// applied; it is in the file's header (user_version), where every older version checks it, too.
func (f *file) migrate(ctx context.Context, conn *sql.Conn, log *slog.Logger) error {
	known, err := driver.Migrations(migrations)
	if err != nil {
		return err
	}
	version, err := f.schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if version < len(known) {
		if err := apply(ctx, conn, known, version); err != nil {
			return err
		}
		for _, m := range known[version:] {
			log.Info("migrated the database", "file", f.path, "version", m.Version, "migration", m.Name)
		}
	}
	if err := checkVersions(ctx, conn, len(known), version); err != nil {
		return fmt.Errorf("database file %s: %w", f.path, err)
	}
	return nil
}

// schemaVersion reads the header and the schema, which is also the check for damage at opening: checking all pages would
// take minutes for a large file.
func (f *file) schemaVersion(ctx context.Context, conn *sql.Conn) (int, error) {
	var version, app, tables int
	for query, dst := range map[string]*int{
		"PRAGMA user_version":                &version,
		"PRAGMA application_id":              &app,
		"SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := conn.QueryRowContext(ctx, query).Scan(dst); err != nil {
			return 0, fmt.Errorf("read schema: %w", err)
		}
	}
	if app != applicationID && (app != 0 || tables != 0) {
		return 0, unusable(f.path, fmt.Errorf("application id %#x, %d tables", app, tables),
			"the file is a database of another program")
	}
	return version, nil
}

// apply applies the migrations that follow version in one transaction. A store that is made new gets its switches there,
// too.
func apply(ctx context.Context, conn *sql.Conn, known []driver.Migration, version int) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := upgrade(ctx, tx, known, version); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func upgrade(ctx context.Context, tx *sql.Tx, known []driver.Migration, version int) error {
	now := time.Now().UnixMicro()
	for _, m := range known[version:] {
		if _, err := tx.ExecContext(ctx, m.Script); err != nil {
			return fmt.Errorf("apply %s: %w", m.Name, err)
		}
		if m.Version == 1 {
			continue // the second migration records the first one
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO migrations (version, name, oldest, release, applied_at) VALUES (?, ?, ?, ?, ?)",
			m.Version, m.Name, m.Oldest, m.Release, now)
		if err != nil {
			return fmt.Errorf("record %s: %w", m.Name, err)
		}
	}
	if version == 0 {
		for _, feature := range chat.AddedFeatures() {
			if _, err := tx.ExecContext(ctx, insertSwitch, feature, build.Version(), now); err != nil {
				return fmt.Errorf("switch on %s: %w", feature, err)
			}
		}
	}
	if err := found(ctx, tx, now); err != nil {
		return err
	}
	if err := nothingToCarry(ctx, tx); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", len(known), applicationID))
	return err
}

// nothingToCarry removes the old table of messages at once when it is empty, see carrier.
func nothingToCarry(ctx context.Context, tx *sql.Tx) error {
	carrying, err := isCarrying(ctx, tx)
	if err != nil || !carrying {
		return err
	}
	var total int64
	if err := tx.QueryRowContext(ctx, "SELECT total FROM carrying").Scan(&total); err != nil || total > 0 {
		return err
	}
	_, err = tx.ExecContext(ctx, dropBefore)
	return err
}

// found gives a store that has no id yet its id and its first epoch.
func found(ctx context.Context, tx *sql.Tx, now int64) error {
	id, err := uuid.NewRandom()
	if err != nil {
		return err
	}
	res, err := tx.ExecContext(ctx, "INSERT INTO store (one, id, mark, closed, turns) VALUES (1, ?, '', 0, 0) ON CONFLICT DO NOTHING", id.String())
	if err != nil {
		return fmt.Errorf("give the store an id: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	if _, err := tx.ExecContext(ctx, insertEpoch, 1, driver.NewMark(), now, ""); err != nil {
		return fmt.Errorf("begin the first epoch: %w", err)
	}
	return nil
}

// checkVersions returns an error if the database says that a newer version of Restante is needed.
func checkVersions(ctx context.Context, conn *sql.Conn, known, version int) error {
	newer, err := newerMigrations(ctx, conn, known)
	if err != nil {
		return err
	}
	if err := driver.CheckSchema(known, version, newer); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, selectSwitches)
	if err != nil {
		return err
	}
	on, err := scanSwitches(rows)
	if err != nil {
		return err
	}
	return driver.CheckSwitches(on)
}

// newerMigrations returns what the database records of the migrations that this binary does not know.
func newerMigrations(ctx context.Context, conn *sql.Conn, known int) (newer []driver.Migration, err error) {
	rows, err := conn.QueryContext(ctx,
		"SELECT version, name, oldest, coalesce(release, '') FROM migrations WHERE version > ? ORDER BY version", known)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var m driver.Migration
		if err := rows.Scan(&m.Version, &m.Name, &m.Oldest, &m.Release); err != nil {
			return nil, err
		}
		newer = append(newer, m)
	}
	return newer, rows.Err()
}
