package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// TestDriver_FullDisk fills a real file system: what does not fit is refused, what was stored stays readable, and service
// resumes without a restart when the disk has space again.
func TestDriver_FullDisk(t *testing.T) {
	dir := mount(t, "size=2m")
	d := open(t, filepath.Join(dir, "restante.db"), Config{Config: driver.Config{CheckInterval: 1}})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 320<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	batch := newMessages("a", 20)
	for i := range batch {
		batch[i].Msg = strings.Repeat("x", 1000)
	}
	stored := 0
	var err error
	for err == nil {
		if _, err = d.Append(t.Context(), fresh(batch)); err == nil {
			stored += len(batch)
		}
	}
	if stored == 0 {
		t.Fatal("nothing was stored")
	}
	for range 5 {
		wantError(t, err, errs.Unavailable, "the disk is full", d.file.path)
		wantError(t, d.Check(t.Context()), errs.Unavailable, "the disk is full")
		_, err = d.Append(t.Context(), fresh(batch))
	}
	wantLog(t, d, stored)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check with space again, before an append: %v", err)
	}
	wantNoBallast(t, d)
	done, err := d.Append(t.Context(), fresh(batch))
	if err != nil {
		t.Fatalf("append with space again: %v", err)
	}
	if got := done.Messages[0].Seq; got != int64(stored)+1 {
		t.Errorf("the next number is %d, want %d", got, stored+1)
	}
	wantLog(t, d, stored+len(batch))
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check with space again: %v", err)
	}
}

// wantNoBallast checks that a probe has removed what it has written.
func wantNoBallast(t *testing.T, d *Driver) {
	t.Helper()
	var space int
	if err := d.db.QueryRowContext(t.Context(), "SELECT length(space) FROM probe").Scan(&space); err != nil || space != 0 {
		t.Errorf("a probe has left %d bytes, %v", space, err)
	}
}

// TestCheck_SpaceForSmallWritesOnly: what a large append lacks, a small write may have.
func TestCheck_SpaceForSmallWritesOnly(t *testing.T) {
	dir := mount(t, "size=2m")
	d := open(t, filepath.Join(dir, "restante.db"), Config{Config: driver.Config{CheckInterval: 1}})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	large := newMessages("a", 30)
	for i := range large {
		large[i].Msg = strings.Repeat("x", 32<<10)
	}
	for range 3 {
		_, err := d.Append(t.Context(), large)
		wantError(t, err, errs.Unavailable, "the disk is full")
		wantError(t, d.Check(t.Context()), errs.Unavailable, "the disk is full")
	}
	appendTo(t, d, "a", 1)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check after an append: %v", err)
	}
	_, err := d.Append(t.Context(), large)
	wantError(t, err, errs.Unavailable, "the disk is full")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check with space again: %v", err)
	}
	wantNoBallast(t, d)
	wantLog(t, d, 1)
}

func TestOpen_FullDisk(t *testing.T) {
	dir := mount(t, "size=64k")
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 56<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, filepath.Join(dir, "restante.db"), errs.Unavailable, "full")
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
}

func TestOpen_ReadOnlyDisk(t *testing.T) {
	dir := mount(t, "size=1m")
	path := filepath.Join(dir, "restante.db")
	d := open(t, path, Config{})
	appendTo(t, d, "a", 1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	refused(t, path, errs.Unavailable, path, "read-only")
}

// mount mounts a small file system and returns its directory.
func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a tmpfs: %v", err)
		}
		testkit.Missing(t, "the rights of root to mount a tmpfs: %v; full and read-only disks are not tested", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil { // busy: a closed store still has a file open
			t.Errorf("unmount: %v, %v", err, syscall.Unmount(dir, syscall.MNT_DETACH))
		}
	})
	return dir
}
