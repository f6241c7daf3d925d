package sqlite

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/errs"
	"restante/internal/testkit"
)

// openElsewhere opens a path in another process, and returns what that says.
func openElsewhere(t *testing.T, path string) string {
	t.Helper()
	out, err := child(t, "open", path).CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

// names returns further names of a database file: a hard link, a symbolic link, and as root a second mount of its directory.
func names(t *testing.T, path string) []string {
	t.Helper()
	dir := t.TempDir()
	hard, symbolic := filepath.Join(filepath.Dir(path), "hard.db"), filepath.Join(dir, "symbolic.db")
	if err := os.Link(path, hard); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, symbolic); err != nil {
		t.Fatal(err)
	}
	all := []string{hard, symbolic}
	second := filepath.Join(dir, "second")
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	if bind(t, filepath.Dir(path), second) {
		all = append(all, filepath.Join(second, filepath.Base(path)), filepath.Join(second, "hard.db"))
	}
	return all
}

// bind mounts a file or directory a second time, which needs root.
func bind(t *testing.T, from, to string) bool {
	t.Helper()
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount %s a second time: %v", from, err)
		}
		t.Logf("NOT TESTED: a second mount: %v (needs root)", err)
		return false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(to, 0); err != nil {
			t.Errorf("unmount: %v, %v", err, syscall.Unmount(to, syscall.MNT_DETACH))
		}
	})
	return true
}

func TestOpen_RefusesEveryNameOfAFileInUse(t *testing.T) {
	d := running(t)
	locks := ownLocks(t, d.file.path)
	if len(locks) == 0 {
		t.Fatal("SQLite has no locks")
	}
	for _, name := range names(t, d.file.path) {
		refused(t, name, errs.Unavailable, "in use by another process", ErrInUse.Error())
		if says := openElsewhere(t, name); !strings.Contains(says, "in use by another process, sqlite.test (process ") {
			t.Errorf("another process opened %s, or says %q", name, says)
		}
	}
	if now := ownLocks(t, d.file.path); !slices.Equal(now, locks) {
		t.Errorf("refusing has dropped locks of SQLite: %q, had %q", now, locks)
	}
	appendTo(t, d, "a", 1)
}

// ownLocks returns the record locks that this process has on the database file.
func ownLocks(t *testing.T, path string) []string {
	t.Helper()
	var own []string
	pids := holders(path, func(kind string, from, to int64) bool {
		if kind == "POSIX" {
			own = append(own, kind)
		}
		return kind == "POSIX"
	})
	if len(pids) > 0 && !slices.Contains(pids, os.Getpid()) {
		t.Errorf("the locks are of the processes %v", pids)
	}
	return own
}

// The lock of the file holds after the lock file was deleted, and ends with the driver.
func TestOpen_RefusesWithoutTheLockFile(t *testing.T) {
	d := running(t)
	remove(t, d.file.path+".lock")
	if says := openElsewhere(t, d.file.path); !strings.Contains(says, "in use by another process, sqlite.test (process ") {
		t.Errorf("another process opened the file, or says %q", says)
	}
	path := closed(t, d)
	if says := openElsewhere(t, path); says != "" {
		t.Errorf("after Close: %s", says)
	}
}

// A file that is mounted alone, as into a container: its -wal would end with the container.
func TestOpen_RefusesAFileThatIsAMount(t *testing.T) {
	path := closed(t, running(t))
	inside := filepath.Join(t.TempDir(), "restante.db")
	if err := os.WriteFile(inside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if isMount(inside) || inMountInfo(inside) {
		t.Error("a file of its directory's file system counts as a mount")
	}
	if !bind(t, path, inside) {
		testkit.Missing(t, "the rights of root: a file that is mounted alone is not tested")
	}
	if !isMount(inside) || !inMountInfo(inside) {
		t.Errorf("the mount is not noticed: by statx %v, in mountinfo %v", isMount(inside), inMountInfo(inside))
	}
	refused(t, inside, errs.Unavailable, inside, "mounted alone", "mount its directory")
}

// A full disk at Close: the -wal stays beside the file, and the next start has everything.
func TestClose_FullDisk(t *testing.T) {
	dir := mount(t, "size=2m")
	path := filepath.Join(dir, "restante.db")
	d := open(t, path, Config{})
	appendTo(t, d, "a", 3)
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n > 0; {
		n, _ = ballast.Write(make([]byte, 4096))
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	long := newMessages("a", 100)
	for i := range long {
		long[i].Msg = strings.Repeat("x", 4000)
	}
	if _, err := d.Append(t.Context(), long); errs.CodeOf(err) != errs.Unavailable {
		t.Fatalf("append on a full disk: %v", err)
	}
	closed(t, d)
	remove(t, filepath.Join(dir, "ballast"))
	closed(t, goesOn(t, path, 3))
}

// A server that is started on a full disk is for readers, and for writers as soon as there is space. The mark is written first.
func TestOpen_FullDiskAfterACrash(t *testing.T) {
	dir := mount(t, "size=2m")
	path := filepath.Join(dir, "restante.db")
	crash := crashed(t, running(t))
	for _, end := range []string{"", "-wal", ".mark"} {
		put(t, crash+end, path+end)
	}
	shm := filepath.Join(dir, "restante.db-shm") // it outlives a crash, and needs no more space
	if err := os.WriteFile(shm, make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n > 0; {
		n, _ = ballast.Write(make([]byte, 4096))
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	d := open(t, path, Config{})
	if !d.writer.due {
		t.Error("the mark was written: the disk is not full")
	}
	wantLog(t, d, 3)
	if _, err := d.Append(t.Context(), newMessages("a", 1)); errs.CodeOf(err) != errs.Unavailable {
		t.Fatalf("append on a full disk: %v", err)
	}
	before, err := d.file.readMarks()
	if err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(dir, "ballast"))
	appendTo(t, d, "a", 1)
	if after, err := d.file.readMarks(); err != nil || after.Present == before.Present {
		t.Errorf("marks %+v, %v, were %+v", after, err, before)
	}
	goesOn(t, crashed(t, d), 4)
}

// When the writer has lost its connection, the -wal is not removed by whatever is closed last.
func TestClose_MovedFile(t *testing.T) {
	d := running(t)
	rename(t, d.file.path, d.file.path+".away")
	if _, err := d.Append(t.Context(), newMessages("a", 1)); err == nil {
		t.Fatal("appended to a file that was moved")
	}
	path := closed(t, d)
	rename(t, path+".away", path)
	goesOn(t, path, 3)
}

func TestWAL_WarnsOnceWithWhatHoldsIt(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{BusyTimeout: time.Millisecond})
	appendTo(t, d, "a", 1)
	log := &lines{}
	w := walWatch{path: d.file.path, log: log.logger(), limit: 24 << 20}
	for range 2 {
		log.Reset()
		reader := child(t, "read", d.file.path)
		reader.Stdin = nil
		stop, err := reader.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		said, err := reader.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stop, d.file.path+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := said.Read(make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		for range 40 {
			long := newMessages("a", 30)
			for i := range long {
				long[i].Msg = strings.Repeat("x", 30_000)
			}
			if _, err := d.Append(t.Context(), long); err != nil {
				t.Fatal(err)
			}
			w.look()
		}
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "sqlite.test (process ") {
			t.Errorf("the log says %q, want one warning that names the reader", text)
		}
		if err := stop.Close(); err != nil {
			t.Fatal(err)
		}
		_ = reader.Wait()
		shell(t, d.file.path, "PRAGMA wal_checkpoint(TRUNCATE)")
		w.look()
	}
}
