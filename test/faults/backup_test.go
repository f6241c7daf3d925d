package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/load"
	"restante/internal/store/driver"
	"restante/internal/store/sqlite"
	"restante/internal/testkit"
)

// archive is a room that no sender writes to.
const archive = "archive"

// grown makes a data directory with a database of about that many megabytes in rooms that nobody writes to.
func grown(t *testing.T, megabytes int) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	d, err := sqlite.Open(t.Context(), filepath.Join(data, "restante.db"), sqlite.Config{})
	noError(t, err)
	text := strings.Repeat("What was accepted reaches every member of the room. ", 18)
	for range megabytes * 950 / 1000 {
		batch := make([]chat.Message, 1000)
		for i := range batch {
			id, err := uuid.NewV7()
			noError(t, err)
			batch[i] = chat.Message{ID: id.String(), Room: archive, ClientID: "ann", Msg: text, SentAt: chat.Micros(time.Now())}
		}
		_, err := d.Append(t.Context(), batch)
		noError(t, err)
	}
	noError(t, d.Close())
	return data
}

// command returns a command of the binary under test that is not started.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(ctx, testkit.Binary(t), args...)
}

// TestBackup_BesideWriters backs up a large database while 0, 10 and 1,000 messages a second are stored. Each backup ends, passes its
// check, and holds everything that was acknowledged before it began. How long posts take meanwhile is printed.
func TestBackup_BesideWriters(t *testing.T) {
	size, seconds := 100, 3
	if testkit.Long() {
		size, seconds = 1000, 20
	}
	s := testkit.Start(t, testkit.Options{Data: grown(t, size)})
	for _, perSecond := range []int{0, 10, 1000} {
		t.Run(fmt.Sprint(perSecond, " a second"), func(t *testing.T) { backUp(t, s, perSecond, seconds) })
	}
	if log := s.Log(); strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("the server complains:\n%s", log)
	}
}

func backUp(t *testing.T, s *testkit.Server, perSecond, seconds int) {
	room := fmt.Sprint("at-", perSecond)
	var senders *load.Senders
	var warm time.Time // the first posts wait for new connections
	if perSecond > 0 {
		n := max(1, perSecond/20)
		senders = startSenders(t, load.SenderConfig{URL: s.URL(), Room: room, Senders: n, Every: time.Duration(n) * time.Second / time.Duration(perSecond)})
		noError(t, senders.WaitAccepted(within(t, limit), int64(perSecond)))
		warm = time.Now()
		noError(t, senders.WaitAccepted(within(t, limit), int64(seconds*perSecond)))
	}
	to := filepath.Join(t.TempDir(), "backup.db")
	begun := time.Now()
	said, err := command(t.Context(), t, "backup", "--data", s.Data(), "--to", to).CombinedOutput()
	if err != nil {
		t.Fatalf("backup: %v: %s", err, said)
	}
	ended := time.Now()
	grownTo := int64(0)
	if info, err := os.Stat(filepath.Join(s.Data(), "restante.db-wal")); err == nil {
		grownTo = info.Size()
	}
	t.Logf("%s(the -wal has %d MB)", said, grownTo/1e6)
	if senders == nil {
		return
	}
	sends := senders.Stop()
	before, meanwhile := split(sends, warm, begun, ended)
	t.Logf("posts: p99 %v before, %v meanwhile (%d); p50 %v, %v", load.Percentile(before, 0.99), load.Percentile(meanwhile, 0.99), len(meanwhile),
		load.Percentile(before, 0.5), load.Percentile(meanwhile, 0.5))

	held := restoredIDs(t, to, room)
	acknowledged := 0
	for _, send := range sends {
		if !send.Accepted.IsZero() && send.Accepted.Before(begun) {
			acknowledged++
			if !held[send.ID] {
				t.Fatalf("message %s was acknowledged %v before the backup began, and is not in it", send.ID, begun.Sub(send.Accepted))
			}
		}
	}
	if acknowledged < seconds*perSecond {
		t.Errorf("only %d messages were acknowledged before", acknowledged)
	}
}

// split returns how long the posts took that began after a time and ended before the backup began, and those that began before it ended.
func split(sends []load.Send, warm, begun, ended time.Time) (before, meanwhile []time.Duration) {
	for _, s := range sends {
		switch {
		case s.Accepted.IsZero(), s.Begun.Before(warm):
		case s.Accepted.Before(begun):
			before = append(before, s.Accepted.Sub(s.Begun))
		case s.Begun.Before(ended):
			meanwhile = append(meanwhile, s.Accepted.Sub(s.Begun))
		}
	}
	return before, meanwhile
}

// restoredIDs restores a backup and returns the ids of a room, whose numbers must have no gap.
func restoredIDs(t *testing.T, backup, room string) map[string]bool {
	t.Helper()
	data := filepath.Join(t.TempDir(), "restored")
	testkit.Run(t, "", testkit.Binary(t), "restore", backup, "--data", data)
	d, err := sqlite.Open(t.Context(), filepath.Join(data, "restante.db"), sqlite.Config{})
	noError(t, err)
	defer d.Close()
	ids := map[string]bool{}
	for seq := int64(0); ; {
		page, err := d.After(t.Context(), room, seq, chat.MaxPage)
		noError(t, err)
		for _, m := range page {
			if seq++; m.Seq != seq {
				t.Fatalf("number %d where %d was due", m.Seq, seq)
			}
			ids[m.ID] = true
		}
		if len(page) == 0 {
			return ids
		}
	}
}

