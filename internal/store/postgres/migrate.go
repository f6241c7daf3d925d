package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/build"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

//go:embed migrations/*.sql
var released embed.FS

// migrationLock is the key of the advisory lock under which the schema is changed ("restante" in ASCII).
const migrationLock = 0x72657374616e7465

// Migrate brings the tables of the database that url names up to date and returns; log gets a line for each step. Servers
// do the same when they start. It may run beside them, and several times at once.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	d, err := newDriver(url, Config{Config: driver.Config{Log: log}, MaxConns: 1})
	if err != nil {
		return err
	}
	defer d.pool.Close()
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer d.disconnect(ctx, conn)
	return d.prepare(ctx, conn)
}

// migrate brings the schema to the newest version that this binary knows, once, and ends what another node has begun. Later it only checks the version: a schema that
// was dropped or restored under an open driver is an operator's to bring up to date. It changes nothing in a database of a newer
// version, and returns a final error if this binary must not use that. The version is the number of migrations that were
// applied.
func (d *Driver) migrate(ctx context.Context, conn *pgx.Conn) error {
	known, err := driver.Migrations(migrations)
	if err != nil {
		return err
	}
	version, err := schemaVersion(ctx, conn)
	if err == nil && d.migrated && version < len(known) {
		return errs.Wrap(errs.Unavailable, fmt.Errorf("database %s: schema %d of %d", d.server, version, len(known)), "%s", tablesMissing)
	}
	for err == nil {
		if version >= sendersMigration {
			err = d.carry(ctx, conn)
		}
		if err != nil || version >= len(known) {
			break
		}
		version, err = step(ctx, conn, known, d.cfg.Log)
	}
	if err != nil {
		return err
	}
	d.migrated = true
	return d.checkVersions(ctx, conn, len(known), version)
}

// sendersMigration is the migration after which messages have to be carried over, see carry.go.
const sendersMigration = 5

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion returns 0 when the schema does not exist. It needs no privilege to change anything. It reads the catalogue,
// because to_regclass may answer from a cache that is older than the lock.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var exists bool
	const query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'restante' AND tablename = 'migrations')"
	if err := q.QueryRow(ctx, query).Scan(&exists); err != nil || !exists {
		return 0, err
	}
	var version int
	err := q.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM restante.migrations").Scan(&version)
	return version, err
}

// checkVersions returns a final error if the database says that a newer version of Restante is needed.
func (d *Driver) checkVersions(ctx context.Context, q querier, known, version int) error {
	newer, err := query(ctx, q, func(row pgx.CollectableRow) (m driver.Migration, err error) {
		return m, row.Scan(&m.Version, &m.Name, &m.Oldest, &m.Release)
	}, "SELECT version, name, oldest, coalesce(release, '') FROM restante.migrations WHERE version > $1 ORDER BY version", known)
	if err != nil {
		return err
	}
	needed := driver.CheckSchema(known, version, newer)
	if needed == nil {
		on, err := readSwitches(ctx, q)
		if err != nil {
			return err
		}
		needed = driver.CheckSwitches(on)
	}
	if needed != nil {
		return &finalError{fmt.Errorf("database %s: %w", d.server, needed)}
	}
	return nil
}

// step applies the next migration in a transaction of its own, and returns the version after it. It applies none if another
// node has been faster. In a store that is made new it applies all of them, and writes its switches.
func step(ctx context.Context, conn *pgx.Conn, known []driver.Migration, log *slog.Logger) (version int, err error) {
	start := time.Now()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
		}
	}()
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = 0"); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(migrationLock)); err != nil {
		return 0, err
	}
	if version, err = schemaVersion(ctx, tx); err != nil {
		return 0, err
	}
	if version >= len(known) {
		return version, tx.Commit(ctx)
	}
	next := known[version : version+1]
	if version == 0 {
		next = known
	}
	if err := apply(ctx, tx, next); err != nil {
		return 0, err
	}
	last := next[len(next)-1]
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("commit %s: %w", last.Name, err)
	}
	for _, m := range next {
		log.Info("migrated the database", "version", m.Version, "migration", m.Name, "took", time.Since(start).String())
	}
	return last.Version, nil
}

func apply(ctx context.Context, tx pgx.Tx, next []driver.Migration) error {
	for _, m := range next {
		script := m.Script
		if m.Version == 1 {
			script = foundation + script
		}
		if _, err := tx.Exec(ctx, script); err != nil {
			return fmt.Errorf("apply %s: %w", m.Name, err)
		}
		if m.Version == 1 {
			continue // foundation records it
		}
		_, err := tx.Exec(ctx, "INSERT INTO restante.migrations (version, name, oldest, release) VALUES ($1, $2, $3, $4)",
			m.Version, m.Name, m.Oldest, m.Release)
		if err != nil {
			return fmt.Errorf("record %s: %w", m.Name, err)
		}
	}
	if next[0].Version > 1 {
		return nil
	}
	if _, err := tx.Exec(ctx, dropOld); err != nil {
		return fmt.Errorf("drop the tables of the version before: %w", err)
	}
	for _, feature := range chat.AddedFeatures() {
		if _, err := tx.Exec(ctx, insertSwitch, feature, build.Version(), chat.Micros(time.Now())); err != nil {
			return fmt.Errorf("switch on %s: %w", feature, err)
		}
	}
	return nil
}

// foundation goes before the first migration, and records it.
const foundation = `CREATE SCHEMA IF NOT EXISTS restante;
CREATE TABLE restante.migrations (
	version    integer PRIMARY KEY,
	name       text NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO restante.migrations (version, name) VALUES (1, '0001_log.sql');
`
