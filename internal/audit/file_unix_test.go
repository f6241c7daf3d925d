//go:build unix

package audit

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// A pipe that nobody reads any more blocks neither those who note something nor the end of the log.
func TestLog_APipeThatNobodyReadsStopsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{File: path}); err == nil {
		t.Fatal("a pipe without a reader was opened")
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l := open(t, Config{File: path})
	for i := range 3 * fromKnown {
		l.Note(t.Context(), Event{What: SignIn, Who: string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)), Room: "a room with a long name"})
	}
	if got := testutil.ToFloat64(l.dropped); got == 0 {
		t.Error("no line was dropped")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := l.Close(ctx); err == nil {
		t.Error("the lines that were lost at the end are not said")
	}
}
