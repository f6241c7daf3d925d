package filestate_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/filestate"
)

func TestState_KnowsEveryKindOfChange(t *testing.T) {
	dir := t.TempDir()
	a, b, link := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(a, []byte("1"), 0o600), os.Symlink(a, link)); err != nil {
		t.Fatal(err)
	}
	known := filestate.Of(link, b)
	if !known.Equal(filestate.Of(link, b)) {
		t.Error("unchanged files have changed")
	}
	if known.Equal(nil) || filestate.State(nil).Equal(known) {
		t.Error("no state equals one")
	}
	steps := []struct {
		what   string
		change func() error
	}{
		{"a new file", func() error { return os.WriteFile(b, []byte("1"), 0o600) }},
		{"its size", func() error { return os.WriteFile(a, []byte("12"), 0o600) }},
		{"its time", func() error { return os.Chtimes(a, time.Time{}, time.Now().Add(time.Hour)) }},
		{"the link", func() error { return errors.Join(os.Remove(link), os.Symlink(b, link)) }},
		{"no file", func() error { return os.Remove(b) }},
	}
	for _, step := range steps {
		known := filestate.Of(link, a, b)
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if known.Equal(filestate.Of(link, a, b)) {
			t.Errorf("a change of %s is not seen", step.what)
		}
	}
}
