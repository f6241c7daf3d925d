package sqlite

import (
	"os"
	"testing"

	"restante/internal/errs"
)

// What an operator orders is done, whatever the files say.
func TestOpen_Restored(t *testing.T) {
	path := crashed(t, running(t))
	remove(t, path+".mark")
	put(t, crashed(t, running(t))+".mark", path+".mark")
	refused(t, path, errs.Unavailable)
	d := open(t, path, Config{Restored: "begun with what there was"})
	wantLog(t, d, 3)
	all, err := d.Epochs(t.Context())
	if err != nil || len(all) != 2 || all[1].Reason != "begun with what there was" {
		t.Errorf("epochs %+v, %v", all, err)
	}
	d = open(t, closed(t, d), Config{})
	if again, err := d.Epochs(t.Context()); err != nil || len(again) != 2 {
		t.Errorf("epochs %+v, %v", again, err)
	}
}

func TestSeal(t *testing.T) {
	d := running(t)
	path := crashed(t, d)
	shell(t, path, "PRAGMA wal_checkpoint(TRUNCATE)")
	remove(t, path+".mark")
	refused(t, path, errs.Unavailable, "comes without")
	if err := Seal(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"-wal", "-shm", ".mark"} {
		if _, err := os.Stat(path + end); err == nil {
			t.Errorf("sealing has left the file %s", end)
		}
	}
	f := &file{path: path}
	if m, err := f.readMark(t.Context(), alone); err != nil || !m.closed || m.id == "" || m.id == d.writer.marks.Present {
		t.Errorf("mark %+v, %v", m, err)
	}
	ends(t, path, 3, 0, "came without")
}
