package postgres

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/store/drivertest"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) {
	// Each run of the suite's random test is a hundred round trips; a flag on the command line goes before this.
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
	testkit.MainWithoutBinary(m)
}

func TestDriver(t *testing.T) {
	database := testkit.Database(t)
	opened := func(t *testing.T, now func() time.Time) driver.Driver {
		return open(t, database, Config{Config: driver.Config{Now: now, CheckInterval: 1}}) // it checks with a write each time
	}
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T, now func() time.Time) driver.Driver {
			shell(t, database, "DROP SCHEMA IF EXISTS restante CASCADE") // several times faster than a new database
			return opened(t, now)
		},
		Reopen: func(t *testing.T, d driver.Driver, now func() time.Time) driver.Driver {
			if err := d.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			return opened(t, now)
		},
		EndEpoch: func(t *testing.T, d driver.Driver, _ func() time.Time, reason string) driver.Driver {
			if err := d.(*Driver).EndEpoch(t.Context(), reason); err != nil {
				t.Fatalf("end the epoch: %v", err)
			}
			return d
		},
		RemoveOldest: func(t *testing.T, _ driver.Driver, room string, upTo int64) {
			shell(t, database, fmt.Sprintf("DELETE FROM restante.messages WHERE room = '%s' AND seq <= %d", room, upTo))
		},
		Break: func(t *testing.T, d driver.Driver) (repair func()) {
			name := d.(*Driver).pool.Config().ConnConfig.Database
			shell(t, database, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
			shell(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
			return func() {
				shell(t, database, "BEGIN READ WRITE; ALTER DATABASE "+name+" RESET default_transaction_read_only; COMMIT")
			}
		},
	})
}

func open(t testing.TB, url string, cfg Config) *Driver {
	t.Helper()
	d, err := Open(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// shell runs SQL as an operator does.
func shell(t testing.TB, url, sql string) {
	t.Helper()
	if err := attempted(t, url, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// attempted runs SQL as shell does, and returns its error.
func attempted(t testing.TB, url, sql string) error {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(context.WithoutCancel(t.Context()))
	_, err := conn.Exec(t.Context(), sql)
	return err
}

// ask returns the first column of the first row.
func ask[T any](t testing.TB, url, sql string) T {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(context.WithoutCancel(t.Context()))
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // several statements at once
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func newMessages(room string, n int) []chat.Message {
	batch := make([]chat.Message, n)
	for i := range batch {
		batch[i] = chat.Message{
			ID: uuid.NewString(), Room: room, ClientID: "ann", Msg: fmt.Sprintf("text %d", i), SentAt: chat.Micros(time.Now()),
		}
	}
	return batch
}

func appendTo(t testing.TB, d *Driver, room string, n int) []chat.Message {
	t.Helper()
	done, err := d.Append(t.Context(), newMessages(room, n))
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return done.Messages
}

// readRoom returns a whole room, whose numbers must be dense and whose times must rise.
func readRoom(t testing.TB, d *Driver, room string) []chat.Message {
	t.Helper()
	var all []chat.Message
	for {
		page, err := d.After(t.Context(), room, int64(len(all)), 1000)
		if err != nil {
			t.Fatalf("read %s: %v", room, err)
		}
		if len(page) == 0 {
			return all
		}
		for _, m := range page {
			if m.Seq != int64(len(all))+1 || len(all) > 0 && !m.StoredAt.After(all[len(all)-1].StoredAt) {
				t.Fatalf("%s: number %d of %v follows %d messages", room, m.Seq, m.StoredAt, len(all))
			}
			all = append(all, m)
		}
	}
}

func wantError(t testing.TB, err error, code errs.Code, says ...string) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Errorf("error %v of class %q, want %q", err, errs.CodeOf(err), code)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has several lines", err)
	}
}
