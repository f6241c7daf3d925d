package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

const (
	oldSchema  = 4  // the last one with everything in one table
	oldRooms   = 40 // of filled, so that pages were split while it was written
	oldEpoch   = "00000000000000e1"
	oldPresent = "00000000000000e2"
	smallStep  = 500
)

// oldFile returns the path of a closed database as versions with schema 4 left it, with the mark beside it, and fills it with SQL.
func oldFile(t *testing.T, path, fill string) string {
	t.Helper()
	for _, m := range known(t)[:oldSchema] {
		shell(t, path, m.Script)
		if m.Version > 1 {
			shell(t, path, fmt.Sprintf("INSERT INTO migrations VALUES (%d, '%s', %d, 'v0.0.1', 1)", m.Version, m.Name, m.Oldest))
		}
	}
	shell(t, path, fmt.Sprintf(`PRAGMA user_version = %d; PRAGMA application_id = %d; PRAGMA journal_mode = WAL;
		INSERT INTO store VALUES (1, 'b0b0b0b0-0000-4000-8000-000000000001', '00000000000000aa', 1, 3);
		INSERT INTO epochs VALUES (1, '%s', 5, ''), (2, '%s', 6, 'a test');
		INSERT INTO switches VALUES ('%s', 'v0.0.1', 7)`, oldSchema, applicationID, oldEpoch, oldPresent, chat.FeatureMessages))
	shell(t, path, fill)
	noError(t, os.WriteFile(path+".mark", []byte(`{"present":"00000000000000aa","store":"b0b0b0b0-0000-4000-8000-000000000001","since":"`+oldEpoch+`"}`), 0o600))
	return path
}

