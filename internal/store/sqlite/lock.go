package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"
)

// ErrInUse is in the error of Open for a file that another process has open.
var ErrInUse = errors.New("one process at a time")

// locks are what keeps two servers from using one database. The lock of the name is a second file, PATH.lock, which is never
// removed: it holds while another database file is put in place. The lock of the file itself is seen under every name that the
// file has.
type locks struct {
	name *flock.Flock
	file *os.File
	info fs.FileInfo // identifies the file that was opened
}

// opened lists the database files that this process has open. When a process closes any descriptor of a file, the system drops all
// record locks that the process has on it, so those of SQLite too. So a file in this list is not opened once more.
var opened struct {
	sync.Mutex
	files []fs.FileInfo
}

// lock locks a database file under its name and itself, and creates it if it does not exist. Errors are classified.
func lock(path string) (*locks, error) {
	l := &locks{name: flock.New(path + ".lock")}
	switch ok, err := l.name.TryLock(); {
	case err != nil:
		return nil, unusable(path, err, "the lock file of the database cannot be created")
	case !ok:
		return nil, inUse(path, path+".lock")
	}
	if err := l.lockFile(path); err != nil {
		return nil, errors.Join(err, l.name.Unlock())
	}
	return l, nil
}

func (l *locks) lockFile(path string) error {
	opened.Lock()
	defer opened.Unlock()
	if info, err := os.Stat(path); err == nil && slices.ContainsFunc(opened.files, func(o fs.FileInfo) bool { return os.SameFile(o, info) }) {
		return inUse(path, path)
	}
	var err error
	if l.file, l.info, err = create(path); err != nil {
		return unusable(path, err, "the database file cannot be opened for writing")
	}
	if ok, err := lockWhole(l.file); err != nil || !ok {
		if err = errors.Join(err, l.file.Close()); err != nil {
			return unusable(path, err, "the database file cannot be locked")
		}
		return inUse(path, path)
	}
	opened.files = append(opened.files, l.info)
	return nil
}

// release unlocks the file. It must be called after the last connection of SQLite has been closed.
func (l *locks) release() error {
	opened.Lock()
	defer opened.Unlock()
	opened.files = slices.DeleteFunc(opened.files, func(o fs.FileInfo) bool { return os.SameFile(o, l.info) })
	return errors.Join(l.file.Close(), l.name.Unlock())
}

// inUse is the error for a database that another process has locked.
func inUse(path, locked string) error {
	holder := "another process"
	if names := lockers(locked); names != "" {
		holder += ", " + names
	}
	return unusable(path, fmt.Errorf("%s is locked: %w: stop the other one first", locked, ErrInUse), "the database is in use by %s", holder)
}

// create creates the file if it does not exist, readable by its owner only: messages are private. SQLite gives the files
// beside it the same mode.
func create(path string) (*os.File, fs.FileInfo, error) {
	h, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	info, err := h.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, info, nil
}
