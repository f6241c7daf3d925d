package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/errs"
)

func TestRestoration_KeepsWhatWasThere(t *testing.T) {
	backup, path := backedUp(t, 20), leftByCrash(t, 50)
	done := restore(t, &Restoration{From: backup, To: path})
	if done.Messages != 20 || done.Rooms != 1 || len(done.Notes) != 0 {
		t.Errorf("restored %+v", done)
	}
	wantRestored(t, path, 20, 0, done.Epoch)
	wantLog(t, open(t, filepath.Join(done.Before, "restante.db"), Config{}), 50)
	for _, name := range []string{path, done.Before} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is not private: %v, %v", name, info.Mode(), err)
		}
	}
	// The backup is as it was, and can be restored again: that is another epoch.
	again := restore(t, &Restoration{From: backup, To: path})
	if again.Epoch == done.Epoch || again.Before == done.Before {
		t.Errorf("the second time %+v", again)
	}
	wantRestored(t, path, 20, 0, again.Epoch)
	wantOnly(t, filepath.Dir(backup), "backup.db")
}

func TestRestoration_IntoNewDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "deep", "restante.db")
	if done := restore(t, &Restoration{From: backedUp(t, 20), To: path}); done.Before != "" {
		t.Errorf("nothing was there, and is kept in %s", done.Before)
	}
	wantRestored(t, path, 20, 0, "")
}

func TestRestoration_FromInput(t *testing.T) {
	whole, err := os.ReadFile(backedUp(t, 20))
	if err != nil {
		t.Fatal(err)
	}
	path := leftByCrash(t, 50)
	restore(t, &Restoration{Input: bytes.NewReader(whole), To: path})
	wantRestored(t, path, 20, 0, "")

	before := content(t, filepath.Dir(path))
	for name, c := range map[string]struct {
		input string
		code  errs.Code
	}{
		"empty":             {"", errs.Invalid},
		"text":              {strings.Repeat("a letter, no database\n", 100), errs.Invalid},
		"cut in the header": {string(whole[:50]), errs.Invalid},
		"cut early":         {string(whole[:150]), errs.Internal},
		"cut at the end":    {string(whole[:len(whole)-4096]), errs.Internal},
	} {
		_, err := (&Restoration{Input: strings.NewReader(c.input), To: path}).Run(t.Context())
		if code := errs.CodeOf(err); code != c.code {
			t.Errorf("%s: %v of class %q", name, err, code)
		}
		if content(t, filepath.Dir(path)) != before {
			t.Fatalf("%s: the old state was touched", name)
		}
	}
	failing := io.MultiReader(bytes.NewReader(whole[:5000]), &broken{})
	if _, err := (&Restoration{Input: failing, To: path}).Run(t.Context()); !errors.Is(err, errBroken) || content(t, filepath.Dir(path)) != before {
		t.Errorf("an input that fails: %v", err)
	}
}

var errBroken = errors.New("the pipe broke")

type broken struct{}

func (*broken) Read([]byte) (int, error) { return 0, errBroken }

// TestRestoration_RefusesAndTouchesNothing: another program's file, a damaged one, one of a newer version, a server that runs.
func TestRestoration_RefusesAndTouchesNothing(t *testing.T) {
	good, path := backedUp(t, 20), leftByCrash(t, 50)
	newer, photos, gap := backedUp(t, 20), filepath.Join(t.TempDir(), "photos.db"), backedUp(t, 20)
	tomorrowIs(t, newer, len(known(t))+1)
	shell(t, photos, "CREATE TABLE photos (id INTEGER)")
	shell(t, gap, "DELETE FROM messages WHERE seq = 10")
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := content(t, filepath.Dir(path))
	for from, want := range map[string]struct {
		code errs.Code
		says string
	}{
		photos:            {errs.Unavailable, "another program"},
		newer:             {errs.Unavailable, "run that version"},
		empty:             {errs.Unavailable, "no database of Restante"},
		gap:               {errs.Internal, "damaged"},
		damaged(t):        {errs.Internal, "damaged"},
		damagedIndex(t):   {errs.Internal, "missing from index"},
		good + ".missing": {errs.Unavailable, "no such database file"},
		t.TempDir():       {errs.Unavailable, "no such database file"},
	} {
		_, err := (&Restoration{From: from, To: path}).Run(t.Context())
		wantError(t, err, want.code, want.says)
		if content(t, filepath.Dir(path)) != before {
			t.Fatalf("%s: the old state was touched", want.says)
		}
	}
	d := open(t, path, Config{})
	_, err := (&Restoration{From: good, To: path}).Run(t.Context())
	if wantError(t, err, errs.Unavailable, "in use"); !errors.Is(err, ErrInUse) {
		t.Errorf("%v is not ErrInUse", err)
	}
	appendTo(t, d, "a", 1)
	wantLog(t, d, 51)

	nowhere := filepath.Join(t.TempDir(), "restante.db")
	if _, err := (&Restoration{From: gap, To: nowhere}).Run(t.Context()); err == nil {
		t.Error("a damaged file was restored")
	}
	wantOnly(t, filepath.Dir(nowhere), "restante.db.lock")
}

