package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/store"
	"restante/internal/testkit"
)

// filled returns the URL of a SQLite store that has n messages in each of some rooms.
func filled(t *testing.T, rooms, n int) storeURL {
	t.Helper()
	u := storeURL("sqlite:" + filepath.Join(t.TempDir(), "restante.db"))
	s := opened(t, u)
	for i := range rooms {
		batch := make([]chat.Message, n)
		for k := range batch {
			batch[k] = chat.Message{
				ID: uuid.NewString(), Room: fmt.Sprintf("room-%d", i), ClientID: "ann", Msg: fmt.Sprintf("text %d\x00", k), SentAt: chat.Micros(time.Now()),
			}
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return u
}

func opened(t *testing.T, u storeURL) *store.Store {
	t.Helper()
	s, err := u.open(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (o outcome) want(t *testing.T, code int, out, err string) {
	t.Helper()
	if o.code != code || !strings.Contains(o.out, out) || !strings.Contains(o.err, err) {
		t.Errorf("exit code %d, want %d; output %q, want %q; error %q, want %q", o.code, code, o.out, out, o.err, err)
	}
}

func TestCopy_ThereAndBack(t *testing.T) {
	server := testkit.OwnPostgres(t)
	database, err := server.Database(t.Context(), "copy")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"migration=0001_log.sql", ""} { // the second time there is nothing to do
		run(t.Context(), "", "migrate", "--store", database).want(t, exitOK, "is up to date", line)
	}
	source, back := filled(t, 3, 600), storeURL("sqlite:"+filepath.Join(t.TempDir(), "back.db"))
	there := run(t.Context(), "", "copy", "--from", string(source), "--to", database)
	there.want(t, exitOK, "have the same 1800 messages of 3 rooms, checksum ", "copied 1800 messages of 3 rooms in ")
	again := run(t.Context(), "", "copy", "--from", string(source), "--to", database)
	if again.want(t, exitOK, "", ""); again.out != there.out {
		t.Errorf("again: %q, before %q", again.out, there.out)
	}
	home := run(t.Context(), "", "copy", "--from", database, "--to", string(back))
	if home.want(t, exitOK, "1800 messages", ""); checksum(home.out) != checksum(there.out) {
		t.Errorf("back: %q, there %q", home.out, there.out)
	}

	// The copy can be used like any other store.
	s := opened(t, storeURL(database))
	defer s.Close()
	m := chat.Message{ID: uuid.NewString(), Room: "room-1", ClientID: "bob", Msg: "new", SentAt: chat.Micros(time.Now())}
	if stored, err := s.Append(t.Context(), []chat.Message{m}); err != nil || stored[0].Seq != 601 {
		t.Errorf("append to the copy: %+v, %v", stored, err)
	}
	run(t.Context(), "", "copy", "--from", string(source), "--to", database).
		want(t, exitFailed, "", `room "room-1" ends with number 601 in the target, with 600 in the source`)
}

// TestCopy_LeavesABackupAsItIs: a backup is copied first, then what the database has got since.
func TestCopy_LeavesABackupAsItIs(t *testing.T) {
	source, dir := filled(t, 2, 100), t.TempDir()
	backup, target := filepath.Join(dir, "backup.db"), filepath.Join(t.TempDir(), "target.db")
	run(t.Context(), "", "backup", "--store", string(source), "--to", backup).want(t, exitOK, "", "")
	before, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		run(t.Context(), "", "copy", "--from", "sqlite:"+backup, "--to", "sqlite:"+target).want(t, exitOK, "have the same 200 messages", "")
	}
	if after, err := os.ReadFile(backup); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the backup was changed, %v", err)
	}
	if _, err := os.Stat(backup + ".mark"); err == nil {
		t.Error("the backup has got a mark")
	}
	s := opened(t, source)
	m := chat.Message{ID: uuid.NewString(), Room: "room-1", ClientID: "bob", Msg: "new", SentAt: chat.Micros(time.Now())}
	if _, err := s.Append(t.Context(), []chat.Message{m}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	run(t.Context(), "", "copy", "--from", string(source), "--to", "sqlite:"+target).want(t, exitOK, "have the same 201 messages", "")
}

func checksum(out string) string { return out[strings.LastIndex(out, " "):] }

func TestCopy_RefusesWithAdvice(t *testing.T) {
	source, other := filled(t, 1, 3), filled(t, 1, 3)
	run(t.Context(), "", "copy", "--from", string(source), "--to", string(other)).
		want(t, exitFailed, "", "has messages or epochs of its own: it cannot go on as ")
	run(t.Context(), "", "copy", "--from", string(source), "--to", string(source)).want(t, exitUsage, "", "the same store")
	run(t.Context(), "", "copy", "--from", string(source), "--to", "mysql://secret").want(t, exitUsage, "", "use sqlite:PATH")
	missing := filepath.Join(t.TempDir(), "missing.db")
	run(t.Context(), "", "copy", "--from", "sqlite:"+missing, "--to", string(other)).want(t, exitFailed, "", "there is no such file")
	if _, err := os.Stat(missing); err == nil {
		t.Error("a mistyped source was created")
	}

	inUse := opened(t, source)
	defer inUse.Close()
	run(t.Context(), "", "copy", "--from", string(source), "--to", string(other)).want(t, exitUnavailable, "", "stop the server that uses it")
	run(t.Context(), "", "migrate", "--store", string(source)).want(t, exitUnavailable, "", "stop the server that uses it")

	unreachable := run(t.Context(), "", "copy", "--from", string(other), "--to", "postgres://u:secret@127.0.0.1:1/db")
	if unreachable.want(t, exitUnavailable, "", "cannot be reached"); strings.Contains(unreachable.err, "secret") {
		t.Errorf("the error shows the password: %s", unreachable.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run(ctx, "", "copy", "--from", string(other), "--to", "sqlite:"+missing).want(t, exitInterrupted, "", "interrupted")
}

func TestMigrate_SaysWhatItDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restante.db")
	run(t.Context(), "", "migrate", "--store", "sqlite:"+path).want(t, exitOK, "is up to date", "migration=0001_log.sql")
	if again := run(t.Context(), "", "migrate", "--audit-log", "off", "--store", "sqlite:"+path); again.code != exitOK || again.err != "" {
		t.Errorf("again: %+v", again)
	}
}

func TestRate_SaysHowLongItTakes(t *testing.T) {
	p := store.Progress{Rooms: 10, RoomsDone: 2, Messages: 10_000, MessagesDone: 4000}
	before := store.Progress{Rooms: 10, RoomsDone: 1, Messages: 10_000, MessagesDone: 1000}
	if got, want := rate(p, before, 2*time.Second), "2 of 10 rooms, 4000 of 10000 messages, 1500/s, 4s left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := rate(p, p, time.Second), "2 of 10 rooms, 4000 of 10000 messages"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
