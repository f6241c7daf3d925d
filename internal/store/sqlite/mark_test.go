package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

// crashed copies the files of an open store as a kill -9 leaves them, and returns the path of the copy.
func crashed(t *testing.T, d *Driver) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restante.db")
	for _, end := range []string{"", "-wal", ".mark"} {
		put(t, d.file.path+end, path+end)
	}
	return path
}

// put copies a file, unless it does not exist.
func put(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func closed(t *testing.T, d *Driver) string {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return d.file.path
}

// running returns an open store with 3 messages.
func running(t *testing.T) *Driver {
	t.Helper()
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	appendTo(t, d, "a", 2)
	appendTo(t, d, "a", 1) // after the first one the -wal got the mark
	return d
}

// goesOn opens a store that has lost nothing, in the same epoch.
func goesOn(t *testing.T, path string, messages int) *Driver {
	t.Helper()
	d := open(t, path, Config{})
	wantLog(t, d, messages)
	if e, err := d.Epoch(); err != nil || !e.First {
		t.Errorf("epoch %+v, %v: it was ended", e, err)
	}
	appendTo(t, d, "a", 1)
	return d
}

// ends opens a store whose epoch ends, which is counted and logged. Room a begins the new one with a number.
func ends(t *testing.T, path string, messages, begun int, says string) *Driver {
	t.Helper()
	log := &lines{}
	reg := prometheus.NewRegistry()
	cfg := Config{Metrics: reg}
	cfg.Log = log.logger()
	d := open(t, path, cfg)
	wantLog(t, d, messages)
	all, err := d.Epochs(t.Context())
	if err != nil || len(all) < 2 || !strings.Contains(all[len(all)-1].Reason, says) {
		t.Fatalf("epochs %+v, %v, want another one because %q", all, err, says)
	}
	if seq, err := d.Beginning(t.Context(), "a", all[len(all)-2].ID); err != nil || seq != int64(begun) {
		t.Errorf("room a began the epoch with %d, %v, want %d", seq, err, begun)
	}
	if n := testutil.ToFloat64(d.writer.metrics.ended); n != 1 {
		t.Errorf("%v epochs were counted", n)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), says) {
		t.Errorf("the log says %q", log.String())
	}
	return d
}

func TestMark_KilledAndStartedAgain(t *testing.T) {
	path := crashed(t, running(t))
	path = crashed(t, goesOn(t, path, 3))
	goesOn(t, path, 4)
}

func TestMark_KilledAfterTheStart(t *testing.T) {
	path := crashed(t, open(t, closed(t, running(t)), Config{}))
	goesOn(t, path, 3)
}

// A version that must not use the database leaves the -wal where it is, for the one that may.
func TestMark_KilledAndRefusedByAnOlderVersion(t *testing.T) {
	d := running(t)
	tomorrowIs(t, d.file.path, len(known(t))+1)
	path := crashed(t, d)
	before, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	refused(t, path, errs.Unavailable, "run that version")
	if after, err := os.ReadFile(path + "-wal"); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the -wal of %d bytes has %d now, %v", len(before), len(after), err)
	}
}

func TestMark_ClosedAndStartedAgain(t *testing.T) {
	path := closed(t, running(t))
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("Close has left the -wal")
	}
	path = closed(t, goesOn(t, path, 3))
	goesOn(t, path, 4)
}

// The case of a container into which only the database file was mounted, and of cp beside a running server.
func TestMark_DatabaseAlone(t *testing.T) {
	path := crashed(t, running(t))
	remove(t, path+"-wal")
	remove(t, path+".mark")
	refused(t, path, errs.Unavailable, path, "comes without "+path+"-wal", "restante restore "+path+" --data "+filepath.Dir(path))
	// Nothing was changed by the refusal.
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		t.Error("the refused store has a -wal")
	}
}

func TestMark_WithoutItsWAL(t *testing.T) {
	path := crashed(t, running(t))
	remove(t, path+"-wal")
	refused(t, path, errs.Unavailable, "comes without "+path+"-wal", "restante restore")
}

func TestMark_WithoutItsMark(t *testing.T) {
	path := crashed(t, running(t))
	remove(t, path+".mark")
	refused(t, path, errs.Unavailable, path+"-wal is not known to be of this database file", "restante restore")
}

func TestMark_ClosedFileAlone(t *testing.T) {
	path := closed(t, running(t))
	moved := filepath.Join(t.TempDir(), "moved.db")
	put(t, path, moved)
	d := ends(t, moved, 3, 0, "came without moved.db.mark")
	appendTo(t, d, "a", 2)
	// This is told once.
	d = open(t, closed(t, d), Config{})
	if all, err := d.Epochs(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("epochs %+v, %v", all, err)
	}
}

func TestMark_OlderCopyInItsPlace(t *testing.T) {
	path := closed(t, running(t))
	old := filepath.Join(t.TempDir(), "old.db")
	put(t, path, old)
	closed(t, goesOn(t, path, 3))
	put(t, old, path)
	ends(t, path, 3, 3, "another copy of the database file")
}

func TestMark_OlderCopyBesideAWAL(t *testing.T) {
	path := closed(t, running(t))
	old := filepath.Join(t.TempDir(), "old.db")
	put(t, path, old)
	path = crashed(t, goesOn(t, path, 3))
	put(t, old, path)
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, path, errs.Unavailable, path+"-wal is not known to be of this database file")
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(main, after) {
		t.Errorf("the refusal has changed the database file, %v", err)
	}
	remove(t, path+"-wal")
	ends(t, path, 3, 3, "another copy of the database file")
}

