//go:build unix

package secret_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"restante/internal/secret"
)

// write makes a file with exactly these permissions.
func write(t *testing.T, path, content string, mode fs.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRead_TakesTheBytesWithoutOneLineEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for content, want := range map[string]string{
		"marker": "marker", "marker\n": "marker", "marker\r\n": "marker", "marker\n\n": "marker\n", " marker ": " marker ",
		"\xff\x00\n": "\xff\x00", strings.Repeat("x", secret.MaxSize): strings.Repeat("x", secret.MaxSize),
	} {
		if got, err := secret.Read(write(t, path, content, 0o600)); err != nil || got != want {
			t.Errorf("%.20q: %.20q, %v", content, got, err)
		}
	}
	for content, why := range map[string]string{"": "empty", "\n": "empty", "\r\n": "empty", strings.Repeat("marker", secret.MaxSize): "greater than"} {
		if _, err := secret.Read(write(t, path, content, 0o600)); err == nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "marker") {
			t.Errorf("%.20q: %.200v", content, err)
		}
	}
}

func TestReadText_RefusesWhatIsNoLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for content, good := range map[string]bool{"pass wörd\n": true, "marker\nmarker": false, "mar\x00ker": false, "marker\n\n": false} {
		if _, err := secret.ReadText(write(t, path, content, 0o600)); (err == nil) != good || err != nil && strings.Contains(err.Error(), "mar") {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestRead_RefusesWhatOthersMayWrite(t *testing.T) {
	dir := t.TempDir()
	for mode, good := range map[fs.FileMode]bool{0o400: true, 0o600: true, 0o444: true, 0o640: true, 0o644: true, 0o620: false, 0o602: false, 0o666: false, 0o664: false} {
		if _, err := secret.Read(write(t, filepath.Join(dir, "s"), "marker", mode)); (err == nil) != good {
			t.Errorf("%04o: %v", mode, err)
		}
		_ = os.Remove(filepath.Join(dir, "s"))
	}
	path := write(t, filepath.Join(dir, "s"), "marker", 0o600)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for mode, good := range map[fs.FileMode]bool{0o755: true, 0o777: false, 0o777 | fs.ModeSticky: true, 0o702: false} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, link} {
			if _, err := secret.Read(name); (err == nil) != good {
				t.Errorf("%s in a directory with %v: %v", name, mode, err)
			}
		}
	}
}

func TestRead_RefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, filepath.Join(dir, "missing"), "/dev/zero"} {
		if _, err := secret.Read(path); err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestRead_FollowsTheLinksOfKubernetes replaces a secret as Kubernetes does: by another target of one link.
func TestRead_FollowsTheLinksOfKubernetes(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	swap := func(version, content string) {
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "password"), content, 0o644)
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "password")
	if err := os.Symlink("..data/password", path); err != nil {
		t.Fatal(err)
	}
	for version, content := range map[string]string{"..2026_1": "first", "..2026_2": "second"} {
		swap(version, content)
		if got, err := secret.Read(path); got != content {
			t.Errorf("%q, %v, want %q", got, err, content)
		}
	}
}

func TestExposed_KnowsWhoMayRead(t *testing.T) {
	dir := t.TempDir()
	for mode, want := range map[fs.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o644: true} {
		path := write(t, filepath.Join(dir, "s"), "marker", mode)
		if got, exposed := secret.Exposed(path); exposed != want || exposed && got != mode {
			t.Errorf("%04o: %v, %v", mode, got, exposed)
		}
		_ = os.Remove(path)
	}
	if _, exposed := secret.Exposed(filepath.Join(dir, "missing")); exposed {
		t.Error("a file that does not exist is exposed")
	}
	if _, exposed := secret.Exposed("/proc/self/status"); !exposed {
		t.Error("a file that everybody may read, on a file system that can be written, is not exposed")
	}
}
