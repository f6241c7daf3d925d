// Package filestate tells whether files have changed since they were read. Packages that read files again, such as
// certificates and keys of tokens, ask it every few seconds: that works on every file system, and with files that are replaced
// through symbolic links, as Kubernetes does it.
package filestate

import (
	"os"
	"time"
)

// CheckEvery is how often to look at files. A look costs one system call a file.
const CheckEvery = 2 * time.Second

// State is what the file system says of some files at one time. An entry is nil if there is no such file, or it cannot be seen.
type State []os.FileInfo

// Of returns the state of files. Take it before the files are read, so that a change during the read is noticed. It follows
// symbolic links, so that a changed link counts as a change.
func Of(paths ...string) State {
	found := make(State, len(paths))
	for i, path := range paths {
		if info, err := os.Stat(path); err == nil {
			found[i] = info
		}
	}
	return found
}

// Equal reports whether the files are unchanged between two states of the same files. A nil State equals none of a file.
func (s State) Equal(other State) bool {
	if len(s) != len(other) {
		return false
	}
	for i, a := range s {
		b := other[i]
		if a == nil || b == nil {
			if a != b {
				return false
			}
			continue
		}
		if !os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime()) {
			return false
		}
	}
	return true
}
