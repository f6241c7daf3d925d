//go:build !linux

package sqlite

import (
	"errors"
	"io/fs"
	"os"

	"restante/internal/errs"
)

// lowerPriority does nothing: other systems have no priority of a thread.
func lowerPriority() {}

// enoughSpace does nothing: a disk that is full ends the copy with an error.
func enoughSpace(string, int64) error { return nil }

// locksPartial says that a partial file is not locked: only one process can create it.
const locksPartial = false

// openPartial creates the file in which a backup is made.
func openPartial(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, &errs.Error{Code: errs.Conflict, Msg: path + " exists: another backup writes it; if none is running, one was killed, and you can delete the file"}
	}
	if err != nil {
		return nil, unusable(path, err, "the backup cannot be written")
	}
	return f, nil
}

// ownLike does nothing: here the user of the server runs the command.
func ownLike(string, string) error { return nil }
