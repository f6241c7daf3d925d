package sqlite

import (
	"bufio"
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// remote lists the file systems of other machines, on which flock(2) is made of the record locks that SQLite also takes.
var remote = []int64{
	unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC,
}

// lockWhole locks a file for this process, under every name that the file has, until the file is closed. It returns false if
// another process has locked it. On file systems of other machines it does nothing: there the lock of the name must do.
func lockWhole(f *os.File) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &fs); err == nil && slices.Contains(remote, int64(fs.Type)) { //nolint:unconvert // 32 bits on some processors
		return true, nil
	}
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOLCK):
		return true, nil // this file system has no such lock
	default:
		return false, err
	}
}

// isMount reports whether a file is a mount of its own, as a single file that is mounted into a container.
func isMount(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS, &st)
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
	}
	return inMountInfo(path)
}

// inMountInfo is isMount for kernels before 5.8.
func inMountInfo(path string) bool {
	info, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	defer info.Close()
	escaped := strings.NewReplacer(`\`, `\134`, " ", `\040`, "\t", `\011`, "\n", `\012`).Replace(path)
	for lines := bufio.NewScanner(info); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && fields[4] == escaped {
			return true
		}
	}
	return false
}
