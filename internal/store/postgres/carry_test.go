package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// oldMessages is how many messages a database of oldSchema has in the room "many", which takes several steps to carry over.
const oldMessages = 30_000

// oldNames are names as older versions stored them, and as they are carried over.
var oldNames = [][2]string{
	{"ann", "ann"}, {" ann", "ann"}, {"ann\u00a0\ufeff", "ann"}, {"bé☂", "bé☂"}, {"Ann", "Ann"}, {" \u2003", " \u2003"}, {"a b", "a b"}, {"'; --", "'; --"},
}

// oldSchema makes a database of the version before migration 5, with messages as that version stored them. It returns those of the
// rooms "few" and "floor" as they are to be read.
func oldSchema(t *testing.T, database string) map[string][]chat.Message {
	t.Helper()
	var script bytes.Buffer
	script.WriteString(foundation)
	for _, m := range known(t)[:sendersMigration-1] {
		script.WriteString(m.Script + ";")
		if m.Version > 1 {
			fmt.Fprintf(&script, "INSERT INTO restante.migrations (version, name, oldest, release) VALUES (%d, '%s', %d, 'v0.0.1');", m.Version, m.Name, m.Oldest)
		}
	}
	fmt.Fprintf(&script, `INSERT INTO restante.switches VALUES ('%[2]s', 'v0.0.1', '2026-01-01');
		UPDATE restante.store SET mark = 'a mark'; INSERT INTO restante.marks (mark) VALUES ('a mark');
		INSERT INTO restante.partitions VALUES (3, 7);
		INSERT INTO restante.rooms VALUES ('many', %[1]d, now());
		INSERT INTO restante.messages SELECT 'many', n, gen_random_uuid(), 'sender ' || n %% 700, convert_to('text ' || n, 'UTF8'),
			now(), now() + n * interval '1 us' FROM generate_series(1, %[1]d) n;`, oldMessages, chat.FeatureMessages)
	shell(t, database, script.String())
	want := map[string][]chat.Message{}
	conn := connect(t, database)
	defer conn.Close(context.WithoutCancel(t.Context()))
	texts := []string{"one", "", "a\x00b", strings.Repeat("long ☂ ", 9000), "marker of a text"}
	for i, name := range oldNames {
		for _, room := range []string{"few", "floor"} {
			m := newMessages(room, 1)[0]
			m.ClientID, m.Msg, m.Seq, m.StoredAt = name[1], texts[i%len(texts)], int64(i+1), m.SentAt.Add(1e6*(1+1e3))
			want[room] = append(want[room], m)
			_, err := conn.Exec(t.Context(), `INSERT INTO restante.messages VALUES ($1, $2, $3::text::uuid, $4, $5, $6, $7)`,
				m.Room, m.Seq, m.ID, name[0], []byte(m.Msg), m.SentAt, m.StoredAt)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	shell(t, database, `INSERT INTO restante.rooms SELECT room, max(seq), max(stored_at) FROM restante.messages WHERE room <> 'many' GROUP BY room;
		INSERT INTO restante.rooms VALUES ('empty', 12, now()); DELETE FROM restante.messages WHERE room = 'floor' AND seq <= 3;
		INSERT INTO restante.begins SELECT 'few', number, 2 FROM restante.epochs;
		CREATE TABLE public.before AS SELECT * FROM restante.messages`)
	want["floor"] = want["floor"][3:]
	return want
}

// carriedOver checks that a database has what oldSchema has put into it.
func carriedOver(t *testing.T, d *Driver, database string, want map[string][]chat.Message) {
	t.Helper()
	e := present(t, d)
	for room, log := range want {
		found, err := d.After(t.Context(), room, 0, 100)
		for i := range found {
			found[i].Epoch = ""
		}
		if err != nil || !slices.Equal(found, log) {
			t.Errorf("%s: %+v, %v\nwant %+v", room, found, err, log)
		}
		again, err := d.Append(t.Context(), log)
		if err != nil || again.Fresh != 0 || len(again.Conflicts) > 0 {
			t.Errorf("%s: a repeat of the old messages: %d fresh, conflicts %v, %v", room, again.Fresh, again.Conflicts, err)
		}
	}
	if n := ask[int](t, database, `SELECT count(*) FROM public.before b JOIN restante.messages m USING (room, seq, id, sent_at, stored_at)
		JOIN restante.texts t ON t.number = m.text AND t.msg = b.msg JOIN restante.senders s ON s.id = m.sender
		WHERE room <> 'many' OR s.name = b.client_id`); n != oldMessages+2*len(oldNames)-3 {
		t.Errorf("%d messages are as they were", n)
	}
	if n := ask[int](t, database, "SELECT count(*) FROM restante.messages"); n != oldMessages+2*len(oldNames)-3 {
		t.Errorf("%d messages", n)
	}
	if n := ask[int](t, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'restante' AND tablename IN ('old_messages', 'carrying')"); n != 0 {
		t.Errorf("%d tables of the version before are left", n)
	}
	if r, err := d.Room(t.Context(), "empty"); err != nil || r.LastSeq != 12 || r.OldestSeq != 0 {
		t.Errorf("a room whose messages were removed: %+v, %v", r, err)
	}
	l, err := d.Lineage(t.Context())
	if on, _ := d.Switches(t.Context()); err != nil || l.Mark != "a mark" || len(l.Epochs) != 1 || len(l.Begins) != 1 || e.ID != l.Epochs[0].ID || len(on) != 1 {
		t.Errorf("lineage %+v, %v; switches %+v", l, err, on)
	}
	if n := ask[int](t, database, "SELECT generation FROM restante.partitions WHERE partition = 3"); n != 7 {
		t.Errorf("generation %d", n)
	}
}

func TestMigrate_CarriesEveryMessageOver(t *testing.T) {
	database := testkit.Database(t)
	want := oldSchema(t, database)
	path := ask[string](t, database, "SELECT pg_relation_filepath('restante.messages')")
	var log bytes.Buffer
	if err := Migrate(t.Context(), database, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"needs_free_bytes=", "share=", "left=", "migrated the messages", fmt.Sprint("messages=", oldMessages+2*len(oldNames)-3)} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log does not say %q:\n%s", line, log.String())
		}
	}
	carriedOver(t, open(t, database, Config{}), database, want)
	shell(t, database, "CHECKPOINT")
	if left := ask[int64](t, database, "SELECT coalesce((SELECT size FROM pg_stat_file('"+path+"', true)), 0)"); left != 0 {
		t.Errorf("the file of the old table still has %d bytes of texts", left)
	}
	appendTo(t, open(t, database, Config{}), "few", 2)
}

