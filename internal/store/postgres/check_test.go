package postgres

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// fault makes appends fail until repair is called.
type fault struct {
	cause func(t *testing.T, database string) (repair func())
	says  string
}

// changedBack is a fault that one statement makes and another one ends.
func changedBack(cause, repair, says string) fault {
	return fault{func(t *testing.T, database string) func() {
		shell(t, database, cause)
		return func() { shell(t, database, repair) }
	}, says}
}

// locked is a table that another session has locked.
func locked(table, mode string) fault {
	return fault{func(t *testing.T, database string) func() {
		conn := connect(t, database)
		if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+table+" IN "+mode+" MODE"); err != nil {
			t.Fatal(err)
		}
		return func() { _ = conn.Close(context.WithoutCancel(t.Context())) }
	}, "another session has locked rooms or a whole table of the database"}
}

func revoked(right, object string) fault {
	return changedBack("REVOKE "+right+" ON "+object+" FROM chat_node, public", "GRANT "+right+" ON "+object+" TO chat_node", "user lacks a privilege")
}

const appendFunction = "FUNCTION restante.append(text, timestamptz, text[], text[], integer[], uuid[], integer[], bytea[], timestamptz[], " +
	"integer, bigint, bigint, integer[], bigint[])"

var faults = map[string]fault{
	"messages revoked":   revoked("INSERT", "restante.messages"),
	"texts revoked":      revoked("INSERT", "restante.texts"),
	"senders revoked":    revoked("INSERT", "restante.senders"),
	"numbers revoked":    revoked("USAGE", "SEQUENCE restante.numbers"),
	"numbers unreadable": revoked("SELECT", "SEQUENCE restante.numbers"),
	"rooms revoked":      revoked("INSERT", "restante.rooms"),
	"counters revoked":   revoked("UPDATE", "restante.rooms"),
	"partitions revoked": revoked("INSERT", "restante.partitions"),
	"store revoked":      revoked("SELECT", "restante.store"),
	"function revoked":   revoked("EXECUTE", appendFunction),
	"schema revoked":     revoked("USAGE", "SCHEMA restante"),
	"messages locked":    locked("restante.messages", "ACCESS EXCLUSIVE"),
	"messages indexed":   locked("restante.messages", "SHARE"),
	"texts locked":       locked("restante.texts", "ACCESS EXCLUSIVE"),
	"senders locked":     locked("restante.senders", "ACCESS EXCLUSIVE"),
	"rooms locked":       locked("restante.rooms", "ACCESS EXCLUSIVE"),
	"store locked":       locked("restante.store", "ACCESS EXCLUSIVE"),
	"partitions locked":  locked("restante.partitions", "ACCESS EXCLUSIVE"),
	"table is missing": changedBack("ALTER TABLE restante.messages RENAME TO away", "ALTER TABLE restante.away RENAME TO messages",
		"tables are missing"),
	"read-only": {readOnly, "the database is "}, // read-only, or at first not available
}

// readOnly does what happens when a primary becomes a standby: no session may write, and new ones are refused.
func readOnly(t *testing.T, database string) func() {
	name := ask[string](t, database, "SELECT current_database()")
	shell(t, database, "ALTER DATABASE "+name+" SET default_transaction_read_only = on")
	shell(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	return func() {
		shell(t, database, "BEGIN READ WRITE; ALTER DATABASE "+name+" RESET default_transaction_read_only; COMMIT")
	}
}

// asNode returns a driver with the rights that the manual gives to a node, on the tables of a new database.
func asNode(t *testing.T, database string, cfg Config) *Driver {
	t.Helper()
	open(t, database, Config{})
	manual, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, grants, found := strings.Cut(string(manual), "**What the role needs**")
	_, grants, begins := strings.Cut(grants, "```sql\n")
	grants, _, ends := strings.Cut(grants, "```")
	if !found || !begins || !ends {
		t.Fatal("the manual does not say what the role needs")
	}
	shell(t, database, "DO $$ BEGIN CREATE ROLE chat_node LOGIN; EXCEPTION WHEN duplicate_object THEN END $$; "+grants)
	return open(t, changed(t, database, func(u *url.URL) { u.User = url.User("chat_node") }), cfg)
}

// Check fails in time while appends cannot work, whether or not one was tried, and says why. It finds back without an append.
func TestCheck_FailsWhileAppendsFail(t *testing.T) {
	for name, f := range faults {
		database := testkit.Database(t)
		d := asNode(t, database, Config{Config: driver.Config{CheckInterval: 1}})
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time they wait for a lock
			checkFaults(t, d, database, f)
		})
	}
}

