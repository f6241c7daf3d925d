//go:build unix

package limit

import (
	"math"

	"golang.org/x/sys/unix"
)

// openFiles returns how many files the process may have open at a time, sockets among them.
func openFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32 / 9
	}
	return int(limit.Cur)
}
