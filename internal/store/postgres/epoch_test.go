package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// Another node ends the epoch. The connections of this one stay open: the database refuses what they ask for.
func TestAppend_RefusedInAnEpochThatHasEnded(t *testing.T) {
	database := testkit.Database(t)
	j := &judge{}
	d, other := judged(t, database, j), open(t, database, Config{})
	appendTo(t, d, "a", 2)
	first := present(t, d)
	for i, try := range []func() error{
		func() error { _, err := d.Append(t.Context(), newMessages("a", 1)); return err },
		func() error { _, err := d.After(t.Context(), "a", 0, 1); return err },
		func() error { _, err := d.Room(t.Context(), "unknown"); return err },
		func() error { _, err := d.LastSeqs(t.Context(), nil); return err },
		func() error { _, err := d.SeqAt(t.Context(), "unknown", time.Now()); return err },
		func() error { return d.SetMark(t.Context(), "", "mark") },
		func() error { return d.Restore(t.Context(), appendTo(t, other, "b", 1)) },
		func() error { return d.RestoreRoom(t.Context(), chat.Room{Name: "c", LastSeq: 1}) },
	} {
		if err := other.EndEpoch(t.Context(), "a test"); err != nil {
			t.Fatal(err)
		}
		if err := try(); errs.CodeOf(err) != errs.Unavailable || !d.Retryable(err) {
			t.Errorf("call %d: %v, want an error of class unavailable that is worth a retry", i, err)
		}
		stored(t, d, "a")
		if present(t, d) != present(t, other) {
			t.Errorf("call %d: in epoch %+v, want %+v", i, present(t, d), present(t, other))
		}
	}
	if r, err := d.Room(t.Context(), "c"); err != nil || r.LastSeq != 0 {
		t.Errorf("room %+v, %v", r, err)
	}
	if _, entered := j.seen(); entered[0] != first || len(entered) != 9 {
		t.Errorf("entered %+v", entered)
	}
}

// Appends run while epochs end one after the other. What is stored in an epoch is counted in its beginnings, or was stored later.
func TestEndEpoch_WhileNodesAppend(t *testing.T) {
	database := testkit.Database(t)
	other := open(t, database, Config{})
	l := startLoad(t, open(t, database, Config{}), open(t, database, Config{}))
	for range 8 {
		l.more(t, 100)
		if err := other.EndEpoch(t.Context(), "a test"); err != nil {
			t.Error(err)
		}
	}
	l.more(t, 100)
	l.stop()
	l.all.Wait()
	all, err := other.Lineage(t.Context())
	if err != nil || len(all.Epochs) != 9 {
		t.Fatalf("%+v, %v", all, err)
	}
	l.seen.mu.Lock()
	defer l.seen.mu.Unlock()
	for room, messages := range l.seen.seen {
		for _, m := range messages {
			at := slices.IndexFunc(all.Epochs, func(e driver.Epoch) bool { return e.ID == m.Epoch })
			for _, b := range all.Begins {
				began := slices.IndexFunc(all.Epochs, func(e driver.Epoch) bool { return e.ID == b.Epoch })
				if b.Room == room && (began > at) != (b.Seq >= m.Seq) {
					t.Errorf("number %d of %s was stored in epoch %d; epoch %d began with %d", m.Seq, room, at, began, b.Seq)
				}
			}
		}
	}
}

// Two nodes find at once that the database is an older copy. One of them ends the epoch, and the other one goes on in the next.
func TestJudge_TwoNodesEndAtOnce(t *testing.T) {
	database := testkit.Database(t)
	var thinking sync.WaitGroup
	thinking.Add(2)
	var old atomic.Value
	newJudge := func() *judge {
		first := true
		return &judge{decide: func(_ context.Context, l driver.Look) (driver.Verdict, error) {
			if l.Epoch.ID != old.Load() || l.Fingerprint == l.Confirmed || l.Confirmed == "" {
				return driver.Verdict{}, nil
			}
			if first {
				first = false
				thinking.Done()
				thinking.Wait()
			}
			return driver.Verdict{End: "a test"}, nil
		}}
	}
	old.Store("")
	a, b := judged(t, database, newJudge()), judged(t, database, newJudge())
	appendTo(t, a, "a", 1)
	e := present(t, a)
	old.Store(e.ID)
	backup(t, database)()
	a.Look()
	b.Look()
	stored(t, a, "a")
	stored(t, b, "a")
	if all, err := a.Epochs(t.Context()); err != nil || len(all) != 2 || present(t, a) != present(t, b) || present(t, a).ID != all[1].ID {
		t.Errorf("epochs %+v, %v; in %+v and %+v", all, err, present(t, a), present(t, b))
	}
}

