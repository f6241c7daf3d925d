package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

func TestWriter_CommitsWaitingCallersTogether(t *testing.T) {
	reg := prometheus.NewRegistry()
	w, waiting := queued(t, filepath.Join(t.TempDir(), "restante.db"), slices.Repeat([]string{"a"}, 50)...)
	w.metrics.register(reg)
	w.start()
	for i, r := range waiting {
		if err := <-r.done; err != nil || r.fresh != 2 {
			t.Fatalf("append: %d fresh, %v", r.fresh, err)
		}
		for k, m := range r.stored {
			if m.ID != r.batch[k].ID || m.Seq != int64(2*i+k+1) {
				t.Errorf("caller %d sent %s, got %s with number %d", i, r.batch[k].ID, m.ID, m.Seq)
			}
		}
	}
	if n, messages := commits(t, reg); messages != 100 || n != 1 {
		t.Errorf("%d messages in %d commits, want 100 in 1", messages, n)
	}
}

func TestWriter_DamagedRoomFailsAlone(t *testing.T) {
	w, waiting := queued(t, damaged(t), "healthy", "damaged", "healthy")
	w.start()
	for i, code := range []errs.Code{"", errs.Internal, ""} {
		if err := <-waiting[i].done; errs.CodeOf(err) != code {
			t.Fatalf("caller %d: %v, want class %q", i, err, code)
		}
	}
	if seq := waiting[2].stored[0].Seq; seq != 403 {
		t.Errorf("number %d, want 403", seq)
	}
}

// queued returns a writer that has not been started, with a caller waiting for each of the rooms, two messages each.
func queued(t *testing.T, path string, rooms ...string) (*writer, []*request) {
	t.Helper()
	f, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWriter(f, Config{}.withDefaults(), driver.NewHealth(time.Second, nil))
	t.Cleanup(func() {
		w.stop()
		if err := errors.Join(w.disconnect(), f.close()); err != nil {
			t.Error(err)
		}
	})
	var waiting []*request
	for _, room := range rooms {
		r := newRequest((*writer).append)
		if err := r.take(newMessages(room, 2)); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, r)
		w.queue <- r
	}
	return w, waiting
}

func TestWriter_CallerGivesUp(t *testing.T) {
	inFlight, release := make(chan struct{}), make(chan struct{})
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{Config: driver.Config{Now: func() time.Time { // called in the transaction
		inFlight <- struct{}{}
		<-release
		return time.Now()
	}}})
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	batch := newMessages("a", 1)
	sent := batch[0]
	go func() {
		_, err := d.Append(ctx, batch)
		gaveUp <- err
	}()
	<-inFlight
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v, want the context's error", err)
	}
	clear(batch) // the caller may reuse it
	close(release)
	go func() { <-inFlight }()
	appendTo(t, d, "b", 1) // waits for the commit in flight
	if page, err := d.After(t.Context(), "a", 0, 10); err != nil || len(page) != 1 || page[0].ID != sent.ID || page[0].Msg != sent.Msg {
		t.Errorf("the commit in flight left %+v, %v, want %+v", page, err, sent)
	}
}

func TestWriter_LockedByAnotherProgram(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{Config: driver.Config{CheckInterval: 1}, BusyTimeout: time.Millisecond})
	release := occupy(t, d)
	_, err := d.Append(t.Context(), newMessages("a", 1))
	wantError(t, err, errs.Unavailable, "locked by another program", d.file.path)
	if !d.Retryable(err) {
		t.Errorf("%v is not retryable", err)
	}
	if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("check: %v", err)
	}
	if _, err := d.After(t.Context(), "a", 0, 10); err != nil {
		t.Errorf("read while locked: %v", err)
	}
	release()
	appendTo(t, d, "a", 1)
}

func TestCheck_SharesOutcome(t *testing.T) {
	reg := prometheus.NewRegistry()
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{Config: driver.Config{CheckInterval: time.Hour}, Metrics: reg})
	for range 20 {
		if err := d.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, _ := commits(t, reg); n != 1 {
		t.Errorf("%d writes for 20 checks, want 1", n)
	}
	rename(t, d.file.path, d.file.path+".away")
	if _, err := d.Append(t.Context(), newMessages("a", 1)); err == nil {
		t.Error("appended to a file that was moved")
	}
	if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("check after a failed append: %v, want red at once", err)
	}
	rename(t, d.file.path+".away", d.file.path)
	appendTo(t, d, "a", 1)
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check after an append: %v", err)
	}
}

func TestConfig_Durability(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "wal_autocheckpoint": "4096", "application_id": "1919251316",
	} {
		var got string
		if err := d.writer.tx.conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", pragma, got, err, want)
		}
	}
	if _, err := d.db.ExecContext(t.Context(), "DELETE FROM rooms"); err == nil {
		t.Error("a reader can write")
	}
}

// occupy holds the database as another program would, until release.
func occupy(t *testing.T, d *Driver) (release func()) {
	t.Helper()
	db, err := sql.Open("sqlite", d.file.path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}

// commits returns the number of transactions and of the messages that they stored.
func commits(t *testing.T, reg *prometheus.Registry) (n, messages int) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "restante_sqlite_commit_messages" {
			h := f.GetMetric()[0].GetHistogram()
			return int(h.GetSampleCount()), int(h.GetSampleSum())
		}
	}
	t.Fatal("no metrics")
	return 0, 0
}
