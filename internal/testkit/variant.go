package testkit

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// newer is the binary that Newer has built. It is a variable of the package because the tests of a process share it, as
// they share the binary under test.
var newer struct {
	once sync.Once
	path string
	err  error
}

// Newer returns the path of a binary that stands for the next version of the server: built with the tag tomorrow, it
// knows one kind of entry and one migration more than the binary under test, which is the older version beside it.
func Newer(t testing.TB) string {
	t.Helper()
	newer.once.Do(func() {
		var dir string
		if dir, newer.err = os.MkdirTemp("", "restante-newer-"); newer.err == nil {
			newer.path = filepath.Join(dir, "restante")
			newer.err = build(newer.path, Race(), "-tags", "tomorrow")
		}
	})
	if newer.err != nil {
		t.Fatal(newer.err)
	}
	return newer.path
}

// removeNewer removes what Newer has built.
func removeNewer() {
	if newer.path != "" {
		_ = os.RemoveAll(filepath.Dir(newer.path))
	}
}
