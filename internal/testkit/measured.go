package testkit

import (
	"fmt"
	"os"
	"testing"
)

// measuredVariable names a file that gets what tests have measured, for a run of all tests, which shows no logs of those
// that pass.
const measuredVariable = "RESTANTE_TEST_MEASURED"

// Measured tells what a test has measured, in one line. The kind is a word; those of one kind are shown together. It may
// be called concurrently.
func Measured(t testing.TB, kind, line string) {
	t.Helper()
	t.Log(line)
	path := os.Getenv(measuredVariable)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		defer func() { _ = f.Close() }()
		_, err = fmt.Fprintf(f, "%s: %s\n", kind, line)
	}
	if err != nil {
		t.Errorf("what was measured is not noted: %v", err)
	}
}
