package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"restante/internal/errs"
)

// The arguments of ioprio_set(2) for the calling thread and the class idle.
const (
	ioprioThread = 1
	ioprioIdle   = 3 << 13
)

// lowerPriority gives the calling thread the lowest priority for the processor and the disk. It does nothing where the system
// does not permit it.
func lowerPriority() {
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioThread, 0, ioprioIdle)
}

// spareBytes is what must stay free on a disk when something is copied to it: a server may use the same disk.
const spareBytes = 1 << 20

// enoughSpace returns an error if a file of the given size would not fit on the disk of path.
func enoughSpace(path string, size int64) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &disk); err != nil {
		return unusable(path, err, "the disk does not say how much space is free")
	}
	free := int64(disk.Bavail) * disk.Bsize
	if free >= size+spareBytes {
		return nil
	}
	return errs.Wrap(errs.Unavailable, fmt.Errorf("%s needs %s, and %s are free", path, megabytes(size+spareBytes), megabytes(free)), "the disk is full")
}

// locksPartial says that a partial file stays locked until it has its name or is removed.
const locksPartial = true

// openPartial creates the file in which a backup is made, or takes over one that a killed process has left, empty.
func openPartial(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(path, err, "the backup cannot be written")
	}
	// The lock is of another kind than SQLite's. It ends with the process.
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(&errs.Error{Code: errs.Conflict, Msg: path + " is being written by another backup"}, f.Close())
	}
	held, err := f.Stat()
	if err == nil {
		// A backup that ended between the two calls above has given the file its name.
		if named, e := os.Stat(path); e != nil || !os.SameFile(held, named) {
			return nil, errors.Join(&errs.Error{Code: errs.Conflict, Msg: path + " was written by another backup"}, f.Close())
		}
		err = errors.Join(removeCompanions(path), f.Truncate(0), f.Chmod(0o600))
	}
	if err != nil {
		return nil, errors.Join(unusable(path, err, "the backup cannot be written"), f.Close())
	}
	return f, nil
}

// ownLike gives a file to the owner of another one when root runs the command: the server may run as another user.
func ownLike(path, other string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	var owner unix.Stat_t
	if err := unix.Stat(other, &owner); err != nil {
		return err
	}
	return os.Lchown(path, int(owner.Uid), int(owner.Gid))
}
