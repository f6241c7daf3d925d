package postgres

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// known returns the migrations of this binary.
func known(t *testing.T) []driver.Migration {
	t.Helper()
	all, err := driver.Migrations(migrations)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// tomorrowIs returns SQL that makes the schema one version newer than this binary knows, with the given oldest version.
func tomorrowIs(next, oldest int) string {
	return fmt.Sprintf(`ALTER TABLE restante.messages ADD COLUMN new_in_tomorrow text; CREATE TABLE restante.new_in_tomorrow ();
		INSERT INTO restante.migrations (version, name, oldest, release) VALUES (%d, 'tomorrow.sql', %d, 'v9.8.7');`, next, oldest)
}

// needs returns what this binary says about the schema of tomorrowIs(next, next).
func needs(next int) string {
	return fmt.Sprintf("the database needs version v9.8.7 (schema %d, oldest %d) of Restante or newer; this is schema %d: run that version",
		next, next, next-1)
}

const unknownSwitch = "INSERT INTO restante.switches VALUES ('kind:edit', 'v9.8.7', now());"

// usesEdit is what this binary says about unknownSwitch.
const usesEdit = "the database uses kind:edit since version v9.8.7, which this version does not know: run version v9.8.7 or newer"

// A database of the first version keeps every message, and gets no switches: older nodes may still use it.
func TestOpen_CarriesOverTheFirstVersion(t *testing.T) {
	database := testkit.Database(t)
	shell(t, database, foundation+known(t)[0].Script+`;
		SELECT restante.append(now(), ARRAY['a', 'a'],
			ARRAY['0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e01', '0192f0c1-5a2b-7c3d-8e4f-5a6b7c8d9e02']::uuid[],
			ARRAY['ann', 'bob'], ARRAY['one', 'two']::bytea[], ARRAY[now(), now()])`)
	if version := ask[int](t, database, "SELECT max(version) FROM restante.migrations"); version != 1 {
		t.Fatalf("version %d, want 1", version)
	}
	for range 2 {
		d := open(t, database, Config{})
		log := readRoom(t, d, "a")
		if len(log) < 2 || log[0].Msg != "one" || log[1].ClientID != "bob" {
			t.Fatalf("read %+v", log)
		}
		if done, err := d.Append(t.Context(), log[:1]); err != nil || done.Fresh != 0 || done.Messages[0] != log[0] {
			t.Errorf("a repeat: %+v, %v", done, err)
		}
		appendTo(t, d, "a", 1)
		if on, err := d.Switches(t.Context()); err != nil || len(on) != 0 {
			t.Errorf("switches %+v, %v, want none", on, err)
		}
	}
	if n := len(readRoom(t, open(t, database, Config{}), "a")); n != 4 {
		t.Errorf("%d messages, want 4", n)
	}
}

func TestOpen_RecordsEveryMigration(t *testing.T) {
	database := testkit.Database(t)
	open(t, database, Config{})
	for _, want := range known(t) {
		row := "FROM restante.migrations WHERE version = " + strconv.Itoa(want.Version)
		name, oldest := ask[string](t, database, "SELECT name "+row), ask[int](t, database, "SELECT oldest "+row)
		if release := ask[*string](t, database, "SELECT release "+row); name != want.Name || oldest != want.Oldest || (release == nil) != (want.Version == 1) {
			t.Errorf("recorded %s with oldest %d, release %v, want %+v", name, oldest, release, want)
		}
	}
}

func TestOpen_StartsOnANewerSchemaThatNamesIt(t *testing.T) {
	database := testkit.Database(t)
	running := open(t, database, Config{})
	appendTo(t, running, "a", 2)
	next := len(known(t)) + 1
	shell(t, database, tomorrowIs(next, next-1))
	d := open(t, database, Config{})
	for _, node := range []*Driver{running, d} {
		appendTo(t, node, "a", 2)
		appendTo(t, node, "b", 1)
		if n := len(readRoom(t, node, "a")); n != 4 && n != 6 {
			t.Errorf("%d messages", n)
		}
	}
	if err := Migrate(t.Context(), database, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("migrate: %v", err)
	}
	if version := ask[int](t, database, "SELECT max(version) FROM restante.migrations"); version != next {
		t.Errorf("version %d, want %d as it was", version, next)
	}
}

func TestOpen_RefusesWhatNeedsANewerVersion(t *testing.T) {
	next := len(known(t)) + 1
	for says, sql := range map[string]string{needs(next): tomorrowIs(next, next), usesEdit: unknownSwitch} {
		database := testkit.Database(t)
		appendTo(t, open(t, database, Config{}), "a", 1)
		shell(t, database, sql)
		refused(t, database, errs.Unavailable, says)
		err := Migrate(t.Context(), database, slog.New(slog.DiscardHandler))
		wantError(t, err, errs.Unavailable, says)
	}
}

// The driver refuses the same while it waits in the background: a node of a newer version migrates meanwhile.
func TestOpen_RefusesANewerVersionInTheBackground(t *testing.T) {
	next := len(known(t)) + 1
	for says, sql := range map[string]string{needs(next): tomorrowIs(next, next), usesEdit: unknownSwitch, "": tomorrowIs(next, next-1)} {
		database := testkit.Database(t)
		conn := connect(t, database)
		defer conn.Close(t.Context())
		var script bytes.Buffer
		script.WriteString("BEGIN; SELECT pg_advisory_xact_lock(" + strconv.Itoa(migrationLock) + ");" + foundation)
		for _, m := range known(t) {
			script.WriteString(m.Script + ";")
			if m.Version > 1 {
				fmt.Fprintf(&script, "INSERT INTO restante.migrations (version, name, oldest) VALUES (%d, '%s', %d);", m.Version, m.Name, m.Oldest)
			}
		}
		if _, err := conn.Exec(t.Context(), script.String()+sql); err != nil {
			t.Fatal(err)
		}
		d := open(t, database, Config{}) // returns while the other node holds the lock
		_, err := d.Append(t.Context(), newMessages("a", 1))
		wantError(t, err, errs.Unavailable, "being prepared")
		if _, err := conn.Exec(t.Context(), "COMMIT"); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			_, err = d.Append(t.Context(), newMessages("a", 1))
			if d.Retryable(err) {
				return err
			}
			return nil
		})
		if says == "" {
			if err != nil {
				t.Errorf("a schema that names this version: %v", err)
			}
			continue
		}
		wantError(t, err, errs.Unavailable, says)
	}
}

// A role that may not change tables reads and writes the switches.
func TestSwitchOn_WithoutTheRightToMigrate(t *testing.T) {
	database := testkit.Database(t)
	open(t, database, Config{})
	shell(t, database, `CREATE ROLE writer LOGIN; GRANT USAGE ON SCHEMA restante TO writer;
		GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA restante TO writer`)
	d := open(t, changed(t, database, func(u *url.URL) { u.User = url.User("writer") }), Config{})
	if err := d.SwitchOn(t.Context(), chat.FeatureMessages, "v1"); err != nil {
		t.Error(err)
	}
	if on, err := d.Switches(t.Context()); err != nil || len(on) == 0 {
		t.Errorf("switches %+v, %v", on, err)
	}
}