// The schema is dropped and made anew while nodes append and read over connections that stay open. What an answer says is of one
// store, and what was stored in the new one is there.
func TestDriver_SchemaMadeAnewUnderIt(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{MaxConns: 8})
	stop := make(chan struct{})
	var all sync.WaitGroup
	var mu sync.Mutex
	acked := map[string][]chat.Message{} // epoch
	for range 3 {
		all.Go(func() {
			appendUntil(t, d, stop, func(m chat.Message) { mu.Lock(); acked[m.Epoch] = append(acked[m.Epoch], m); mu.Unlock() })
		})
		all.Go(func() { readUntil(t, d, stop) })
	}
	for range 3 {
		before := present(t, d)
		eventually(t, func() error {
			mu.Lock()
			defer mu.Unlock()
			if n := len(acked[before.ID]); n < 20 {
				return fmt.Errorf("%d messages in epoch %s", n, before.ID)
			}
			return nil
		})
		eventually(t, func() error { return attempted(t, database, "DROP SCHEMA restante CASCADE") }) // or an append and it wait for each other
		if err := Migrate(t.Context(), database, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() error {
			if e, err := d.Epoch(); err != nil || e.Store == before.Store {
				return fmt.Errorf("in %+v, %w", e, err)
			}
			return nil
		})
	}
	close(stop)
	all.Wait()
	stored := map[string]bool{}
	for _, m := range readRoom(t, d, "a") {
		stored[m.ID] = true
	}
	for _, m := range acked[present(t, d).ID] {
		if !stored[m.ID] {
			t.Errorf("number %d was acknowledged in the new store and is not in it", m.Seq)
		}
		delete(stored, m.ID)
	}
	if len(stored) > 3 { // one for each caller may be stored without its answer
		t.Errorf("%d messages of other stores are in the new one", len(stored))
	}
}

