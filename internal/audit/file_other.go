//go:build !unix

package audit

// nonBlocking is for named pipes, which exist on Unix only.
const nonBlocking = 0