// unfinished begins a migration and makes some steps of it, as a node does that is killed then.
func unfinished(t *testing.T, database string, steps int) {
	t.Helper()
	d, err := newDriver(database, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.pool.Close()
	conn := connect(t, database)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := step(t.Context(), conn, known(t), d.cfg.Log); err != nil {
		t.Fatal(err)
	}
	for range steps {
		if _, left, err := d.carryStep(t.Context(), conn, 50); err != nil || !left {
			t.Fatalf("left %t, %v", left, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "UPDATE restante.carrying SET block = block + 10"); err != nil { // a step that is not committed
		t.Fatal(err)
	}
}

func TestOpen_GoesOnWithAMigration(t *testing.T) {
	for _, steps := range []int{0, 1, 3} {
		database := testkit.Database(t)
		want := oldSchema(t, database)
		unfinished(t, database, steps)
		d := open(t, database, Config{})
		eventually(t, func() error { _, err := d.Epoch(); return err })
		carriedOver(t, d, database, want)
	}
}

func TestOpen_SeveralNodesCarryOver(t *testing.T) {
	database := testkit.Database(t)
	want := oldSchema(t, database)
	nodes := make([]*Driver, 4)
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() { nodes[i] = open(t, database, Config{}) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	for _, d := range nodes {
		eventually(t, func() error { _, err := d.Epoch(); return err })
	}
	carriedOver(t, nodes[0], database, want)
}

// While another node migrates, a node waits and says how far that is.
func TestOpen_WaitsForTheNodeThatMigrates(t *testing.T) {
	database := testkit.Database(t)
	want := oldSchema(t, database)
	unfinished(t, database, 1)
	other := connect(t, database)
	if _, err := other.Exec(t.Context(), fmt.Sprint("BEGIN; SELECT pg_advisory_xact_lock(", int64(carryLock), ")")); err != nil {
		t.Fatal(err)
	}
	d := open(t, database, Config{})
	eventually(t, func() error {
		err := d.Check(t.Context())
		if err == nil || !strings.Contains(err.Error(), "another node migrates the database") || !strings.Contains(err.Error(), "%)") {
			return fmt.Errorf("check says %w", err)
		}
		return nil
	})
	if err := other.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := d.Epoch(); return err })
	carriedOver(t, d, database, want)
}

// A full disk ends the migration for now: the error says how much is needed, and it goes on when there is space.
func TestOpen_MigrationOnAFullDisk(t *testing.T) {
	database := testkit.Database(t)
	want := oldSchema(t, database)
	unfinished(t, database, 1)
	shell(t, database, `CREATE FUNCTION public.full() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.number > 20000 THEN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER full_disk BEFORE INSERT ON restante.texts FOR EACH ROW EXECUTE FUNCTION public.full()`)
	d := open(t, database, Config{})
	eventually(t, func() error {
		err := d.Check(t.Context())
		if errs.CodeOf(err) != errs.Unavailable || !strings.Contains(err.Error(), "the migration needs about") {
			return fmt.Errorf("check says %w", err)
		}
		return nil
	})
	shell(t, database, "DROP TRIGGER full_disk ON restante.texts")
	eventually(t, func() error { _, err := d.Epoch(); return err })
	carriedOver(t, d, database, want)
}

// What a node of the version before sends to the database fails, so that it stores nothing that is not carried over.
func TestMigrate_OlderNodesFail(t *testing.T) {
	database := testkit.Database(t)
	oldSchema(t, database)
	unfinished(t, database, 1)
	for _, sql := range []string{
		`SELECT restante.append('x', now(), ARRAY['few'], ARRAY[gen_random_uuid()], ARRAY['ann'], ARRAY['x'::bytea], ARRAY[now()], 0, 0::bigint)`,
		"SELECT restante.in_epoch('x')",
		"SELECT client_id, msg FROM restante.messages",
		"COPY restante.messages (room, seq, id, client_id, msg, sent_at, stored_at) FROM '/dev/null'",
	} {
		if err := attempted(t, database, sql); !slices.Contains([]string{"42883", "42703"}, state(err)) {
			t.Errorf("%s: %v", sql, err)
		}
	}
	newer := driver.Migration{Version: sendersMigration, Oldest: known(t)[sendersMigration-1].Oldest, Release: "v0.2.0"}
	if err := driver.CheckSchema(sendersMigration-1, sendersMigration, []driver.Migration{newer}); !driver.NeedsNewerVersion(errors.Join(err)) {
		t.Errorf("a binary of the version before may start: %v", err)
	}
}