func checkFaults(t *testing.T, d *Driver, database string, f fault) {
	if err := d.Check(t.Context()); err != nil {
		t.Fatalf("before the fault: %v", err)
	}
	appendTo(t, d, "a", 1)
	for _, tried := range []bool{false, true} {
		repair := f.cause(t, database)
		if tried {
			batch := newMessages("a", 1)
			batch[0].Origin = chat.Origin{Partition: 1, Generation: 2}
			batch[0].ClientID = "new here"
			if _, err := d.Append(t.Context(), batch); errs.CodeOf(err) != errs.Unavailable {
				t.Errorf("append: %v", err)
			}
		}
		for range 2 {
			start := time.Now()
			wantError(t, d.Check(t.Context()), errs.Unavailable, f.says)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("check took %v", took)
			}
		}
		repair()
		eventually(t, func() error { return d.Check(t.Context()) })
	}
	appendTo(t, d, "a", 1)
	if n := len(readRoom(t, d, "a")); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
	if rooms, err := d.Rooms(t.Context(), "", "", 10); err != nil || len(rooms) != 1 {
		t.Errorf("rooms %+v, %v: checks have left something", rooms, err)
	}
}

// The same with every connection of the server taken by others when the node needs one.
func checkWithoutConnections(t *testing.T, _ *nodes.Postgres, database string) {
	d := asNode(t, database, Config{Config: driver.Config{CheckInterval: 1}})
	checkFaults(t, d, database, fault{func(t *testing.T, database string) func() {
		var taken []*pgx.Conn
		for range 3 { // the driver may connect again before all are taken
			shell(t, database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chat_node' AND application_name = 'restante'")
			for {
				conn, err := pgx.Connect(t.Context(), changed(t, database, func(u *url.URL) { u.User = url.User("chat_node") }))
				if err != nil {
					break
				}
				taken = append(taken, conn)
			}
		}
		for range 16 { // the driver finds out that its connections were ended
			if err := d.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "57P01") {
				break
			}
		}
		return func() {
			for _, conn := range taken {
				_ = conn.Close(context.WithoutCancel(t.Context()))
			}
		}
	}, "the database has no connection left"})
}

// Probes reuse the space of those before them, so that a database that nobody writes to does not grow.
func TestCheck_LeavesTheDatabaseSmall(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{Config: driver.Config{CheckInterval: 1}})
	for _, table := range []string{"rooms", "messages", "texts", "senders", "partitions", "probe"} {
		shell(t, database, "ALTER TABLE restante."+table+" SET (autovacuum_enabled = off)")
	}
	size := func(kind string) int64 {
		return ask[int64](t, database, `SELECT sum(pg_relation_size(oid))::bigint FROM pg_class
			WHERE relnamespace = 'restante'::regnamespace AND relkind = '`+kind+"'")
	}
	var sizes []int64
	for range 2 {
		for range 400 {
			if err := d.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sizes = append(sizes, size("r"))
		shell(t, database, "VACUUM")
	}
	if sizes[0] > 1<<20 || sizes[1] > sizes[0] || size("i") > 5<<16 {
		t.Errorf("tables of %d bytes after 400 probes, %d after 400 more, indexes of %d", sizes[0], sizes[1], size("i"))
	}
}

// What only the message of a probe fails is no fault.
func TestCheck_TriggerThatRefusesTheProbe(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{Config: driver.Config{CheckInterval: 1}})
	shell(t, database, "ALTER TABLE restante.rooms ADD CHECK (name ~ '^[a-z]+$')")
	if err := errors.Join(d.Check(t.Context()), d.Check(t.Context())); err != nil {
		t.Errorf("check: %v", err)
	}
	appendTo(t, d, "a", 1)
	if _, err := d.Append(t.Context(), newMessages("1", 1)); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("append: %v", err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check after a message that the database cannot hold: %v", err)
	}
}
