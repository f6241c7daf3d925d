package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// Several nodes, each with several partitions, append to the same rooms, some of them new. They repeat messages that other
// nodes append at the same time, and their clocks differ by a minute.
func TestAppend_SeveralNodes(t *testing.T) {
	database := testkit.Database(t)
	seen := newRecord()
	var all sync.WaitGroup
	for node := range 3 {
		skew := time.Duration(node) * time.Minute
		d := open(t, database, Config{Config: driver.Config{Now: func() time.Time { return time.Now().Add(-skew) }}, MaxConns: 8})
		for partition := range 8 {
			r := rand.New(rand.NewPCG(uint64(node), uint64(partition)))
			all.Go(func() {
				for range 25 {
					done, err := d.Append(t.Context(), shuffled(r))
					if err != nil {
						t.Errorf("append: %v", err) // not even a retryable error: rooms are locked in one order
						return
					}
					seen.add(t, done.Messages)
				}
			})
		}
	}
	all.Wait()
	seen.compare(t, open(t, database, Config{}))
}

// shuffled returns messages of several rooms, with ids of a small set, so that other callers append most of them too.
func shuffled(r *rand.Rand) []chat.Message {
	batch := newMessages("", 1+r.IntN(40))
	for i := range batch {
		batch[i].Room = fmt.Sprintf("room-%02d", r.IntN(12))
		batch[i].ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", r.IntN(300))
	}
	return batch
}

// record is what appends have answered, by room and id.
type record struct {
	mu   sync.Mutex
	seen map[string]map[string]chat.Message
}

func newRecord() *record { return &record{seen: map[string]map[string]chat.Message{}} }

func (r *record) add(t testing.TB, stored []chat.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range stored {
		if r.seen[m.Room] == nil {
			r.seen[m.Room] = map[string]chat.Message{}
		}
		if before, known := r.seen[m.Room][m.ID]; known && before != m {
			t.Errorf("one id, two answers: %+v and %+v", before, m)
		}
		r.seen[m.Room][m.ID] = m
	}
}

// compare checks that the rooms have every message that was answered, once, under dense numbers. It returns how many
// stored messages were not answered.
func (r *record) compare(t testing.TB, d *Driver) (extra int) {
	t.Helper()
	for room, want := range r.seen {
		found := readRoom(t, d, room)
		ids := map[string]bool{}
		for _, m := range found {
			if before, answered := want[m.ID]; answered && before != m {
				t.Errorf("read %+v, was answered %+v", m, before)
			}
			ids[m.ID] = true
		}
		if len(ids) != len(found) {
			t.Errorf("%s: %d messages with %d ids", room, len(found), len(ids))
		}
		for id := range want {
			if !ids[id] {
				t.Errorf("%s: %s was acknowledged and is lost", room, id)
			}
		}
		extra += len(found) - len(want)
	}
	return extra
}

// With any settings of the database, a batch sees what was committed before it got its locks, and its commit is on stable
// storage.
func TestAppend_SettingsOfTheDatabaseDoNotMatter(t *testing.T) {
	database := testkit.Database(t)
	open(t, database, Config{})
	name := ask[string](t, database, "SELECT current_database()")
	for _, setting := range []string{
		"default_transaction_isolation = 'repeatable read'", "synchronous_commit = off", "search_path = 'nowhere'",
		"timezone = 'Asia/Kathmandu'", "datestyle = 'German'", "bytea_output = 'escape'", "enable_indexscan = off",
	} {
		shell(t, database, "ALTER DATABASE "+name+" SET "+setting)
	}
	shell(t, database, `CREATE TABLE public.seen (setting text);
		CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$;
		CREATE TRIGGER note BEFORE INSERT ON restante.messages FOR EACH ROW EXECUTE FUNCTION public.note()`)
	seen := newRecord()
	var all sync.WaitGroup
	for range 2 {
		d := open(t, database, Config{})
		for i := range 4 {
			r := rand.New(rand.NewPCG(7, uint64(i)))
			all.Go(func() {
				for range 10 {
					done, err := d.Append(t.Context(), shuffled(r))
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
					seen.add(t, done.Messages)
				}
			})
		}
	}
	all.Wait()
	d := open(t, database, Config{})
	seen.compare(t, d)
	old := newMessages("restored", 1)
	old[0].Seq, old[0].StoredAt = 1, old[0].SentAt
	if err := d.Restore(t.Context(), old); err != nil {
		t.Error(err)
	}
	if got := ask[string](t, database, "SELECT string_agg(DISTINCT setting, ' ') FROM public.seen"); got != "on" {
		t.Errorf("synchronous_commit was %s", got)
	}
}

