package sqlite

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func TestOpen_CreatesPrivateFileAndDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "deep")
	path := filepath.Join(dir, "odd name ?a=b#c%41'é.db")
	d := open(t, path, Config{})
	appendTo(t, d, "a", 3)
	for name, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(name), got, want)
		}
	}
}

func TestOpen_RefusesFileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	alias := filepath.Join(t.TempDir(), "alias.db")
	if err := os.Symlink(path, alias); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, alias} {
		refused(t, name, errs.Unavailable, "in use by another process", path)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, alias, Config{})
}

func TestOpen_RefusesNewerSchema(t *testing.T) {
	path := written(t)
	shell(t, path, "PRAGMA user_version = 9999")
	refused(t, path, errs.Unavailable, "newer version of Restante", path, "9999")
}

func TestOpen_RefusesOtherProgramsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "photos.db")
	shell(t, path, "CREATE TABLE photos (id INTEGER)")
	refused(t, path, errs.Unavailable, "another program", path)
}

func TestOpen_RefusesDamagedFile(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"text":            func([]byte) []byte { return []byte(strings.Repeat("this is a letter, no database\n", 200)) },
		"broken header":   func(b []byte) []byte { copy(b[16:], "garbage!"); return b },
		"broken schema":   func(b []byte) []byte { copy(b[100:4096], bytes.Repeat([]byte{0xa5}, 3996)); return b },
		"cut in the page": func(b []byte) []byte { return b[:200] },
	} {
		t.Run(name, func(t *testing.T) {
			path := written(t)
			rewrite(t, path, damage)
			refused(t, path, errs.Internal, "damaged", path)
			// The file is not locked by the refusal, and is as it was.
			refused(t, path, errs.Internal, "damaged", path)
		})
	}
}

func TestOpen_RefusesUnusablePath(t *testing.T) {
	dir := t.TempDir()
	refused(t, dir, errs.Unavailable, "opened for writing", dir)
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, filepath.Join(file, "restante.db"), errs.Unavailable, "directory", file)
}

func TestOpen_EmptyFileBecomesDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	appendTo(t, open(t, path, Config{}), "a", 1)
}

// Calls that need a damaged page report it, with the file's name; other rooms go on.
func TestDriver_DamagedPage(t *testing.T) {
	path := damaged(t)
	d := open(t, path, Config{})
	_, err := d.After(t.Context(), "damaged", 0, 500)
	wantError(t, err, errs.Internal, "the database file is damaged", path)
	_, err = d.Append(t.Context(), newMessages("damaged", 1))
	wantError(t, err, errs.Internal, "the database file is damaged", path)
	if d.Retryable(err) {
		t.Error("damage is retryable")
	}
	appendTo(t, d, "healthy", 1)
	if page, err := d.After(t.Context(), "healthy", 0, 500); err != nil || len(page) != 401 {
		t.Errorf("healthy room: %d messages, %v", len(page), err)
	}
}

// damaged returns the path of a closed database with three rooms, of which one has lost its messages.
func damaged(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	appendTo(t, d, "damaged", 400)
	appendTo(t, d, "between", 100) // so that the two share no page
	appendTo(t, d, "healthy", 400)
	lost, kept := idsOf(t, d, "damaged"), idsOf(t, d, "healthy")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, func(b []byte) []byte {
		for page := 0; page < len(b); page += 4096 {
			content := b[page : page+4096]
			const leaf = 10                                                            // the type of page, its first byte
			if content[0] == leaf && hasAny(content, lost) && !hasAny(content, kept) { // pages of the index have ids of all rooms
				copy(content, bytes.Repeat([]byte{0xa5}, 4096))
			}
		}
		return b
	})
	return path
}

// idsOf returns the ids of a room's messages as the file has them.
func idsOf(t *testing.T, d *Driver, room string) [][]byte {
	t.Helper()
	page, err := d.After(t.Context(), room, 0, chat.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	ids := make([][16]byte, len(page))
	all := make([][]byte, len(page))
	for i, m := range page {
		if err := decodeID(&ids[i], m.ID); err != nil {
			t.Fatal(err)
		}
		all[i] = ids[i][:]
	}
	return all
}

func hasAny(content []byte, parts [][]byte) bool {
	return slices.ContainsFunc(parts, func(p []byte) bool { return bytes.Contains(content, p) })
}

func TestDriver_ReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{Config: driver.Config{CheckInterval: 1}})
	appendTo(t, d, "a", 1)
	rename(t, path, path+".away")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := d.Append(t.Context(), newMessages("a", 1))
	wantError(t, err, errs.Unavailable, "moved, replaced or deleted", path)
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the new file was written to: %v, %v", info, err)
	}
	rename(t, path+".away", path)
	appendTo(t, d, "a", 1)
}

func TestClose_LeavesOneFile(t *testing.T) {
	path := written(t)
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		t.Errorf("the log still has %d bytes", info.Size())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(alone, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if page, err := open(t, alone, Config{}).After(t.Context(), "a", 0, 500); err != nil || len(page) != 100 {
		t.Errorf("the copy has %d messages, %v", len(page), err)
	}
}

// written returns the path of a closed database with 100 messages in room a.
func written(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	appendTo(t, d, "a", 100)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func newMessages(room string, n int) []chat.Message {
	batch := make([]chat.Message, n)
	for i := range batch {
		batch[i] = newMessage(room, "a text of room "+room)
	}
	return batch
}

func appendTo(t *testing.T, d *Driver, room string, n int) {
	t.Helper()
	if _, err := d.Append(t.Context(), newMessages(room, n)); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// shell runs SQL as another program does.
func shell(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, path string, code errs.Code, says ...string) {
	t.Helper()
	d, err := Open(t.Context(), path, Config{})
	if err == nil {
		t.Errorf("opened %s", path)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		return
	}
	wantError(t, err, code, says...)
}

func wantError(t *testing.T, err error, code errs.Code, says ...string) {
	t.Helper()
	if errs.CodeOf(err) != code {
		t.Errorf("error %v of class %q, want %q", err, errs.CodeOf(err), code)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("error %q does not say %q", err, s)
		}
	}
}