var errStop = errors.New("stopped by the test")

// TestRestoration_KilledAtEveryStep copies the directory at each step, as kill -9 leaves it. The old state can be used, or the
// new one, or a start refuses and says how to go on; and another restore mends all of them.
func TestRestoration_KilledAtEveryStep(t *testing.T) {
	backup := backedUp(t, 20)
	for name, start := range map[string]func(*testing.T, int) string{"crashed": leftByCrash, "closed": closedDir, "nothing": func(t *testing.T, _ int) string {
		return filepath.Join(t.TempDir(), "restante.db")
	}} {
		t.Run(name, func(t *testing.T) {
			path := start(t, 50)
			steps := map[string]string{} // the directory at each step
			var order []string
			r := &Restoration{From: backup, To: path}
			r.at = func(step string) error {
				if steps[step] == "" {
					order = append(order, step)
				} else if err := os.RemoveAll(steps[step]); err != nil {
					return err
				}
				steps[step] = filepath.Join(t.TempDir(), step)
				if err := os.Mkdir(steps[step], 0o700); err != nil {
					return err
				}
				copyDir(t, filepath.Dir(path), steps[step])
				return nil
			}
			restore(t, r)
			if strings.Join(order, " ") != "copying copied renewed checked kept placed alone marked done" {
				t.Errorf("steps %v", order)
			}
			outcomes := map[string]string{}
			for _, step := range order {
				outcomes[step] = afterKill(t, steps[step], backup)
			}
			t.Log(outcomes)
			old := map[string]string{"crashed": "old", "closed": "old", "nothing": "empty"}[name]
			for step, want := range map[string]string{"copying": old, "copied": old, "renewed": old, "checked": old, "kept": old, "alone": "new", "marked": "new", "done": "new"} {
				if outcomes[step] != want {
					t.Errorf("after a kill at %q: %s, want %s", step, outcomes[step], want)
				}
			}
			want := map[string]string{"crashed": "refused", "closed": "new", "nothing": "new"}[name]
			if outcomes["placed"] != want {
				t.Errorf("after a kill when the file was placed: %s, want %s", outcomes["placed"], want)
			}
		})
	}
}

// afterKill says what a start makes of a directory, and checks that another restore mends it.
func afterKill(t *testing.T, dir, backup string) string {
	t.Helper()
	started := t.TempDir()
	copyDir(t, dir, started)
	outcome := "refused"
	d, err := Open(t.Context(), filepath.Join(started, "restante.db"), Config{})
	if err != nil {
		wantError(t, err, errs.Unavailable, "restante restore")
	} else {
		outcome = map[int64]string{0: "empty", 20: "new", 50: "old"}[lastSeq(t, d, "a")]
		wantLog(t, d, int(lastSeq(t, d, "a")))
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "restante.db")
	restore(t, &Restoration{From: backup, To: path})
	wantRestored(t, path, 20, 0, "")
	return outcome
}

// TestRestoration_StopsAtEveryStep: an error or an interruption before the file is put in place changes nothing.
func TestRestoration_StopsAtEveryStep(t *testing.T) {
	backup, path := backedUp(t, 20), leftByCrash(t, 50)
	before := content(t, filepath.Dir(path))
	for _, step := range []string{"copying", "copied", "renewed", "checked"} {
		r := &Restoration{From: backup, To: path, at: func(at string) error {
			if at == step {
				return errStop
			}
			return nil
		}}
		if _, err := r.Run(t.Context()); !errors.Is(err, errStop) {
			t.Fatalf("%s: %v", step, err)
		}
		if content(t, filepath.Dir(path)) != before {
			t.Errorf("%s: the old state was touched", step)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r.at = func(at string) error {
			if at == step {
				cancel()
			}
			return nil
		}
		_, err := r.Run(ctx)
		if cancel(); step != "checked" && !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted at %s: %v", step, err)
		}
	}
}

