package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestBackup_IsOneSnapshotWhileOthersWrite: a message is stored after each step, which lets a copy without a snapshot begin anew
// each time. The backup has what was there at its beginning, and nothing that came later.
func TestBackup_IsOneSnapshotWhileOthersWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	fillMegabytes(t, d, 8)
	before := lastSeq(t, d, "a")
	b := &Backup{From: path, To: filepath.Join(t.TempDir(), "backup.db")}
	steps := 0
	b.at = func(step string) error {
		if step == "copying" {
			if steps++; steps > 100 {
				return errors.New("the copy does not end")
			}
			appendTo(t, d, "a", 1)
		}
		return nil
	}
	held, err := b.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pages := (held.Bytes + bytesPerStep - 1) / bytesPerStep
	if steps < 8 || int64(steps) > pages+1 {
		t.Errorf("%d steps for %d MiB: the copy began anew", steps, pages)
	}
	if held.Messages != before || held.Rooms != 1 {
		t.Errorf("the backup has %+v, want the %d messages that were stored before", held, before)
	}
	wantLog(t, d, int(before)+steps)
	wantLog(t, open(t, b.To, Config{}), int(before))
}

// TestBackup_WhileManyWrite: everything that was answered before the backup began is in it.
func TestBackup_WhileManyWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	d := open(t, path, Config{})
	fillMegabytes(t, d, 4)
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := d.Append(t.Context(), newMessages("a", 3)); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range 3 {
		answered := lastSeq(t, d, "a")
		b := &Backup{From: path, To: filepath.Join(t.TempDir(), fmt.Sprintf("backup-%d.db", i))}
		held, err := b.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if held.Messages < answered {
			t.Errorf("%d messages in the backup, %d were answered before", held.Messages, answered)
		}
		wantOnly(t, filepath.Dir(b.To), filepath.Base(b.To))
	}
	close(stop)
	writers.Wait()
}

// TestBackup_BeginsAnEpochWhenAServerStartsWithIt, but not when a tool reads it, which leaves it as it is.
func TestBackup_BeginsAnEpochWhenAServerStartsWithIt(t *testing.T) {
	backup := backedUp(t, 20)
	before := content(t, filepath.Dir(backup))
	for range 2 {
		d := open(t, backup, Config{AsIs: true})
		wantLog(t, d, 20)
		if epochs, err := d.Epochs(t.Context()); err != nil || len(epochs) != 1 {
			t.Errorf("a tool sees the epochs %+v, %v, want one", epochs, err)
		}
		noError(t, d.Close())
		if content(t, filepath.Dir(backup)) != before {
			t.Error("a tool has changed the backup")
		}
	}
	d := open(t, backup, Config{})
	if epochs, err := d.Epochs(t.Context()); err != nil || len(epochs) != 2 {
		t.Errorf("a server sees the epochs %+v, %v, want two", epochs, err)
	}
}

// TestBackup_OfAnEarlierVersion leaves its schema as it is: the server beside it may be of that version.
func TestBackup_OfAnEarlierVersion(t *testing.T) {
	for version := 1; version < len(known(t)); version++ {
		old, to := filepath.Join(t.TempDir(), "old.db"), filepath.Join(t.TempDir(), "backup.db")
		for _, m := range known(t)[:version] {
			shell(t, old, m.Script)
		}
		if version >= 5 {
			shell(t, old, dropBefore) // the fifth has no messages to carry over
		}
		shell(t, old, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d; PRAGMA journal_mode = WAL", version, applicationID))
		if _, err := (&Backup{From: old, To: to}).Run(t.Context()); err != nil {
			t.Errorf("version %d: %v", version, err)
			continue
		}
		s, err := openSource(t.Context(), to, alone)
		noError(t, err)
		if v, err := s.schemaVersion(t.Context(), s.conn); err != nil || v != version {
			t.Errorf("the backup has version %d, %v, want %d", v, err, version)
		}
		noError(t, s.close())
		open(t, to, Config{})
	}
}

// TestPacing_RestsForAsLongAsTheStepTook, but no longer than a second, and not when the work has ended.
func TestPacing_RestsForAsLongAsTheStepTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for took, want := range map[time.Duration]time.Duration{3 * time.Millisecond: 3 * time.Millisecond, time.Hour: time.Second} {
			begun := time.Now()
			if err := (pacing{rest: true}).after(t.Context(), took); err != nil || time.Since(begun) != want {
				t.Errorf("after %v it rested for %v, %v, want %v", took, time.Since(begun), err, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		begun := time.Now()
		if err := (pacing{rest: true}).after(ctx, time.Hour); !errors.Is(err, context.Canceled) || time.Since(begun) > 0 {
			t.Errorf("it rested for %v, %v", time.Since(begun), err)
		}
	})
}

func lastSeq(t *testing.T, d *Driver, room string) int64 {
	t.Helper()
	r, err := d.Room(t.Context(), room)
	if err != nil {
		t.Fatal(err)
	}
	return r.LastSeq
}

// fillMegabytes fills room a.
func fillMegabytes(t *testing.T, d *Driver, n int) {
	t.Helper()
	for range n {
		batch := newMessages("a", 64)
		for i := range batch {
			batch[i].Msg = strings.Repeat("x", 16<<10)
		}
		if _, err := d.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
}

// wantOnly checks which files a directory has.
func wantOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if fmt.Sprint(have) != fmt.Sprint(names) {
		t.Errorf("the directory has %v, want %v", have, names)
	}
}
