package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// anchor is a connection that stays open until the writer has said how it leaves the file. When the last connection is closed and it
// can write, SQLite removes the -wal, and then nobody could know whether it was lost. This one cannot write.
type anchor struct {
	db   *sql.DB
	conn *sql.Conn
}

// drop opens an anchor.
func (f *file) drop(ctx context.Context) (*anchor, error) {
	db, err := f.open(readOnly, 0)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	a := &anchor{db, conn}
	if err := a.hold(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

// hold reads something: from then on the connection has the -wal open, if there is one.
func (a *anchor) hold(ctx context.Context) error {
	var tables int
	if err := a.conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return fmt.Errorf("read schema: %w", err)
	}
	return nil
}

func (a *anchor) close() error { return errors.Join(a.conn.Close(), a.db.Close()) }
