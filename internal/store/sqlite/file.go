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

	"modernc.org/sqlite"

	"restante/internal/errs"
)

// checkpointPages is the size of the write-ahead log, in pages of 4 KiB, from which a commit also checkpoints.
const checkpointPages = 4096

// file is the database file, which is locked against other processes.
type file struct {
	path  string // absolute, without symbolic links
	locks *locks
}

// access is how SQLite opens the database file. It never creates the file.
type access string

const (
	readWrite access = "mode=rw&_defensive=1"
	readOnly  access = "mode=ro&_defensive=1"             // also when the last such connection is closed, the -wal stays as it is
	alone     access = "mode=ro&immutable=1&_defensive=1" // without the -wal
	updating  access = "mode=rw"                          // it may change the schema as carrier.dropIndex does
)

// openFile creates the file if it does not exist and locks it.
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

	if isMount(path) {
		return nil, unusable(path, nil, "the database file is mounted alone, so the files beside it would not be kept with it: "+
			"mount its directory instead, with the files %s, -wal and .mark in it", filepath.Base(path))
	}
	l, err := lock(path)
	if err != nil {
		return nil, err
	}
	return &file{path: path, locks: l}, nil
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

// present returns nil while the file is at its path. SQLite does not check that: it would go on committing into a file that
// has no name any more.
func (f *file) present() error {
	if info, err := os.Stat(f.path); err != nil || !os.SameFile(info, f.locks.info) {
		return unusable(f.path, err, "the database file has been moved, replaced or deleted")
	}
	return nil
}

// open returns a pool of connections to the file, each with the pragmas.
func (f *file) open(a access, busy time.Duration, pragmas ...string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(f.uri(a, append([]string{fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}, pragmas...)...))
	if err != nil {
		return nil, fmt.Errorf("name of the database file: %w", err)
	}
	return sql.OpenDB(c), nil
}

// uri returns the name under which SQLite opens the file, with pragmas.
func (f *file) uri(a access, pragmas ...string) string {
	q := url.Values{"_dqs": {"0"}, "_error_rc": {"1"}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	path := filepath.ToSlash(f.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a drive letter
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: string(a) + "&" + q.Encode()}
	return u.String()
}

func (f *file) close() error { return f.locks.release() }

// unusable returns the error of a file that cannot be used as it is now.
func unusable(path string, cause error, format string, args ...any) error {
	if cause == nil {
		cause = fmt.Errorf("database file %s", path)
	} else {
		cause = fmt.Errorf("database file %s: %w", path, cause)
	}
	return errs.Wrap(errs.Unavailable, cause, format, args...)
}
