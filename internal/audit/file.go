package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// checkEvery is how often the name of the file is looked at. A check costs one system call.
const checkEvery = 2 * time.Second

// errGivenUp ends the writes of a file whose reader does not read.
var errGivenUp = errors.New("given up")

// file is a file that lines are appended to. But for giveUp, its methods are called by one goroutine.
type file struct {
	path   string
	open   atomic.Pointer[os.File]
	given  atomic.Bool // giveUp was called
	torn   bool        // the last line was written in part
	failed bool        // the last write or check has failed, and that was logged
}

func openFile(path string) (*file, error) {
	f := &file{path: path}
	opened, err := openToAppend(path)
	if err != nil {
		return nil, err
	}
	f.open.Store(opened)
	return f, nil
}

// openToAppend opens a file, which may be a named pipe that is read: opening one that nobody reads is an error.
func openToAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|nonBlocking, 0o600)
}

// Write appends one line.
func (f *file) Write(line []byte) (int, error) {
	if f.given.Load() {
		return 0, errGivenUp
	}
	if f.torn { // the rest of a line that was cut must not spoil this one
		line = append([]byte{'\n'}, line...)
	}
	n, err := f.open.Load().Write(line)
	if err != nil {
		f.torn = f.torn || n > 0
		return n, err
	}
	f.torn, f.failed = false, false
	return n, nil
}

// follow opens the file again if its name leads to another file, or to none.
func (f *file) follow() error {
	now, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for the file: %w", err)
	}
	was, err := f.open.Load().Stat()
	if err == nil && now != nil && os.SameFile(was, now) {
		return nil
	}
	opened, err := openToAppend(f.path)
	if err != nil {
		return fmt.Errorf("open the file again: %w", err)
	}
	old := f.open.Swap(opened)
	f.torn = false
	return old.Close()
}

// fails reports whether this failure is the first one since the file could be written.
func (f *file) fails() bool {
	first := !f.failed
	f.failed = true
	return first
}

// giveUp ends a write that blocks, and those after it.
func (f *file) giveUp() {
	f.given.Store(true)
	_ = f.open.Load().SetWriteDeadline(time.Now()) // files that never block have no deadlines
}

func (f *file) close() { _ = f.open.Load().Close() }
