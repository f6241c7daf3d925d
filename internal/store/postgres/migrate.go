package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/errs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock is the key of the advisory lock under which the schema is changed ("restante" in ASCII).
const migrationLock = 0x72657374616e7465

// Migrate brings the tables of the database that url names up to date and returns; log gets a line for each step. Servers
// do the same when they start. It may run while they do, and several times at once.
func Migrate(ctx context.Context, url string, log *slog.Logger) error {
	pool, server, err := newPool(url, Config{Log: log, MaxConns: 1}.withDefaults())
	if err != nil {
		return err
	}
	defer pool.Close()
	d := &Driver{cfg: Config{Log: log.With("database", server)}, pool: pool, server: server}
	return d.prepare(ctx)
}

// migrate brings the schema to the newest version that this binary knows. The version is the number of migrations that
// have been applied.
func migrate(ctx context.Context, conn *pgx.Conn, log *slog.Logger) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	version, err := schemaVersion(ctx, conn)
	for err == nil && version < len(names) {
		version, err = step(ctx, conn, names, log)
	}
	if err != nil {
		return err
	}
	if version > len(names) {
		return &finalError{errs.Wrap(errs.Unavailable, fmt.Errorf("schema version %d, known up to %d", version, len(names)),
			"the database was written by a newer version of Restante; run that version, or a newer one")}
	}
	return nil
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// schemaVersion returns 0 when there is no schema. It needs no right to change anything. It asks the catalogue and not
// to_regclass, which may answer from a cache that is older than the lock.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var there bool
	const query = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'restante' AND tablename = 'migrations')"
	if err := q.QueryRow(ctx, query).Scan(&there); err != nil || !there {
		return 0, err
	}
	var version int
	err := q.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM restante.migrations").Scan(&version)
	return version, err
}

// step applies the next migration in a transaction of its own, or none if another node has been faster, and returns the
// version that it leaves.
func step(ctx context.Context, conn *pgx.Conn, names []string, log *slog.Logger) (version int, err error) {
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
	if version >= len(names) {
		return version, tx.Commit(ctx)
	}
	start, name := time.Now(), path.Base(names[version])
	script, err := fs.ReadFile(migrations, names[version])
	if err != nil {
		return 0, fmt.Errorf("read migration: %w", err)
	}
	if version == 0 {
		script = append([]byte(foundation), script...)
	}
	if _, err := tx.Exec(ctx, string(script)); err != nil {
		return 0, fmt.Errorf("apply %s: %w", name, err)
	}
	version++
	if _, err := tx.Exec(ctx, "INSERT INTO restante.migrations (version, name) VALUES ($1, $2)", version, name); err != nil {
		return 0, fmt.Errorf("record %s: %w", name, err)
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("commit %s: %w", name, err)
	}
	log.Info("migrated the database", "version", version, "migration", name, "took", time.Since(start).String())
	return version, nil
}

// foundation goes before the first migration.
const foundation = `CREATE SCHEMA IF NOT EXISTS restante;
CREATE TABLE restante.migrations (
	version    integer PRIMARY KEY,
	name       text NOT NULL,
	applied_at timestamptz NOT NULL DEFAULT now()
);
`
