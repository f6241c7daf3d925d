package secret

import "golang.org/x/sys/unix"

// isReadOnly reports whether a path is on a file system that is mounted read-only.
func isReadOnly(path string) bool {
	var stat unix.Statfs_t
	return unix.Statfs(path, &stat) == nil && stat.Flags&unix.ST_RDONLY != 0
}
