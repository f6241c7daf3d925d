//go:build !linux

package secret

// isReadOnly reports whether a path is on a file system that is mounted read-only, if that is known: not on this system.
func isReadOnly(string) bool { return false }
