package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
)

// applicationID marks a database file as one of Restante ("rest" in ASCII), in its header.
const applicationID = 0x72657374

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to the newest version that this binary knows. The version is the number of migrations that
// have been applied; it stands in the file's header (user_version).
func (f *file) migrate(ctx context.Context, conn *sql.Conn, log *slog.Logger) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return fmt.Errorf("list migrations: %w", err)
	}
	version, err := f.schemaVersion(ctx, conn)
	if err != nil {
		return err
	}
	if version > len(names) {
		return unusable(f.path, fmt.Errorf("schema version %d, known up to %d", version, len(names)),
			"the database was written by a newer version of Restante")
	}
	for i := version; i < len(names); i++ {
		script, err := fs.ReadFile(migrations, names[i])
		if err != nil {
			return fmt.Errorf("read migration: %w", err)
		}
		if err := apply(ctx, conn, string(script), i+1); err != nil {
			return fmt.Errorf("apply %s: %w", names[i], err)
		}
		log.Info("migrated the database", "file", f.path, "version", i+1, "migration", path.Base(names[i]))
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

func apply(ctx context.Context, conn *sql.Conn, script string, version int) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	script += fmt.Sprintf("\nPRAGMA user_version = %d; PRAGMA application_id = %d;", version, applicationID)
	if _, err := tx.ExecContext(ctx, script); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
