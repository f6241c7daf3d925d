package driver_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func TestMigrations_SayTheOldestVersionThatMayStart(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	base := fstest.MapFS{"migrations/0002_b.sql": file("-- oldest: 2\nB"), "migrations/0001_a.sql": file("-- oldest: 1\nA")}
	got, err := driver.Migrations([]fs.FS{base, fstest.MapFS{"more/0003_c.sql": file("-- oldest: 2\nC")}})
	if err != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []driver.Migration{{1, "0001_a.sql", 1, "", "A"}, {2, "0002_b.sql", 2, "", "B"}, {3, "0003_c.sql", 2, "", "C"}} {
		m := got[i]
		if m.Version != want.Version || m.Name != want.Name || m.Oldest != want.Oldest || m.Release == "" || !strings.HasSuffix(m.Script, want.Script) {
			t.Errorf("got %+v, want %+v and a release", m, want)
		}
	}
	for _, text := range []string{"A", "-- oldest: x\n", "-- oldest: 0\n", "-- oldest: 2\n", "\n-- oldest: 1\n"} {
		if _, err := driver.Migrations([]fs.FS{fstest.MapFS{"migrations/0001_a.sql": file(text)}}); err == nil {
			t.Errorf("a first migration that begins with %q is accepted", text)
		}
	}
}

func TestCheckSchema(t *testing.T) {
	third := driver.Migration{Version: 3, Oldest: 2, Release: "v0.3.0"}
	fourth := driver.Migration{Version: 4, Oldest: 4, Release: "v0.4.0"}
	fifth := driver.Migration{Version: 5, Oldest: 2, Release: "v0.5.0"}
	for name, tc := range map[string]struct {
		version  int
		recorded []driver.Migration
		want     string // "": the binary may start
	}{
		"one that names this version":   {3, []driver.Migration{third}, ""},
		"one that does not":             {4, []driver.Migration{third, fourth}, "version v0.4.0 (schema 4, oldest 4) of Restante or newer; this is schema 2: run that version"},
		"not, and a later one":          {5, []driver.Migration{third, fourth, fifth}, "version v0.4.0 (schema 5, oldest 4) of Restante or newer; this is schema 2"},
		"a version that is no record":   {4, []driver.Migration{third}, "a newer version of Restante (schema 4); this is schema 2"},
		"no records":                    {9999, nil, "a newer version of Restante (schema 9999); this is schema 2"},
		"a record without its release":  {3, []driver.Migration{{Version: 3, Oldest: 3}}, "a newer version of Restante (schema 3); this is schema 2"},
		"another node migrates further": {3, []driver.Migration{third, {Version: 4, Oldest: 1}}, ""},
	} {
		err := driver.CheckSchema(2, tc.version, tc.recorded)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (errs.CodeOf(err) != errs.Unavailable || !strings.Contains(errs.Public(err), "the database needs "+tc.want)):
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestCheckSwitches(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	known := driver.Switch{Feature: chat.FeatureMessages, Release: "v0.1.0", At: at}
	if err := driver.CheckSwitches([]driver.Switch{known}); err != nil {
		t.Errorf("a known feature: %v", err)
	}
	on := []driver.Switch{{"cursor:x", "v0.3.0", at.Add(time.Hour)}, {"kind:edit", "v0.4.0", at.Add(2 * time.Hour)}, known}
	const want = "the database uses kind:edit since version v0.4.0, which this version does not know: run version v0.4.0 or newer"
	if err := driver.CheckSwitches(on); errs.CodeOf(err) != errs.Unavailable || err.Error() != want {
		t.Errorf("%v, want %q", err, want)
	}
	if on[2] != known || on[0].Feature != "cursor:x" {
		t.Errorf("the argument was changed: %+v", on)
	}
}