// TestRestoration_InPlace begins with what there is, whatever is missing or does not belong to it.
func TestRestoration_InPlace(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		have  int
		begun int
		note  string
	}{
		"with its -wal": {func(*testing.T, string) {}, 50, 50, ""},
		"without its mark": {func(t *testing.T, path string) {
			noError(t, os.Remove(path+".mark"))
		}, 50, 0, ""},
		"beside the -wal of another one": {func(t *testing.T, path string) {
			whole, err := os.ReadFile(backedUp(t, 30))
			noError(t, err)
			noError(t, os.WriteFile(path, whole, 0o600))
		}, 30, 0, "does not belong to"},
		"closed, beside the -wal of another one": {func(t *testing.T, path string) {
			other := leftByCrash(t, 70)
			noError(t, open(t, path, Config{}).Close())
			noError(t, os.Rename(other+"-wal", path+"-wal"))
		}, 50, 50, "does not belong to"},
		"closed, with the mark of another one": {func(t *testing.T, path string) {
			whole, err := os.ReadFile(backedUp(t, 30))
			noError(t, err)
			noError(t, os.WriteFile(path, whole, 0o600))
			noError(t, os.Remove(path+"-wal"))
		}, 30, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := leftByCrash(t, 50)
			c.spoil(t, path)
			done := restore(t, &Restoration{From: path, To: path})
			if int(done.Messages) != c.have || !strings.Contains(strings.Join(done.Notes, " "), c.note) || c.note == "" && len(done.Notes) > 0 {
				t.Errorf("restored %+v, want %d messages and %q", done, c.have, c.note)
			}
			wantRestored(t, path, c.have, c.begun, done.Epoch)
		})
	}
}

// TestRestoration_InPlaceWithoutTheWAL: the newest messages were in the -wal, and are missing. That is said.
func TestRestoration_InPlaceWithoutTheWAL(t *testing.T) {
	path := leftByCrash(t, 50)
	noError(t, os.Remove(path+"-wal"))
	refused(t, path, errs.Unavailable, "restante restore")
	done := restore(t, &Restoration{From: path, To: path})
	if len(done.Notes) != 1 || !strings.Contains(done.Notes[0], "without its -wal") {
		t.Errorf("notes %q", done.Notes)
	}
	wantRestored(t, path, int(done.Messages), int(done.Messages), done.Epoch)
}

// TestRestoration_OfAFileInUse: another server's database, with what is in its -wal.
func TestRestoration_OfAFileInUse(t *testing.T) {
	live, path := filepath.Join(t.TempDir(), "restante.db"), filepath.Join(t.TempDir(), "restante.db")
	d := open(t, live, Config{})
	appendTo(t, d, "a", 40)
	restore(t, &Restoration{From: live, To: path})
	wantRestored(t, path, 40, 0, "")
	appendTo(t, d, "a", 1)
	wantLog(t, d, 41)
}

// TestRestoration_OfAnEarlierVersion brings the tables up to date.
func TestRestoration_OfAnEarlierVersion(t *testing.T) {
	old, path := filepath.Join(t.TempDir(), "old.db"), filepath.Join(t.TempDir(), "restante.db")
	shell(t, old, known(t)[0].Script+`; PRAGMA user_version = 1; PRAGMA application_id = 1919251316;
		INSERT INTO rooms VALUES (7, 'a', 1, 1700000000000002);
		INSERT INTO messages VALUES (7, 1, x'0192f0c15a2b7c3d8e4f5a6b7c8d9e01', 'ann', 'one', 1700000000000000, 1700000000000001)`)
	restore(t, &Restoration{From: old, To: path})
	wantRestored(t, path, 1, 0, "")
}

// TestRestoration_OverADamagedFile keeps that, too.
func TestRestoration_OverADamagedFile(t *testing.T) {
	path := leftByCrash(t, 50)
	noError(t, os.WriteFile(path, []byte("no database"), 0o600))
	done := restore(t, &Restoration{From: backedUp(t, 20), To: path})
	wantRestored(t, path, 20, 0, done.Epoch)
	if kept, err := os.ReadFile(filepath.Join(done.Before, "restante.db")); err != nil || string(kept) != "no database" {
		t.Errorf("kept %q, %v", kept, err)
	}
}

// TestRestoration_WithoutHardLinks copies what was there.
func TestRestoration_WithoutHardLinks(t *testing.T) {
	backup, path := backedUp(t, 20), leftByCrash(t, 50)
	done := restore(t, &Restoration{From: backup, To: path, link: func(string, string) error { return errors.ErrUnsupported }})
	wantRestored(t, path, 20, 0, "")
	wantLog(t, open(t, filepath.Join(done.Before, "restante.db"), Config{}), 50)
}
