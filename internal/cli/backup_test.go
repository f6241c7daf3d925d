package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/store/sqlite"
)

func TestBackup_AndRestoreBesideARunningServer(t *testing.T) {
	source := filled(t, 3, 600)
	s := opened(t, source)
	dir := t.TempDir()
	to := filepath.Join(dir, "backup.db")
	made := run(t.Context(), "", "backup", "--store", string(source), "--to", to)
	made.want(t, exitOK, to+" has 3 rooms, 1800 messages, ", "")
	run(t.Context(), "", "backup", "--store", string(source), "--to", to).want(t, exitFailed, "", "exists already")
	run(t.Context(), "", "restore", to, "--store", string(source)).want(t, exitUnavailable, "", "stop the server that uses it")

	data := filepath.Join(t.TempDir(), "data")
	run(t.Context(), "", "restore", to, "--data", data).want(t, exitOK, "restante.db has 3 rooms, 1800 messages, ", "")
	restored := opened(t, storeURL("sqlite:"+filepath.Join(data, "restante.db")))
	if r, err := restored.Room(t.Context(), "room-2"); err != nil || r.LastSeq != 600 {
		t.Errorf("the restored room is %+v, %v", r, err)
	}
	for _, s := range []io.Closer{s, restored} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	again := run(t.Context(), "", "restore", to, "--data", data)
	again.want(t, exitOK, "What was there before is in "+filepath.Join(data, "before-restore-"), "")
	again.want(t, exitOK, "Start the server now", "")
}

// The default name says the time, in the working directory or in one that is named.
func TestBackup_DefaultName(t *testing.T) {
	source := filled(t, 1, 3)
	name := regexp.MustCompile(`restante-20\d{6}T\d{6}Z\.db has 1 rooms, 3 messages, `)
	dir := t.TempDir()
	t.Chdir(t.TempDir())
	for _, args := range [][]string{nil, {"--to", dir}} {
		o := run(t.Context(), "", append([]string{"backup", "--store", string(source)}, args...)...)
		if o.code != exitOK || !name.MatchString(o.out) {
			t.Errorf("%v: %+v", args, o)
		}
	}
	for _, d := range []string{".", dir} {
		if found, err := filepath.Glob(filepath.Join(d, "restante-*Z.db")); err != nil || len(found) != 1 {
			t.Errorf("%s has %v, %v", d, found, err)
		}
	}
}

// A backup goes through a pipe into a restore.
func TestBackup_ThroughAPipe(t *testing.T) {
	source, data := filled(t, 2, 500), t.TempDir()
	made := run(t.Context(), "", "backup", "--store", string(source), "--to", "-")
	made.want(t, exitOK, "SQLite format 3", "wrote 2 rooms, 1000 messages, ")
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(source.path()), "restante-backup-*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	run(t.Context(), made.out, "restore", "-", "--data", data).want(t, exitOK, "restante.db has 2 rooms, 1000 messages, ", "")
	run(t.Context(), made.out[:len(made.out)/2], "restore", "-", "--data", data).want(t, exitFailed, "", "damaged")
	run(t.Context(), "", "restore", "-", "--data", data).want(t, exitFailed, "", "the input is empty")
	run(t.Context(), "hello", "restore", "-", "--data", data).want(t, exitFailed, "", "no database of Restante")

	// A reader that ends early has no backup, so the command fails, unlike others.
	var stderr bytes.Buffer
	if code := Main(t.Context(), []string{"backup", "--store", string(source), "--to", "-"}, nil, closedPipe{}, &stderr); code != exitFailed {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, fmt.Errorf("write: %w", syscall.EPIPE) }

func TestBackup_RefusesWithAdvice(t *testing.T) {
	database := "postgres://u:secret@db/restante"
	for _, args := range [][]string{{"backup"}, {"restore", "backup.db"}} {
		o := run(t.Context(), "", append(args, "--store", database)...)
		if o.want(t, exitFailed, "", "Backup of PostgreSQL"); strings.Contains(o.err, "secret") {
			t.Errorf("the error shows the password: %s", o.err)
		}
	}
	run(t.Context(), "", "backup", "--store", database).want(t, exitFailed, "", "pg_basebackup")
	run(t.Context(), "", "restore", "x", "--store", database).want(t, exitFailed, "", "pg_restore")
	run(t.Context(), "", "backup", "--store", "mysql://x").want(t, exitUsage, "", "use sqlite:PATH")
	run(t.Context(), "", "restore").want(t, exitUsage, "", "expected")

	missing := t.TempDir()
	run(t.Context(), "", "backup", "--data", missing).want(t, exitUnavailable, "", "there is no such database file")
	run(t.Context(), "", "restore", filepath.Join(missing, "x.db"), "--data", missing).want(t, exitUnavailable, "", "there is no such database file")
	if entries, err := os.ReadDir(missing); err != nil || len(entries) > 0 {
		t.Errorf("files were made: %v, %v", entries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	to := filepath.Join(missing, "backup.db")
	run(ctx, "", "backup", "--store", string(filled(t, 1, 3)), "--to", to).want(t, exitInterrupted, "", "no backup was made")
	run(ctx, "", "restore", filled(t, 1, 3).path(), "--data", missing).want(t, exitInterrupted, "", "interrupted")
	for _, name := range []string{to, to + ".partial", filepath.Join(missing, "restante.db")} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is left", name)
		}
	}
}

func TestMoved_SaysHowLongItTakes(t *testing.T) {
	for want, p := range map[string]sqlite.Progress{
		"copying: 40.0 of 100.0 MB, 15.0 MB/s, 4s left": {Doing: "copying", Done: 40e6, Total: 100e6},
		"copying: 40.0 MB, 15.0 MB/s":                   {Doing: "copying", Done: 40e6},
		"copying: 10.0 of 100.0 MB":                     {Doing: "copying", Done: 10e6, Total: 100e6},
		"checking":                                      {Doing: "checking"},
	} {
		if got := moved(p, sqlite.Progress{Doing: "copying", Done: 10e6, Total: 100e6}, 2*time.Second); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
