package nodes_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/testkit/nodes"
)

// A standby gets what is written; promoted, it takes writes. A backup that is restored has what was there when it was made.
func TestPostgres_StandbyAndBackup(t *testing.T) {
	leavesNothing(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	primary, err := nodes.StartPostgres(ctx, nodes.PostgresConfig{})
	check(t, err)
	defer primary.Stop()
	url, err := primary.Database(ctx, "a")
	check(t, err)
	execute(t, url, "CREATE TABLE numbers (n integer); INSERT INTO numbers VALUES (1)")
	check(t, primary.Backup(ctx))
	standby, err := primary.Standby(ctx, primary.Addr())
	check(t, err)
	defer standby.Stop()
	execute(t, url, "SET synchronous_commit = on; INSERT INTO numbers VALUES (2)")
	other := "postgres://postgres@" + standby.Addr() + "/a?sslmode=disable"
	for count(t, other) < 2 && ctx.Err() == nil { // it follows within milliseconds
	}
	check(t, standby.Promote(ctx))
	execute(t, other, "INSERT INTO numbers VALUES (3)")
	check(t, primary.RestoreBackup(ctx))
	if n := count(t, url); n != 1 {
		t.Errorf("%d rows after the restore, want 1", n)
	}
	if n := count(t, other); n != 3 {
		t.Errorf("%d rows in the promoted standby, want 3", n)
	}
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql)
	check(t, err)
}

func count(t *testing.T, url string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	check(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM numbers").Scan(&n))
	return n
}
