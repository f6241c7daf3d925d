package testkit

import (
	"fmt"
	"os"
	"testing"
)

// measuredVariable names a file for what tests have measured. A run of all tests prints that file, because it does not
// show the logs of tests that pass.
const measuredVariable = "RESTANTE_TEST_MEASURED"

// Measured records one measurement, in one line. kind is a word; measurements of one kind are printed together. It may
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
		t.Errorf("the measurement was not recorded: %v", err)
	}
}
