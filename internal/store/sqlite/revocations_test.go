package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"restante/internal/revocation"
)

// TestRestoration_KeepsWhatWasRevoked: a token that was revoked after a backup stays revoked when the backup is put in place.
func TestRestoration_KeepsWhatWasRevoked(t *testing.T) {
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "chat.db"), filepath.Join(dir, "backup.db")
	entry := func(name string) revocation.Entry {
		now := time.Now().UTC().Truncate(time.Microsecond)
		return revocation.Entry{Key: revocation.Key{Kind: revocation.Sub, Name: name}, Before: revocation.Moment(now), At: now, Until: now.Truncate(time.Second).Add(time.Hour)}
	}
	revoke := func(name string) {
		t.Helper()
		d, err := Open(t.Context(), path, Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Revoke(t.Context(), []revocation.Entry{entry(name)}); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	revoke("before")
	if _, err := (&Backup{From: path, To: backup}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	revoke("after")
	if _, err := (&Restoration{From: backup, To: path}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), path, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	all, err := d.Revocations(t.Context(), 0, 10)
	if err != nil || len(all) != 2 || all[0].Name != "before" || all[1].Name != "after" {
		t.Errorf("%+v, %v", all, err)
	}
}
