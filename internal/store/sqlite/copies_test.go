package sqlite

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backedUp returns the path of a backup with n messages in room a.
func backedUp(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	appendTo(t, d, "a", n)
	b := &Backup{From: path, To: filepath.Join(t.TempDir(), "backup.db")}
	if held, err := b.Run(t.Context()); err != nil || held.Messages != int64(n) {
		t.Fatalf("backup: %+v, %v", held, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return b.To
}

// leftByCrash returns a directory as kill -9 leaves it: n messages in room a, the newest in the -wal.
func leftByCrash(t *testing.T, n int) (path string) {
	t.Helper()
	live := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, live, Config{})
	appendTo(t, d, "a", n)
	dir := t.TempDir()
	copyDir(t, filepath.Dir(live), dir)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "restante.db")
}

// copyDir copies files and directories, but for locks and the index of the -wal, which a crash leaves without meaning.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		target := filepath.Join(to, e.Name())
		if e.IsDir() {
			if err := os.Mkdir(target, 0o700); err != nil {
				t.Fatal(err)
			}
			copyDir(t, filepath.Join(from, e.Name()), target)
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// content describes a directory: names and sizes, but for locks.
func content(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(name, ".lock") || strings.HasSuffix(name, "-shm") {
			return err
		}
		b, err := os.ReadFile(name)
		all.WriteString(name + " ")
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func restore(t *testing.T, r *Restoration) Restored {
	t.Helper()
	done, err := r.Run(t.Context())
	if err != nil {
		t.Fatalf("restore: %v", err)
	}
	return done
}

// wantRestored opens a database and checks that it has n messages in room a and that its epoch began with a restore. The room began
// that with a number.
func wantRestored(t *testing.T, path string, n, with int, epoch string) {
	t.Helper()
	d := open(t, path, Config{})
	wantLog(t, d, n)
	epochs, err := d.Epochs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := epochs[len(epochs)-1]
	if len(epochs) < 2 || !strings.HasPrefix(last.Reason, "restored from ") || epoch != "" && last.ID != epoch {
		t.Errorf("epochs %+v, want %s after a restore", epochs, epoch)
	}
	if begun, err := d.Beginning(t.Context(), "a", epochs[len(epochs)-2].ID); err != nil || begun != int64(with) {
		t.Errorf("the room began the epoch with %d, %v, want %d", begun, err, with)
	}
	appendTo(t, d, "a", 1)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func closedDir(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	appendTo(t, d, "a", n)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// damagedIndex returns a backup in which one id differs between a message and the index of ids.
func damagedIndex(t *testing.T) string {
	t.Helper()
	path := backedUp(t, 20)
	s, err := openSource(t.Context(), path, alone)
	noError(t, err)
	var id []byte
	noError(t, s.conn.QueryRowContext(t.Context(), "SELECT id FROM messages WHERE seq = 7").Scan(&id))
	noError(t, s.close())
	found := false
	rewrite(t, path, func(b []byte) []byte {
		for page := 0; page < len(b); page += 4096 {
			content := b[page : page+4096]
			if at := bytes.Index(content, id); at >= 0 && !found { // in one of the two places
				content[at+15] ^= 1
				found = true
			}
		}
		return b
	})
	if !found {
		t.Fatal("the index was not found")
	}
	return path
}
