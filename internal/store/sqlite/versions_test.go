package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
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

// tomorrowIs makes the schema one version newer than this binary knows, with the given oldest version.
func tomorrowIs(t *testing.T, path string, oldest int) {
	t.Helper()
	next := len(known(t)) + 1
	shell(t, path, fmt.Sprintf(`ALTER TABLE messages ADD COLUMN new_in_tomorrow TEXT; CREATE TABLE new_in_tomorrow (id INTEGER);
		INSERT INTO migrations (version, name, oldest, release, applied_at) VALUES (%d, 'tomorrow.sql', %d, 'v9.8.7', 1);
		PRAGMA user_version = %[1]d`, next, oldest))
}

// A database of the first version keeps every message, and gets no switches: older versions may still use it.
func TestOpen_CarriesOverTheFirstVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	shell(t, path, known(t)[0].Script+fmt.Sprintf(`; PRAGMA user_version = 1; PRAGMA application_id = %d;
		INSERT INTO rooms VALUES (7, 'a', 2, 1700000000000002);
		INSERT INTO messages VALUES
			(7, 1, x'0192f0c15a2b7c3d8e4f5a6b7c8d9e01', 'ann', 'one', 1700000000000000, 1700000000000001),
			(7, 2, x'0192f0c15a2b7c3d8e4f5a6b7c8d9e02', 'bob', 'two', 1700000000000000, 1700000000000002)`, applicationID))
	for range 2 {
		d := open(t, path, Config{})
		page, err := d.After(t.Context(), "a", 0, 10)
		if err != nil || len(page) < 2 || page[0].Msg != "one" || page[1].ClientID != "bob" || page[1].StoredAt.UnixMicro() != 1700000000000002 {
			t.Fatalf("read %+v, %v", page, err)
		}
		again := page[:1]
		if done, err := d.Append(t.Context(), again); err != nil || done.Fresh != 0 || done.Messages[0] != again[0] {
			t.Errorf("a repeat: %+v, %v", done, err)
		}
		appendTo(t, d, "a", 1)
		if on, err := d.Switches(t.Context()); err != nil || len(on) != 0 {
			t.Errorf("switches %+v, %v, want none", on, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	wantLog(t, open(t, path, Config{}), 4)
}

func TestOpen_RecordsEveryMigration(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	conn, err := d.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	recorded, err := newerMigrations(t.Context(), conn, 0)
	if err != nil || len(recorded) != len(known(t)) {
		t.Fatalf("recorded %+v, %v", recorded, err)
	}
	for i, want := range known(t) {
		want.Script = ""
		if i == 0 {
			want.Release = "" // the first version did not record it
		}
		if recorded[i] != want {
			t.Errorf("recorded %+v, want %+v", recorded[i], want)
		}
	}
}

func TestOpen_StartsOnANewerSchemaThatNamesIt(t *testing.T) {
	path := written(t)
	next := len(known(t)) + 1
	tomorrowIs(t, path, next-1)
	for range 2 {
		d := open(t, path, Config{})
		appendTo(t, d, "a", 5)
		appendTo(t, d, "b", 1)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, path, Config{})
	wantLog(t, d, 110)
	var version int
	if err := d.db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil || version != next {
		t.Errorf("version %d, %v, want %d as it was", version, err, next)
	}
}

func TestOpen_RefusesANewerSchemaThatDoesNotNameIt(t *testing.T) {
	path := written(t)
	next := len(known(t)) + 1
	tomorrowIs(t, path, next)
	refused(t, path, errs.Unavailable, path, fmt.Sprintf(
		"the database needs version v9.8.7 (schema %d, oldest %d) of Restante or newer; this is schema %d: run that version", next, next, next-1))
}

func TestOpen_RefusesUnknownSwitches(t *testing.T) {
	path := written(t)
	d := open(t, path, Config{})
	for f, release := range map[chat.Feature]string{chat.FeatureMessages: "v1", "kind:edit": "v9.8.7"} {
		if err := d.SwitchOn(t.Context(), f, release); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(t, d, "a", 1) // an open store goes on: package server checks the switches meanwhile
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, path, errs.Unavailable, path,
		"the database uses kind:edit since version v9.8.7, which this version does not know: run version v9.8.7 or newer")
}