// filled is SQL that stores n messages in oldRooms rooms, one after another, with random ids, as appends did.
func filled(n int) string {
	return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %[2]d - 1)
		INSERT INTO messages SELECT 1 + i %% %[1]d, 1 + i / %[1]d, randomblob(16), 'sender ' || (i %% 7),
			printf('<marker %%08d>', i) || substr(printf('%%.*c', 200, '.'), 1, 120 + i %% 60), 1000 + i, 2000 + i FROM n;
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %[1]d)
		INSERT INTO rooms SELECT i, printf('room %%02d', i), (SELECT max(seq) FROM messages WHERE room = i), (SELECT max(stored_at) FROM messages WHERE room = i) FROM n`,
		oldRooms, n)
}

// wantFilled checks every message that filled has stored.
func wantFilled(t *testing.T, d *Driver, n int) {
	t.Helper()
	found := 0
	for room := range oldRooms {
		name := fmt.Sprintf("room %02d", room+1)
		for seq := int64(0); ; {
			page, err := d.After(t.Context(), name, seq, chat.MaxPage)
			noError(t, err)
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				i := int(seq)*oldRooms + room
				if seq++; m.Seq != seq || !strings.HasPrefix(m.Msg, fmt.Sprintf("<marker %08d>", i)) || len(m.Msg) != 137+i%60 || m.ClientID != fmt.Sprint("sender ", i%7) ||
					m.SentAt != micros(int64(1000+i)) || m.StoredAt != micros(int64(2000+i)) {
					t.Fatalf("%s, number %d: %+v", name, seq, m)
				}
				found++
			}
		}
	}
	if found != n {
		t.Errorf("%d messages, want %d", found, n)
	}
}

func TestCarry_EveryFieldOfEveryKindOfMessage(t *testing.T) {
	long := strings.Repeat("ä long text\n", 4000)
	id := func(i int) string { return fmt.Sprintf("x'%032x'", i) }
	path := oldFile(t, filepath.Join(t.TempDir(), "restante.db"), `
		INSERT INTO rooms VALUES (3, 'a', 6, 60), (5, 'floor', 12, 70), (9, 'removed', 4, 80), (12, '', 1, 1);
		INSERT INTO messages VALUES
			(3, 1, `+id(1)+`, 'ann', 'one', 10, 20), (3, 2, `+id(2)+`, '  ann'||char(0xFEFF), 'two', 11, 21), (3, 3, `+id(3)+`, ' ', 'blank', 12, 22),
			(3, 4, `+id(4)+`, '', '', 13, 23), (3, 5, `+id(5)+`, 'Ann', '`+long+`', 14, 24), (3, 6, `+id(6)+`, 'a b', 'nul'||char(0)||'l', -5, 60),
			(5, 11, `+id(1)+`, 'ann', 'eleven', 1, 69), (5, 12, `+id(7)+`, 'bob', 'twelve', 2, 70), (12, 1, `+id(1)+`, 'eve', 'no name', 1, 1);
		INSERT INTO begins VALUES ('a', 2, 4), ('floor', 2, 3)`)
	log := &lines{}
	for range 2 {
		cfg := Config{}
		cfg.Log = log.logger()
		d := open(t, path, cfg)
		var got []string
		for _, room := range []string{"a", "floor", "removed", ""} {
			page, err := d.After(t.Context(), room, 0, 100)
			noError(t, err)
			for _, m := range page {
				got = append(got, fmt.Sprintf("%s/%d/%s/%q/%q/%d/%d", room, m.Seq, m.ID[34:], m.ClientID, strings.ReplaceAll(m.Msg, long, "long"), m.SentAt.UnixMicro(), m.StoredAt.UnixMicro()))
			}
		}
		want := []string{`a/1/01/"ann"/"one"/10/20`, `a/2/02/"ann"/"two"/11/21`, `a/3/03/" "/"blank"/12/22`, `a/4/04/""/""/13/23`,
			`a/5/05/"Ann"/"long"/14/24`, `a/6/06/"a b"/"nul\x00l"/-5/60`, `floor/11/01/"ann"/"eleven"/1/69`, `floor/12/07/"bob"/"twelve"/2/70`, `/1/01/"eve"/"no name"/1/1`}
		if !slices.Equal(got, want) {
			t.Errorf("messages\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		rooms, err := d.Rooms(t.Context(), "", "", 10)
		if err != nil || len(rooms) != 3 || rooms[2].Name != "removed" || rooms[2].LastSeq != 4 || rooms[2].OldestSeq != 0 || rooms[1].OldestSeq != 11 {
			t.Errorf("rooms %+v, %v", rooms, err)
		}
		l, err := d.Lineage(t.Context())
		if err != nil || l.Store != "b0b0b0b0-0000-4000-8000-000000000001" || len(l.Epochs) != 2 || l.Epochs[1].Reason != "a test" || len(l.Begins) != 2 {
			t.Errorf("lineage %+v, %v", l, err)
		}
		if on, err := d.Switches(t.Context()); err != nil || len(on) != 1 || on[0].Release != "v0.0.1" {
			t.Errorf("switches %+v, %v", on, err)
		}
		wantOnce(t, d, "a", id(2), "ann", "two")
		noError(t, d.Close())
	}
	if n := strings.Count(log.String(), "all messages have been carried over"); n != 1 || !strings.Contains(log.String(), "messages=9") {
		t.Errorf("%d reports of the end:\n%s", n, log)
	}
	if held, err := Verify(t.Context(), path); err != nil || held.Messages != 9 {
		t.Errorf("%+v, %v", held, err)
	}
}

// wantOnce repeats a message, contradicts it, and sends its id as somebody else, who leaves nothing behind.
func wantOnce(t *testing.T, d *Driver, room, hex, sender, text string) {
	t.Helper()
	hex = strings.Trim(hex, "x'")
	m := chat.Message{ID: fmt.Sprintf("%s-%s-%s-%s-%s", hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:]), Room: room, ClientID: sender, Msg: text}
	other := m
	other.Msg += "!"
	done, err := d.Append(t.Context(), []chat.Message{m, other})
	if err != nil || done.Fresh != 0 || !slices.Equal(done.Conflicts, []int{1}) || done.Messages[1].Msg != text {
		t.Errorf("a repeat and a conflict: %+v, %v", done, err)
	}
}

// TestCarry_ErasedTextsAreNowhere looks for texts in the bytes of the files: after the messages were carried over each is there once, and
// after they were erased nowhere. The old table had copies in pages that were split.
func TestCarry_ErasedTextsAreNowhere(t *testing.T) {
	const n = 6000
	path := oldFile(t, filepath.Join(t.TempDir(), "restante.db"), filled(n))
	before := size(t, path)
	if copies := markers(t, path); copies <= n {
		t.Fatalf("%d texts in the old file of %d messages: it has no copies that could stay", copies, n)
	}
	noError(t, open(t, path, Config{carryStep: smallStep}).Close())
	if found := markers(t, path); found != n {
		t.Errorf("%d texts in the file of %d messages", found, n)
	}
	if after := size(t, path); after > before*13/10 {
		t.Errorf("the file has grown from %d to %d bytes", before, after)
	}
	if held, err := Verify(t.Context(), path); err != nil || held.Messages != n {
		t.Errorf("%+v, %v", held, err)
	}
	shell(t, path, "PRAGMA secure_delete = 1; UPDATE texts SET msg = ''; PRAGMA wal_checkpoint(TRUNCATE)")
	if found := markers(t, path); found != 0 {
		t.Errorf("%d texts in the file after all were erased", found)
	}
}

// markers counts the texts of filled in the files of a database.
func markers(t *testing.T, path string) int {
	t.Helper()
	found := 0
	names, err := filepath.Glob(path + "*")
	noError(t, err)
	for _, name := range names {
		content, err := os.ReadFile(name)
		noError(t, err)
		found += bytes.Count(content, []byte("<marker "))
	}
	return found
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	n, err := sizeOf(path)
	noError(t, err)
	return n
}

// TestCarry_GoesOnAfterAKill kills the process in each step, before its commit and after it.
func TestCarry_GoesOnAfterAKill(t *testing.T) {
	const n = 2*smallStep + 100
	path := oldFile(t, filepath.Join(t.TempDir(), "restante.db"), filled(n))
	for _, at := range []int{1, 2, 1, 3, 1, 2, 2, 1, 1} {
		out, err := child(t, fmt.Sprint("carry:", at), path).CombinedOutput()
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the process was not killed: %v\n%s", err, out)
		}
	}
	d := open(t, path, Config{})
	wantFilled(t, d, n)
	if e, err := d.Epoch(); err != nil || e.ID != oldPresent {
		t.Errorf("epoch %+v, %v: it was ended", e, err)
	}
	noError(t, d.Close())
	if found := markers(t, path); found != n {
		t.Errorf("%d texts in the file of %d messages", found, n)
	}
	if _, err := Verify(t.Context(), path); err != nil {
		t.Error(err)
	}
}

// halfway returns the path of a database of which one step was carried over.
func halfway(t *testing.T) string {
	t.Helper()
	path := oldFile(t, filepath.Join(t.TempDir(), "restante.db"), filled(smallStep+100))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Open(ctx, path, Config{carryStep: smallStep, carrying: func(committed bool) error {
		if !committed {
			cancel() // as when the server is told to stop: the step in progress ends
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "after 500 of 600 messages") {
		t.Fatalf("opened until it was told to stop: %v", err)
	}
	return path
}

func TestCarry_StopsAfterAStepAndGoesOn(t *testing.T) {
	d := open(t, halfway(t), Config{})
	wantFilled(t, d, smallStep+100)
	appendTo(t, d, "room 01", 1)
}

// TestCarry_NobodyUsesAHalfCarriedFile: neither versions before it nor a backup. A restore ends the work in its copy.
func TestCarry_NobodyUsesAHalfCarriedFile(t *testing.T) {
	path := halfway(t)
	s, err := openSource(t.Context(), path, readOnly)
	noError(t, err)
	version, err := s.schemaVersion(t.Context(), s.conn)
	noError(t, err)
	recorded, err := newerMigrations(t.Context(), s.conn, oldSchema)
	noError(t, err)
	noError(t, s.close())
	wantError(t, driver.CheckSchema(oldSchema, version, recorded), errs.Unavailable, "needs version")
	_, err = (&Backup{From: path, To: filepath.Join(t.TempDir(), "backup.db")}).Run(t.Context())
	wantError(t, err, errs.Unavailable, "is being brought up to date")
	alone := filepath.Join(t.TempDir(), "alone.db")
	put(t, path, alone)
	put(t, path+"-wal", alone+"-wal")
	shell(t, alone, "PRAGMA wal_checkpoint(TRUNCATE)")
	_, err = Verify(t.Context(), alone)
	wantError(t, err, errs.Unavailable, "is being brought up to date")
	to := filepath.Join(t.TempDir(), "restored.db")
	done, err := (&Restoration{From: path, To: to}).Run(t.Context())
	if err != nil || done.Messages != smallStep+100 {
		t.Fatalf("restore: %+v, %v", done, err)
	}
	wantFilled(t, open(t, to, Config{}), smallStep+100)
}

// TestCarry_CopyThatAToolReads keeps its mark and its epoch. When the tool is killed meanwhile, a restore of the copy has everything.
func TestCarry_CopyThatAToolReads(t *testing.T) {
	const n = smallStep + 100
	path := oldFile(t, filepath.Join(t.TempDir(), "backup.db"), filled(n))
	remove(t, path+".mark")
	whole := filepath.Join(t.TempDir(), "backup.db")
	put(t, path, whole)
	for range 2 {
		d := open(t, whole, Config{AsIs: true})
		wantFilled(t, d, n)
		if e, err := d.Epoch(); err != nil || e.ID != oldPresent {
			t.Errorf("epoch %+v, %v: a tool has ended it", e, err)
		}
		noError(t, d.Close())
	}
	for _, at := range []int{1, 2, 3} {
		copied := filepath.Join(t.TempDir(), "backup.db")
		put(t, path, copied)
		if out, err := child(t, fmt.Sprint("carry a copy:", at), copied).CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the process was not killed: %v\n%s", err, out)
		}
		to := filepath.Join(t.TempDir(), "restored.db")
		if done, err := (&Restoration{From: copied, To: to}).Run(t.Context()); err != nil || done.Messages != n || len(done.Notes) > 0 {
			t.Fatalf("restore of a copy after kill %d: %+v, %v", at, done, err)
		}
		wantFilled(t, open(t, to, Config{}), n)
	}
}

func TestCarry_FullDisk(t *testing.T) {
	const n = 12 * smallStep
	dir := mount(t, "size=24m")
	path := oldFile(t, filepath.Join(dir, "restante.db"), filled(n))
	ballast := filepath.Join(dir, "ballast")
	noError(t, os.WriteFile(ballast, make([]byte, 24<<20-size(t, path)-700<<10), 0o600))
	for range 3 {
		refused(t, path, errs.Unavailable, "the disk is full: bringing the database up to date needs about", "MB more", path)
	}
	noError(t, os.Remove(ballast))
	d := open(t, path, Config{})
	wantFilled(t, d, n)
	noError(t, d.Close())
}

// TestCarrier_TellsHowLongItTakes at the start, soon after it, and every few seconds.
func TestCarrier_TellsHowLongItTakes(t *testing.T) {
	log := &lines{}
	begun := time.Now()
	c := &carrier{file: &file{path: "x.db"}, total: 1000, begun: begun, told: begun.Add(firstProgress - eachProgress)}
	c.cfg.Log = log.logger()
	for _, step := range []struct {
		after time.Duration
		done  int64
		says  string
	}{
		{firstProgress / 2, 50, ""}, {firstProgress, 100, "done=100 of=1000 percent=10 left=9s"}, {2 * firstProgress, 150, ""},
		{firstProgress + eachProgress, 750, "done=750 of=1000 percent=75 left=2s"}, {3 * eachProgress, 1000, "percent=100 left=0s"},
	} {
		log.Reset()
		c.done = step.done
		if c.tell(begun.Add(step.after)); (log.Len() == 0) != (step.says == "") || !strings.Contains(log.String(), step.says) {
			t.Errorf("after %v: %q, want %q", step.after, log, step.says)
		}
	}
}