// A room that another session has locked delays no other room for long, and its batch can be tried again.
func TestAppend_StuckLock(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{Config: driver.Config{CheckInterval: 1}, AttemptTimeout: 1500 * time.Millisecond})
	appendTo(t, d, "a", 1)
	conn := connect(t, database)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT FROM restante.rooms WHERE name = 'a' FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	batch := newMessages("a", 2)
	_, err := d.Append(t.Context(), batch)
	wantError(t, err, errs.Unavailable, "does not answer")
	if !d.Retryable(err) {
		t.Errorf("%v is not worth a retry", err)
	}
	eventually(t, func() error { _, err := d.Append(t.Context(), newMessages("b", 1)); return err })
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := d.Append(t.Context(), batch); return err })
	if n := len(readRoom(t, d, "a")); n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
}

// The driver works without prepared statements that outlive a transaction, as behind an old PgBouncer.
func TestDriver_WithoutPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "simple_protocol", "cache_describe"} {
		database := changed(t, testkit.Database(t), func(u *url.URL) { u.RawQuery += "&default_query_exec_mode=" + mode })
		d := open(t, database, Config{})
		batch := newMessages("a", 3)
		batch[1].Msg = "null\x00and \xff"
		for range 2 {
			if done, err := d.Append(t.Context(), batch); err != nil || done.Messages[1].Msg != batch[1].Msg {
				t.Errorf("%s: append: %+v, %v", mode, done, err)
			}
		}
		stored := readRoom(t, d, "a")
		if seq, err := d.SeqAt(t.Context(), "a", stored[1].StoredAt); err != nil || seq != 2 {
			t.Errorf("%s: seq at: %d, %v", mode, seq, err)
		}
		for i := range stored {
			stored[i].Room = "b"
		}
		if err := d.Restore(t.Context(), stored); err != nil {
			t.Errorf("%s: restore: %v", mode, err)
		}
		if err := d.Check(t.Context()); err != nil {
			t.Errorf("%s: check: %v", mode, err)
		}
	}
}

func TestClassify(t *testing.T) {
	d := &Driver{server: "db:5432/x"}
	for state, want := range map[string]struct {
		code      errs.Code
		retryable bool
	}{
		"40001": {errs.Unavailable, true}, "40P01": {errs.Unavailable, true}, "55P03": {errs.Unavailable, true},
		"57014": {errs.Unavailable, true}, "57P01": {errs.Unavailable, true}, "57P03": {errs.Unavailable, true},
		"08006": {errs.Unavailable, true}, "53300": {errs.Unavailable, true}, "53100": {errs.Unavailable, false},
		"25006": {errs.Unavailable, true}, "22021": {errs.Invalid, false}, "23514": {errs.Invalid, false}, "P0001": {errs.Invalid, false}, "42P01": {errs.Unavailable, false},
		"58030": {errs.Unavailable, false}, "XX001": {errs.Internal, false}, "23505": {errs.Internal, false}, "42601": {errs.Internal, false},
	} {
		err := d.classify(fmt.Errorf("op: %w", &pgconn.PgError{Severity: "ERROR", Code: state, Message: "as it says"}))
		wantError(t, err, want.code, "db:5432/x", state)
		if d.Retryable(err) != want.retryable {
			t.Errorf("%s: retryable %v", state, !want.retryable)
		}
	}
	wantError(t, d.classify(errors.New("cannot encode")), errs.Internal)
	wantError(t, d.classify(io.ErrUnexpectedEOF), errs.Unavailable, "connection to the database was lost")
	if err := d.classify(&tls.CertificateVerificationError{Err: errors.New("expired")}); !final(err) {
		t.Errorf("%v is waited out", err)
	}
	if err := d.classify(context.Canceled); !errors.Is(err, context.Canceled) || errs.CodeOf(err) != errs.Internal {
		t.Errorf("the error of a context became %v", err)
	}
	if strings.Contains(d.classify(errors.New("a\nb")).Error(), "\n") {
		t.Error("an error has two lines")
	}
}

// Checks are cheap while writes succeed, and fail as soon as a write has failed.
func TestCheck_SharesOutcome(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{Config: driver.Config{CheckInterval: time.Hour}})
	if err := d.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	shell(t, database, "ALTER TABLE restante.probe RENAME TO away")
	for range 20 {
		if err := d.Check(t.Context()); err != nil {
			t.Fatalf("check has written again: %v", err)
		}
	}
	shell(t, database, "ALTER TABLE restante.rooms RENAME TO renamed")
	_, err := d.Append(t.Context(), newMessages("a", 1))
	wantError(t, err, errs.Unavailable, "run 'restante migrate'")
	if d.Retryable(err) {
		t.Errorf("%v is retryable", err)
	}
	wantError(t, d.Check(t.Context()), errs.Unavailable)
	shell(t, database, "ALTER TABLE restante.renamed RENAME TO rooms")
	appendTo(t, d, "a", 1)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check after an append: %v", err)
	}
}