// TestBackup_Killed: a backup that is killed leaves no backup. The server goes on, and the next backup of the same name is made.
func TestBackup_Killed(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Data: grown(t, 40)})
	sent := fill(t, s.URL(), "lobby", 50)
	to := filepath.Join(t.TempDir(), "backup.db")
	for range 3 {
		cmd := copyingBackup(t, s, to)
		noError(t, cmd.Process.Kill())
		_ = cmd.Wait() // it was killed
		if _, err := os.Stat(to); err == nil {
			t.Fatal("a killed backup left a file that looks complete")
		}
	}
	cmd := copyingBackup(t, s, to)
	noError(t, cmd.Process.Signal(syscall.SIGINT))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("interrupted: %v", err)
	}
	if left, err := filepath.Glob(to + "*"); err != nil || len(left) > 0 {
		t.Errorf("an interrupted backup left %v, %v", left, err)
	}
	testkit.Run(t, "", testkit.Binary(t), "backup", "--data", s.Data(), "--to", to)
	held := restoredIDs(t, to, "lobby")
	for _, send := range sent {
		if !held[send.ID] {
			t.Fatalf("message %s is not in the backup", send.ID)
		}
	}
	fill(t, s.URL(), "lobby", 50)
}

// copyingBackup starts a backup and waits until it copies.
func copyingBackup(t *testing.T, s *testkit.Server, to string) *exec.Cmd {
	t.Helper()
	if err := os.Truncate(to+".partial", 0); err != nil && !errors.Is(err, os.ErrNotExist) { // of one that was killed
		t.Fatal(err)
	}
	cmd := command(t.Context(), t, "backup", "--data", s.Data(), "--to", to)
	noError(t, cmd.Start())
	eventually(t, "pages are copied", func() bool {
		info, err := os.Stat(to + ".partial")
		return err == nil && info.Size() > 4<<20
	})
	return cmd
}

// TestBackup_TwoAtOnce go to two files, beside one server.
func TestBackup_TwoAtOnce(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Data: grown(t, 20)})
	sent := fill(t, s.URL(), "lobby", 50)
	dir := t.TempDir()
	var running []*exec.Cmd
	for i := range 2 {
		cmd := command(t.Context(), t, "backup", "--data", s.Data(), "--to", filepath.Join(dir, fmt.Sprint(i, ".db")))
		noError(t, cmd.Start())
		running = append(running, cmd)
	}
	for i, cmd := range running {
		noError(t, cmd.Wait())
		if held := restoredIDs(t, filepath.Join(dir, fmt.Sprint(i, ".db")), "lobby"); len(held) != len(sent) {
			t.Errorf("backup %d has %d messages, want %d", i, len(held), len(sent))
		}
	}
}

// TestRestore_Killed kills a restore at any time. Then the server starts with the old state or with the restored one, or it refuses
// and says that another restore helps; and that does.
func TestRestore_Killed(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{Data: grown(t, 8)})
	fill(t, s.URL(), "lobby", 20)
	backup := filepath.Join(t.TempDir(), "backup.db")
	testkit.Run(t, "", testkit.Binary(t), "backup", "--data", s.Data(), "--to", backup)
	fill(t, s.URL(), "lobby", 30)
	s.Kill()

	whole := timed(t, backup, s.Data())
	dice := seeded(t, uint64(time.Now().UnixNano()))
	outcomes := map[string]int{}
	for range 25 {
		data := filepath.Join(t.TempDir(), "data")
		noError(t, os.CopyFS(data, os.DirFS(s.Data())))
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(dice.Int64N(int64(whole*6/5))))
		_, _ = command(ctx, t, "restore", backup, "--data", data).CombinedOutput() // the end of ctx kills it
		cancel()
		outcomes[started(t, data)]++
		testkit.Run(t, "", testkit.Binary(t), "restore", backup, "--data", data)
		if state := started(t, data); state != "new" {
			t.Errorf("restored once more: %s", state)
		}
	}
	t.Logf("a restore of %v was killed: %v", whole, outcomes)
}

// timed returns how long a restore takes here.
func timed(t *testing.T, backup, data string) time.Duration {
	t.Helper()
	elsewhere := filepath.Join(t.TempDir(), "data")
	noError(t, os.CopyFS(elsewhere, os.DirFS(data)))
	begun := time.Now()
	testkit.Run(t, "", testkit.Binary(t), "restore", backup, "--data", elsewhere)
	return time.Since(begun)
}

// started says what a start makes of a data directory.
func started(t *testing.T, data string) string {
	t.Helper()
	d, err := sqlite.Open(t.Context(), filepath.Join(data, "restante.db"), sqlite.Config{})
	if err != nil {
		if !strings.Contains(err.Error(), "restante restore") {
			t.Errorf("the start refuses without advice: %v", err)
		}
		return "refused"
	}
	r, err := d.Room(t.Context(), "lobby")
	epochs, err2 := d.Epochs(t.Context())
	noError(t, errors.Join(err, err2, d.Close()))
	renewed := slices.ContainsFunc(epochs, func(e driver.Epoch) bool { return strings.HasPrefix(e.Reason, "restored from") })
	switch {
	case r.LastSeq == 50 && !renewed:
		return "old"
	case r.LastSeq == 20 && renewed:
		return "new"
	}
	t.Errorf("neither the old state nor the restored one: %d messages, epochs %+v", r.LastSeq, epochs)
	return "wrong"
}
