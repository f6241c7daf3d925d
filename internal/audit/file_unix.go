//go:build unix

package audit

import "syscall"

// nonBlocking makes the opening of a named pipe that nobody reads an error, and lets a write to a full one be ended.
const nonBlocking = syscall.O_NONBLOCK