func TestMark_OlderCopyOfARunningStore(t *testing.T) {
	d := running(t)
	old := crashed(t, d)
	path := closed(t, goesOn(t, closed(t, d), 3))
	put(t, old, path)
	refused(t, path, errs.Unavailable, "comes without "+path+"-wal")
}

func TestMark_ClosedBesideAnOldWAL(t *testing.T) {
	d := running(t)
	old := crashed(t, d)
	path := closed(t, d)
	put(t, old+"-wal", path+"-wal")
	refused(t, path, errs.Unavailable, path+"-wal is not known to be of this database file")
	remove(t, path+"-wal")
	goesOn(t, path, 3)
}

func TestMark_EmptyFileBesideAWAL(t *testing.T) {
	path := crashed(t, running(t))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	refused(t, path, errs.Unavailable, "it is empty", path+"-wal")
}

// A -wal of another store beside the database file, with the marks of the database: the mark that the -wal adds is not one of them.
func TestMark_WALOfAnotherStore(t *testing.T) {
	path, other := crashed(t, running(t)), crashed(t, running(t))
	put(t, other+"-wal", path+"-wal")
	refused(t, path, errs.Unavailable, path+"-wal is not known to be of this database file")
}

// held opens a path while another program reads from the database file, so that no checkpoint completes until release.
func held(t *testing.T, path string, cfg Config) (d *Driver, release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var n int
	for _, query := range []string{"BEGIN", "SELECT count(*) FROM rooms"} {
		if err := conn.QueryRowContext(t.Context(), query).Scan(&n); err != nil && !errors.Is(err, sql.ErrNoRows) {
			t.Fatal(err)
		}
	}
	return open(t, path, cfg), func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// The database file has the old mark, closed, and the -wal the new one: the start was not finished.
func TestMark_KilledBeforeTheFirstCheckpoint(t *testing.T) {
	d, release := held(t, closed(t, running(t)), Config{})
	defer release()
	appendTo(t, d, "a", 1)
	if m, err := d.file.readMarks(); err != nil || m.Next == "" {
		t.Fatalf("marks %+v, %v: the checkpoint was not held up", m, err)
	}
	path := crashed(t, d)
	path = closed(t, goesOn(t, path, 4))
	goesOn(t, path, 5)
}

// The epoch has ended in the -wal only. It does not end again.
func TestMark_KilledWhileAnEpochEnded(t *testing.T) {
	moved := filepath.Join(t.TempDir(), "moved.db")
	put(t, closed(t, running(t)), moved)
	d, release := held(t, moved, Config{})
	defer release()
	want, err := d.Epoch()
	if err != nil || want.First {
		t.Fatalf("epoch %+v, %v", want, err)
	}
	again := open(t, crashed(t, d), Config{})
	if e, err := again.Epoch(); err != nil || e != want {
		t.Errorf("epoch %+v, %v, want %+v", e, err, want)
	}
	wantLog(t, again, 3)
}

// The marks say that an epoch has to end, and the database has not ended it.
func TestMark_KilledBeforeAnEpochEnded(t *testing.T) {
	d := running(t)
	path := closed(t, d)
	m, err := d.file.readMarks()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.file.writeMarks(marks{Present: m.Present, Next: driver.NewMark(), Ends: "a copy was restored", served: m.served}); err != nil {
		t.Fatal(err)
	}
	ends(t, path, 3, 3, "a copy was restored")
}

// While a reader of another program holds up the checkpoint, a store is closed and started as always.
func TestMark_ClosedWhileHeld(t *testing.T) {
	d, release := held(t, closed(t, running(t)), Config{BusyTimeout: time.Millisecond})
	appendTo(t, d, "a", 1)
	path := closed(t, d)
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("the -wal was removed: %v", err)
	}
	again := goesOn(t, path, 4)
	release()
	path = closed(t, again)
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("Close has left the -wal")
	}
	goesOn(t, path, 5)
}

// A crash in the middle of a checkpoint leaves pages of the database file that cannot be read; the -wal has them.
func TestMark_DamagedByACheckpoint(t *testing.T) {
	d, release := held(t, closed(t, running(t)), Config{})
	defer release()
	appendTo(t, d, "a", 1)
	var page int64
	if err := d.db.QueryRowContext(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'store'").Scan(&page); err != nil {
		t.Fatal(err)
	}
	path := crashed(t, d)
	rewrite(t, path, func(b []byte) []byte {
		copy(b[(page-1)*4096:page*4096], bytes.Repeat([]byte{0xa5}, 4096))
		return b
	})
	f := &file{path: path}
	if _, err := f.readMark(t.Context(), alone); err == nil {
		t.Fatal("the database file alone can be read")
	}
	goesOn(t, path, 4)
}

func TestMark_Renewed(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{MarkInterval: time.Millisecond})
	before, err := d.file.readMarks()
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, d, "a", 1)
	for after := before; after.Present == before.Present || after.pending(); {
		if t.Context().Err() != nil {
			t.Fatal("the mark is not renewed")
		}
		if after, err = d.file.readMarks(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(markPath(d.file.path))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of marks: %v, %v", info.Mode(), err)
	}
}
