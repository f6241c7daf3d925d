package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"restante/internal/errs"
	"restante/internal/testkit"
)

// TestBackup_FullDisk: a disk that is too small is noticed before, one that fills up meanwhile ends the backup. Nothing is left.
func TestBackup_FullDisk(t *testing.T) {
	dir, path := mount(t, "size=12m"), filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	fillMegabytes(t, d, 8)
	ballast := filepath.Join(dir, "ballast")
	b := &Backup{From: path, To: filepath.Join(dir, "backup.db"), at: func(step string) error {
		if step == "copying" {
			return fillUp(ballast)
		}
		return nil
	}}
	_, err := b.Run(t.Context())
	wantError(t, err, errs.Unavailable, "the disk is full", dir)
	wantOnly(t, dir, "ballast")
	noError(t, os.Truncate(ballast, 6<<20))
	_, err = b.Run(t.Context())
	wantError(t, err, errs.Unavailable, "the disk is full", dir, "are free")
	wantOnly(t, dir, "ballast")
	noError(t, os.Remove(ballast))
	b.at = nil
	if _, err := b.Run(t.Context()); err != nil {
		t.Errorf("with space again: %v", err)
	}
	appendTo(t, d, "a", 1)
}

// fillUp writes a file until nothing more fits on the disk.
func fillUp(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return f.Close()
}

func TestBackup_ReadOnlyTarget(t *testing.T) {
	dir, path := mount(t, "size=1m"), closedDir(t, 10)
	noError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err := (&Backup{From: path, To: filepath.Join(dir, "backup.db")}).Run(t.Context())
	wantError(t, err, errs.Unavailable, "cannot be written", dir)
}

// TestBackup_TakesOverWhatAKilledOneLeft, but not what another one is writing.
func TestBackup_TakesOverWhatAKilledOneLeft(t *testing.T) {
	path, to := closedDir(t, 10), filepath.Join(t.TempDir(), "backup.db")
	for _, left := range []string{to + ".partial", to + ".partial-wal"} {
		noError(t, os.WriteFile(left, make([]byte, 100_000), 0o644))
	}
	other := &Backup{From: path, To: to}
	other.at = func(step string) error {
		if step == "copied" {
			_, err := (&Backup{From: path, To: to}).Run(t.Context())
			wantError(t, err, errs.Conflict, "another backup")
		}
		return nil
	}
	if held, err := other.Run(t.Context()); err != nil || held.Messages != 10 {
		t.Fatalf("%+v, %v", held, err)
	}
	wantOnly(t, filepath.Dir(to), "backup.db")
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	_, err := (&Backup{From: path, To: to}).Run(t.Context())
	wantError(t, err, errs.Conflict, "exists already")
}

func TestRestoration_FullDisk(t *testing.T) {
	dir, backup := mount(t, "size=12m"), filepath.Join(t.TempDir(), "backup.db")
	live := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, live, Config{})
	fillMegabytes(t, d, 8)
	_, err := (&Backup{From: live, To: backup}).Run(t.Context())
	noError(t, err)
	path := filepath.Join(dir, "restante.db")
	copyDir(t, filepath.Dir(leftByCrash(t, 10)), dir)
	ballast := filepath.Join(dir, "ballast")
	for _, r := range []*Restoration{
		{From: backup, To: path, at: func(string) error { return fillUp(ballast) }},
		{From: backup, To: path},
	} {
		_, err = r.Run(t.Context())
		wantError(t, err, errs.Unavailable, "the disk is full", dir)
	}
	input, err := os.Open(backup)
	noError(t, err)
	defer input.Close()
	_, err = (&Restoration{Input: input, To: path}).Run(t.Context())
	wantError(t, err, errs.Unavailable, "the disk is full", dir)

	noError(t, os.Remove(ballast))
	old := open(t, path, Config{})
	wantLog(t, old, 10)
	noError(t, old.Close())
	restore(t, &Restoration{From: backup, To: path})
}

func TestRestoration_ReadOnlyTarget(t *testing.T) {
	dir, backup := mount(t, "size=4m"), backedUp(t, 20)
	copyDir(t, filepath.Dir(leftByCrash(t, 10)), dir)
	noError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	path := filepath.Join(dir, "restante.db")
	_, err := (&Restoration{From: backup, To: path}).Run(t.Context())
	wantError(t, err, errs.Unavailable, path)
	noError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""))
	d := open(t, path, Config{})
	wantLog(t, d, 10)
	noError(t, d.Close())
}

// TestRestoration_FromReadOnlyDisk: a backup may be on a disk that cannot be written.
func TestRestoration_FromReadOnlyDisk(t *testing.T) {
	dir, path := mount(t, "size=4m"), filepath.Join(t.TempDir(), "restante.db")
	copyDir(t, filepath.Dir(backedUp(t, 20)), dir)
	noError(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	restore(t, &Restoration{From: filepath.Join(dir, "backup.db"), To: path})
	wantRestored(t, path, 20, 0, "")
}

// TestFiles_BelongToTheOwnerOfTheDirectory: root backs up and restores for a server that runs as another user.
func TestFiles_BelongToTheOwnerOfTheDirectory(t *testing.T) {
	if os.Geteuid() != 0 {
		testkit.Missing(t, "the rights of root: files that root makes for another user are not tested")
	}
	const user = 12345
	path := leftByCrash(t, 10)
	dir := filepath.Dir(path)
	noError(t, os.Chown(dir, user, user))
	entries, err := os.ReadDir(dir)
	noError(t, err)
	for _, e := range entries {
		noError(t, os.Chown(filepath.Join(dir, e.Name()), user, user))
	}
	_, err = (&Backup{From: path, To: filepath.Join(t.TempDir(), "backup.db")}).Run(t.Context()) // makes an -shm
	noError(t, err)
	restore(t, &Restoration{From: backedUp(t, 20), To: path})
	err = filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Stat(name, &st)
		}
		if st.Uid != user || st.Gid != user {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
		return err
	})
	noError(t, err)
}

// TestQuietly_LowersThePriorityOfItsOwnThreadOnly.
func TestQuietly_LowersThePriorityOfItsOwnThreadOnly(t *testing.T) {
	priority := func() int {
		p, err := unix.Getpriority(unix.PRIO_PROCESS, 0) // 20 - nice
		noError(t, err)
		return 20 - p
	}
	before := priority()
	noError(t, quietly(func() error {
		if p := priority(); p != 19 {
			t.Errorf("the work has priority %d, want 19", p)
		}
		return nil
	}))
	done := make(chan int)
	for range 50 {
		go func() { done <- priority() }()
		if p := <-done; p != before {
			t.Fatalf("another goroutine has priority %d, before it was %d", p, before)
		}
	}
}
