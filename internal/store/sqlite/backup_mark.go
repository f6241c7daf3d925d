package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
)

// stampClosed gives a copy a mark of its own and says in it that it is closed: everything is in the one file. A server that finds it
// in the place of its database then knows that it is another one. A copy of a schema without marks stays as it is.
func stampClosed(ctx context.Context, path string) (err error) {
	db, err := openAt(path, url.Values{"mode": {"rw"}}, "synchronous(OFF)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return classifyAt(path, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return classifyAt(path, stamp(ctx, conn))
}

func stamp(ctx context.Context, conn *sql.Conn) error {
	var marked int
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'store'").Scan(&marked); err != nil {
		return fmt.Errorf("look for the mark: %w", err)
	}
	if marked == 0 {
		return nil
	}
	if _, err := conn.ExecContext(ctx, "UPDATE store SET mark = ?, closed = 1", randomMark()); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	var busy, size, copied int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &size, &copied); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	if busy != 0 || size != copied {
		return fmt.Errorf("checkpoint: %d of %d pages were written", copied, size)
	}
	return nil
}

func randomMark() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
