package sqlite

import (
	"os"
	"path/filepath"
	"testing"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

// copied returns the path of a copy of a database that is closed.
func copied(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	put(t, path, to)
	return to
}

const otherCopy = "another copy of the database file"

// Readers have numbers of the store that was here. The store that is put in its place cannot know up to where both agree.
func TestServed_DatabaseOfAnotherStore(t *testing.T) {
	path := closed(t, running(t))
	other := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	appendTo(t, other, "a", 5)
	foreign := copied(t, closed(t, other))
	put(t, foreign, path)
	d := ends(t, path, 5, 0, otherCopy)
	appendTo(t, d, "a", 1)

	// From then on it is the store that is here, also for an older copy of it that was made here.
	copiedHere := copied(t, closed(t, d))
	d = goesOnAfter(t, path, 6)
	closed(t, d)
	put(t, copiedHere, path)
	closed(t, ends(t, path, 6, 6, otherCopy))

	// A copy that was made elsewhere does not know that another store was here before.
	put(t, foreign, path)
	ends(t, path, 5, 0, otherCopy)
}

// goesOnAfter opens a store in whose present epoch nothing was lost, and stores another message.
func goesOnAfter(t *testing.T, path string, messages int) *Driver {
	t.Helper()
	before := epochsAt(t, path)
	d := open(t, path, Config{})
	wantLog(t, d, messages)
	if all, err := d.Epochs(t.Context()); err != nil || len(all) != before {
		t.Errorf("epochs %+v, %v, want %d", all, err, before)
	}
	appendTo(t, d, "a", 1)
	return d
}

// epochsAt returns how many epochs a closed database has.
func epochsAt(t *testing.T, path string) (n int) {
	t.Helper()
	s, err := openSource(t.Context(), path, alone)
	noError(t, err)
	noError(t, s.conn.QueryRowContext(t.Context(), "SELECT count(*) FROM epochs").Scan(&n))
	noError(t, s.close())
	return n
}

// A file of marks that does not say which store was here is kept, and proves nothing.
func TestServed_MarkWithoutAStore(t *testing.T) {
	path := closed(t, running(t))
	old := copied(t, path)
	closed(t, goesOn(t, path, 3))
	forget := func() {
		f := &file{path: path}
		m, err := f.readMarks()
		noError(t, err)
		noError(t, f.writeMarks(marks{Present: m.Present}))
	}
	forget()
	closed(t, goesOn(t, path, 4))
	forget()
	put(t, old, path)
	ends(t, path, 3, 0, otherCopy)
}

// A database that is made new, and one of a version before marks, get the id of a store when they are opened: it is not the one
// that the mark is of.
func TestServed_DatabaseWithoutAMark(t *testing.T) {
	path := closed(t, running(t))
	remove(t, path)
	ends(t, path, 0, 0, "without a mark")

	path = closed(t, running(t))
	remove(t, path)
	shell(t, path, known(t)[0].Script+`; PRAGMA user_version = 1; PRAGMA application_id = 1919251316;
		INSERT INTO rooms VALUES (7, 'a', 1, 1700000000000002);
		INSERT INTO messages VALUES (7, 1, x'0192f0c15a2b7c3d8e4f5a6b7c8d9e01', 'ann', 'one', 1700000000000000, 1700000000000001)`)
	d := ends(t, path, 1, 0, "without a mark")
	appendTo(t, d, "a", 1)
	goesOnAfter(t, closed(t, d), 2)
}

// A start is killed after it has said that the epoch ends, before and after it has ended it in the -wal.
func TestServed_KilledWhileAnEpochEnded(t *testing.T) {
	path, foreign := closed(t, running(t)), closed(t, running(t))
	put(t, foreign, path)
	f := &file{path: path}
	beside, err := f.readMarks()
	noError(t, err)
	m, err := f.readMark(t.Context(), alone)
	noError(t, err)
	noError(t, f.writeMarks(marks{Present: m.id, Next: driver.NewMark(), Ends: "another copy was put in place", served: beside.served}))
	closed(t, ends(t, path, 3, 0, "another copy was put in place"))

	put(t, foreign, path)
	d, release := held(t, path, Config{})
	defer release()
	if m, err := d.file.readMarks(); err != nil || !m.pending() {
		t.Fatalf("marks %+v, %v: the checkpoint was not held up", m, err)
	}
	again := goesOnAfterKill(t, crashed(t, d), d)
	here := copied(t, closed(t, again))
	closed(t, goesOnAfter(t, again.file.path, 4))
	put(t, here, again.file.path)
	ends(t, again.file.path, 4, 4, otherCopy)
}

// goesOnAfterKill opens what a kill has left of a store, in the same epoch, and stores another message.
func goesOnAfterKill(t *testing.T, path string, killed *Driver) *Driver {
	t.Helper()
	want, err := killed.Epoch()
	noError(t, err)
	d := open(t, path, Config{})
	if e, err := d.Epoch(); err != nil || e != want {
		t.Errorf("epoch %+v, %v, want %+v", e, err, want)
	}
	appendTo(t, d, "a", 1)
	return d
}

// A store that goes on as another one, such as the target of a copy, is that one for later copies, too.
func TestServed_StoreThatWasCopied(t *testing.T) {
	source := running(t)
	l, err := source.Lineage(t.Context())
	noError(t, err)
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	noError(t, d.RestoreEpochs(t.Context(), l))
	appendTo(t, d, "a", 3)
	path := closed(t, d)
	old := copied(t, path)
	closed(t, goesOn(t, path, 3))
	put(t, old, path)
	ends(t, path, 3, 3, otherCopy)
}

// A restore compares the store of the file with the one that it replaces.
func TestServed_Restored(t *testing.T) {
	backupOf := func(t *testing.T, path string) string {
		b := &Backup{From: path, To: filepath.Join(t.TempDir(), "backup.db")}
		_, err := b.Run(t.Context())
		noError(t, err)
		return b.To
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		begun int
	}{
		"with its mark": {func(*testing.T, string) {}, 50},
		"with its mark, of a damaged database": {func(t *testing.T, path string) {
			noError(t, os.WriteFile(path, []byte("no database"), 0o600))
		}, 50},
		"with its mark, of a database that is gone": {func(t *testing.T, path string) {
			remove(t, path)
			remove(t, path+"-wal")
		}, 50},
		"without a mark": {func(t *testing.T, path string) { remove(t, path+".mark") }, 50},
		"with a mark that names no store": {func(t *testing.T, path string) {
			noError(t, (&file{path: path}).writeMarks(marks{Present: driver.NewMark()}))
		}, 50},
		"with a mark that cannot be read":       {func(t *testing.T, path string) { noError(t, os.WriteFile(path+".mark", []byte("{"), 0o600)) }, 50},
		"with the mark of another one":          {func(t *testing.T, path string) { put(t, leftByCrash(t, 10)+".mark", path+".mark") }, 0},
		"without a mark, of a damaged database": {func(t *testing.T, path string) { remove(t, path+".mark"); noError(t, os.Truncate(path, 10)) }, 0},
		"without a mark, of another one": {func(t *testing.T, path string) {
			remove(t, path+".mark")
			remove(t, path+"-wal")
			put(t, backedUp(t, 30), path)
		}, 0},
		"with its mark, put beside another one":  {func(t *testing.T, path string) { remove(t, path+"-wal"); put(t, backedUp(t, 30), path) }, 50},
		"with nothing there but the lock of one": {func(t *testing.T, path string) { noError(t, removeDatabase(path)); remove(t, path+".mark") }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := leftByCrash(t, 50)
			backup := backupOf(t, path)
			c.spoil(t, path)
			wantRestored(t, path, 50, c.begun, restore(t, &Restoration{From: backup, To: path}).Epoch)
			// Once more: that is the store that was restored, or a copy of it which does not know of the store before.
			wantRestored(t, path, 50, c.begun, restore(t, &Restoration{From: backup, To: path}).Epoch)
			// A backup that is made here knows.
			here := backupOf(t, path)
			wantRestored(t, path, 51, 51, restore(t, &Restoration{From: here, To: path}).Epoch)
			// So does the database itself.
			wantRestored(t, path, 52, 52, restore(t, &Restoration{From: path, To: path}).Epoch)
		})
	}
}

// What was kept by a restore of another store is put back: readers may have numbers of both.
func TestServed_RestoredAndTakenBack(t *testing.T) {
	path := closedDir(t, 50)
	done := restore(t, &Restoration{From: backedUp(t, 20), To: path})
	wantRestored(t, path, 20, 0, done.Epoch)
	back := restore(t, &Restoration{From: filepath.Join(done.Before, "restante.db"), To: path})
	wantRestored(t, path, 50, 0, back.Epoch)
}

// A database is served with the marks of another store, as an operator has ordered.
func TestServed_BegunWithWhatThereIs(t *testing.T) {
	path := crashed(t, running(t))
	put(t, crashed(t, running(t))+".mark", path+".mark")
	refused(t, path, errs.Unavailable)
	wantBegun := func(begun int64) {
		t.Helper()
		d := open(t, path, Config{Restored: "begun with what there was"})
		all, err := d.Epochs(t.Context())
		noError(t, err)
		if seq, err := d.Beginning(t.Context(), "a", all[len(all)-2].ID); err != nil || seq != begun {
			t.Errorf("room a began the epoch with %d, %v, want %d", seq, err, begun)
		}
		closed(t, d)
	}
	wantBegun(0)
	wantBegun(3)
}