func appendUntil(t *testing.T, d *Driver, stop chan struct{}, acked func(chat.Message)) {
	for {
		done, err := d.Append(t.Context(), newMessages("a", 1))
		if err == nil {
			acked(done.Messages[0])
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// readUntil reads a room from its beginning. Messages of one epoch have one id at each number.
func readUntil(t *testing.T, d *Driver, stop chan struct{}) {
	ids := map[string]map[int64]string{}
	for {
		page, err := d.After(t.Context(), "a", 0, 50)
		for i, m := range page {
			if ids[m.Epoch] == nil {
				ids[m.Epoch] = map[int64]string{}
			}
			known, read := ids[m.Epoch][m.Seq]
			if err != nil || m.Seq != int64(i+1) || m.Epoch != page[0].Epoch || read && known != m.ID {
				t.Errorf("message %d of the answer is %+v, before it was %s; %v", i, m, known, err)
				return
			}
			ids[m.Epoch][m.Seq] = m.ID
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// A schema that was dropped is not made again by an open driver: an operator may be restoring it.
func TestDriver_LeavesADroppedSchemaAlone(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	appendTo(t, d, "a", 1)
	other := open(t, database, Config{})
	if err := other.EndEpoch(t.Context(), "a test"); err != nil {
		t.Fatal(err)
	}
	shell(t, database, "ALTER SCHEMA restante RENAME TO away")
	d.hold(d.term, "a test")
	eventually(t, func() error {
		if _, err := d.Epoch(); !strings.Contains(err.Error(), "run 'restante migrate'") {
			return err
		}
		return nil
	})
	if n := ask[int](t, database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'restante'"); n != 0 {
		t.Error("the schema was made anew")
	}
	shell(t, database, "ALTER SCHEMA away RENAME TO restante")
	if m := stored(t, d, "a"); m.Seq != 2 || present(t, d) != present(t, other) {
		t.Errorf("stored %+v", m)
	}
}

// A role, or a provider, may not let a session see what a fingerprint is made of.
func TestFingerprint_LeavesOutWhatItMayNotSee(t *testing.T) {
	database := testkit.Database(t)
	whole := open(t, database, Config{})
	shell(t, database, `REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_current_wal_lsn() FROM public`)
	d := asNode(t, database, Config{})
	appendTo(t, d, "a", 1)
	full, part := strings.Split(whole.term.fingerprint, "/"), strings.Split(d.term.fingerprint, "/")
	if len(full) != 4 || len(full[0]) < 10 || full[1] != "00000001" || !slices.Equal(part, []string{"", "", full[2], full[3]}) {
		t.Errorf("fingerprints %q and %q", full, part)
	}
}

// explain returns the plan of a statement as pgx runs it after a while: for any values of its parameters.
func explain(t *testing.T, database, sql, types, values string) (plan string, blocks int) {
	t.Helper()
	conn := connect(t, database)
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan; PREPARE s ("+types+") AS "+sql); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) EXECUTE s ("+values+")")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		var hit int
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "Buffers: shared hit=%d", &hit); err == nil {
			blocks = max(blocks, hit)
		}
	}
	return strings.Join(lines, "\n"), blocks
}

// A page of long messages is found without reading the texts that are not of it, in the order of the key, and the epoch is compared
// once.
func TestAfter_ReadsNoMoreThanThePage(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	shell(t, database, `INSERT INTO restante.rooms VALUES ('long', 500, now());
		INSERT INTO restante.senders (name) VALUES ('ann');
		INSERT INTO restante.texts SELECT nextval('restante.numbers'),
			(SELECT string_agg(sha256((n * 1000 + k)::text::bytea), '') FROM generate_series(1, 1000) k) FROM generate_series(1, 500) n;
		INSERT INTO restante.messages SELECT 'long', t.number, t.number, gen_random_uuid(), s.id, now(), now() + t.number * interval '1 us'
			FROM restante.texts t, restante.senders s`)
	shell(t, database, "VACUUM ANALYZE restante.messages, restante.texts")
	e := present(t, d)
	for name, sql := range map[string]string{"after": selectAfter, "before": selectBefore, "block": selectBlock} {
		types, values := "text, bigint, integer, text, bigint", fmt.Sprintf("'long', 250, 500, '%s', %d", e.ID, chat.MaxPageBytes)
		if name == "block" {
			types, values = "text, bigint, bigint, text, bigint", fmt.Sprintf("'long', 129, 256, '%s', %d", e.ID, driver.PageBytes)
		}
		plan, blocks := explain(t, database, sql, types, values)
		if blocks == 0 || blocks > 1200 { // a text takes about 20, to find one 4
			t.Errorf("%s has read %d blocks:\n%s", name, blocks, plan)
		}
		_, candidates, _ := strings.Cut(plan, "WindowAgg")
		if !strings.Contains(plan, "One-Time Filter") || strings.Contains(candidates, "Sort") || strings.Contains(plan, "Seq Scan on messages") {
			t.Errorf("plan of %s:\n%s", name, plan)
		}
	}
	page, err := d.After(t.Context(), "long", 250, 500)
	if err != nil || len(page) != 32 || page[0].Seq != 251 {
		t.Errorf("%d messages, %v", len(page), err)
	}
}

// Rooms are found by their key among many, and the epoch is compared once.
func TestRooms_AreFoundByTheirKey(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	shell(t, database, `INSERT INTO restante.rooms SELECT 'room-' || to_char(n, 'FM0000000'), 1, now() FROM generate_series(1, 100000) n`)
	shell(t, database, "VACUUM ANALYZE restante.rooms")
	e := present(t, d)
	names := make([]string, 200)
	for i := range names {
		names[i] = fmt.Sprintf("room-%07d", i*499)
	}
	for sql, values := range map[string]string{
		betweenNames: "'room-0420~', 10, 'room-0421~'",
		ofNames:      "'{" + strings.Join(names, ",") + "}'",
	} {
		types := map[string]string{betweenNames: "text, text, integer, text", ofNames: "text, text[]"}[sql]
		plan, blocks := explain(t, database, selectRooms+sql, types, "'"+e.ID+"', "+values)
		if blocks == 0 || blocks > 1500 || strings.Contains(plan, "Seq Scan on rooms") || !strings.Contains(plan, "One-Time Filter") {
			t.Errorf("%s has read %d blocks:\n%s", sql, blocks, plan)
		}
	}
}

// Reads that take long leave connections to appends, and wait for each other in the order of their calls.
func TestAppend_DoesNotWaitBehindReads(t *testing.T) {
	d := open(t, testkit.Database(t), Config{MaxConns: 4, AttemptTimeout: 20 * time.Second})
	release := make(chan struct{})
	var all sync.WaitGroup
	var running atomic.Int64
	for range 10 {
		all.Go(func() {
			_, err := reading(t.Context(), d, "hold a connection", func(ctx context.Context, _ *term) (bool, error) {
				conn, err := d.pool.Acquire(ctx)
				if err != nil {
					return false, err
				}
				defer conn.Release()
				running.Add(1)
				<-release
				return true, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, func() error {
		if running.Load() < 2 {
			return errors.New("reads have not begun")
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 20 {
		if _, err := d.Append(ctx, newMessages("a", 1)); err != nil {
			t.Fatalf("append behind reads: %v", err)
		}
	}
	if n := running.Load(); n != 2 {
		t.Errorf("%d reads at once, want 2 of 4 connections", n)
	}
	close(release)
	all.Wait()
}
