package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"

	"restante/internal/errs"
)

// checkpointPages is the size of the write-ahead log, in pages of 4 KiB, from which a commit also checkpoints.
const checkpointPages = 4096

// ErrInUse is in the error of Open for a file that another process has open.
var ErrInUse = errors.New("one process at a time")

// file is the database file, which is locked against other processes.
type file struct {
	path string // absolute, without symbolic links
	lock *flock.Flock
	info fs.FileInfo // identifies the file that was opened
}

// openFile creates the file if it does not exist and locks it. The lock is a second file, which is not removed.
func openFile(path string) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("path of the database file: %w", err)
	}
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return nil, unusable(path, err, "the directory of the database cannot be created")
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // two names of one file are one lock
	} else if real, err := filepath.EvalSymlinks(dir); err == nil {
		path = filepath.Join(real, filepath.Base(path))
	}

	f := &file{path: path, lock: flock.New(path + ".lock")}
	switch ok, err := f.lock.TryLock(); {
	case err != nil:
		return nil, unusable(path, err, "the lock file of the database cannot be created")
	case !ok:
		return nil, unusable(path, fmt.Errorf("%s is locked: %w", f.lock.Path(), ErrInUse), "the database is in use by another process")
	}
	if f.info, err = create(path); err != nil {
		return nil, errors.Join(unusable(path, err, "the database file cannot be opened for writing"), f.close())
	}
	return f, nil
}

// makeDir creates a directory and its parents. It syncs each new entry: else a power cut could lose the whole store.
func makeDir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if err := makeDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// create creates the file if it does not exist, readable by its owner only: messages are private. SQLite gives the files
// beside it the same mode.
func create(path string) (fs.FileInfo, error) {
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := h.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err = errors.Join(err, h.Close()); err != nil {
		return nil, err
	}
	return info, syncDir(filepath.Dir(path))
}

// present returns nil while the file is at its path. SQLite does not check that: it would go on committing into a file that
// has no name any more.
func (f *file) present() error {
	if info, err := os.Stat(f.path); err != nil || !os.SameFile(info, f.info) {
		return unusable(f.path, err, "the database file has been moved, replaced or deleted")
	}
	return nil
}

// open returns a pool of connections to the file, each with the pragmas. It never creates the file.
func (f *file) open(busy time.Duration, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"mode": {"rw"}, "_dqs": {"0"}, "_error_rc": {"1"}, "_defensive": {"1"}}
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()))
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	path := filepath.ToSlash(f.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	c, err := sqlite.NewConnector(u.String())
	if err != nil {
		return nil, fmt.Errorf("name of the database file: %w", err)
	}
	return sql.OpenDB(c), nil
}

func (f *file) close() error { return f.lock.Unlock() }

// unusable returns the error of a file that cannot be used as it is now.
func unusable(path string, cause error, msg string) error {
	if cause == nil {
		cause = fmt.Errorf("database file %s", path)
	} else {
		cause = fmt.Errorf("database file %s: %w", path, cause)
	}
	return errs.Wrap(errs.Unavailable, cause, "%s", msg)
}
