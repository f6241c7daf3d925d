package postgres

import (
	"bytes"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// changed returns the URL after change.
func changed(t testing.TB, database string, change func(u *url.URL)) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func refused(t *testing.T, url string, code errs.Code, says ...string) {
	t.Helper()
	d, err := Open(t.Context(), url, Config{})
	if err == nil {
		_ = d.Close()
		t.Errorf("opened, want an error that says %q", says)
		return
	}
	wantError(t, err, code, says...)
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestOpen_RefusesWhatWaitingDoesNotChange(t *testing.T) {
	database := testkit.Database(t)
	refused(t, "postgres://u:secret@host:port/db", errs.Invalid, "USER:PASSWORD@HOST:PORT/DATABASE")
	refused(t, changed(t, database, func(u *url.URL) { u.Path = "/nowhere" }), errs.Unavailable, "create it: CREATE DATABASE", "nowhere")
	refused(t, changed(t, database, func(u *url.URL) { u.User = url.UserPassword("nobody", "secret") }), errs.Unavailable, "refuses the user")

	shell(t, database, "CREATE ROLE guest LOGIN")
	guest := changed(t, database, func(u *url.URL) { u.User = url.User("guest") })
	refused(t, guest, errs.Unavailable, "lacks a privilege", "restante migrate")

	open(t, database, Config{})
	shell(t, database, "INSERT INTO restante.migrations (version, name, oldest) VALUES (9999, 'from the future', 9999)")
	refused(t, database, errs.Unavailable, "newer version of Restante", "9999")

	shell(t, database, "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	refused(t, changed(t, database, func(u *url.URL) { u.Path = "/latin" }), errs.Unavailable, "ENCODING 'UTF8'", "LATIN1")
}

// A server needs no user that owns the tables: the owner has migrated them and granted the privileges.
func TestOpen_WithoutTheRightToMigrate(t *testing.T) {
	database := testkit.Database(t)
	if err := Migrate(t.Context(), database, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	shell(t, database, `CREATE ROLE app LOGIN; GRANT USAGE ON SCHEMA restante TO app;
		GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA restante TO app;
		GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA restante TO app`)
	d := open(t, changed(t, database, func(u *url.URL) { u.User = url.User("app") }), Config{})
	appendTo(t, d, "a", 2)
	if err := d.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpen_SeveralNodesMigrateAtOnce(t *testing.T) {
	database := testkit.Database(t)
	var logged syncBuffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			d, err := Open(t.Context(), database, Config{Config: driver.Config{Log: log}, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := d.Append(t.Context(), newMessages("a", 1)); err != nil {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := strings.Count(logged.String(), "0001_log.sql"); n != 1 {
		t.Errorf("migrated %d times:\n%s", n, logged.String())
	}
	if n := ask[int](t, database, "SELECT last_seq FROM restante.rooms"); n != 6 {
		t.Errorf("%d messages, want 6", n)
	}
}

// A failed migration leaves nothing behind.
func TestOpen_MigrationIsAllOrNothing(t *testing.T) {
	database := testkit.Database(t)
	shell(t, database, "CREATE SCHEMA restante; CREATE TABLE restante.probe ()") // of another program
	if d, err := Open(t.Context(), database, Config{}); err == nil {
		// It waits: the operator may remove the table.
		if _, err := d.Append(t.Context(), newMessages("a", 1)); err == nil {
			t.Error("stored without tables")
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := ask[int](t, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'restante'"); n != 1 {
		t.Errorf("%d tables, want only the one of the other program", n)
	}
}

func TestOpen_WaitsForTheServer(t *testing.T) {
	server := testkit.OwnPostgres(t)
	database, err := server.Database(t.Context(), "later")
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	var logged syncBuffer
	d := open(t, database, Config{Config: driver.Config{Log: slog.New(slog.NewTextHandler(&logged, nil)), CheckInterval: 1}})
	for what, err := range map[string]error{
		"append": func() error { _, err := d.Append(t.Context(), newMessages("a", 1)); return err }(),
		"read":   func() error { _, err := d.After(t.Context(), "a", 0, 1); return err }(),
		"check":  d.Check(t.Context()),
	} {
		wantError(t, err, errs.Unavailable, "cannot be reached", server.Addr())
		if !d.Retryable(err) {
			t.Errorf("%s: %v is not worth a retry", what, err)
		}
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return d.Check(t.Context()) })
	appendTo(t, d, "a", 1)
	for _, line := range []string{"level=WARN", "waiting for it", "the database is ready"} {
		if !strings.Contains(logged.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, logged.String())
		}
	}
}

// A migration that takes long, or is under way on another node, holds up no start.
func TestOpen_MigrationTakesLong(t *testing.T) {
	database := testkit.Database(t)
	conn := connect(t, database)
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT pg_advisory_xact_lock("+strconv.Itoa(migrationLock)+")"); err != nil {
		t.Fatal(err)
	}
	d := open(t, database, Config{})
	_, err := d.Append(t.Context(), newMessages("a", 1))
	wantError(t, err, errs.Unavailable, "being prepared")
	if !d.Retryable(err) {
		t.Errorf("%v is not worth a retry", err)
	}
	if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := d.Append(t.Context(), newMessages("a", 1)); return err })
}

func TestOpen_CloseWhileWaiting(t *testing.T) {
	d, err := Open(t.Context(), "postgres://u@127.0.0.1:1/db", Config{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("close took %v", took)
	}
	_, err = d.Append(t.Context(), newMessages("a", 1))
	wantError(t, err, errs.Unavailable, "closed")
}

func TestOpen_WarnsOfUnsafeSettings(t *testing.T) {
	database := testkit.Database(t)
	shell(t, database, "ALTER SYSTEM SET full_page_writes = off")
	shell(t, database, "SELECT pg_reload_conf()")
	defer shell(t, database, "SELECT pg_reload_conf()")
	defer shell(t, database, "ALTER SYSTEM RESET full_page_writes")
	var logged syncBuffer
	eventually(t, func() error { // the reload takes a moment
		logged.reset()
		open(t, database, Config{Config: driver.Config{Log: slog.New(slog.NewTextHandler(&logged, nil))}})
		if !strings.Contains(logged.String(), "may lose accepted messages") {
			return errors.New("no warning: " + logged.String())
		}
		return nil
	})
}

func TestDriver_Metrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	open(t, testkit.Database(t), Config{Metrics: reg, MaxConns: 3})
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
	want := `# HELP restante_postgres_connections_max Connections that this node opens at most.
# TYPE restante_postgres_connections_max gauge
restante_postgres_connections_max 3
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "restante_postgres_connections_max"); err != nil {
		t.Error(err)
	}
}

func TestOpen_PoolSize(t *testing.T) {
	database := testkit.Database(t)
	limited := changed(t, database, func(u *url.URL) { u.RawQuery += "&pool_max_conns=5" })
	for _, tc := range []struct {
		url  string
		cfg  Config
		want int32
	}{{database, Config{}, defaultMaxConns}, {limited, Config{}, 5}, {limited, Config{MaxConns: 7}, 7}} {
		if got := open(t, tc.url, tc.cfg).pool.Config().MaxConns; got != tc.want {
			t.Errorf("%d connections, want %d", got, tc.want)
		}
	}
}

// eventually waits until f succeeds.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %v", err)
		}
	}
}

// syncBuffer is a buffer for concurrent use.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *syncBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}
