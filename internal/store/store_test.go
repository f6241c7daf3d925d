package store_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store"
	"restante/internal/store/driver"
	"restante/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	d, err := sqlite.Open(t.Context(), t.TempDir()+"/restante.db", sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := store.New(d, cfg)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newMessages(n int) []chat.Message {
	batch := make([]chat.Message, n)
	for i := range batch {
		batch[i] = chat.Message{
			ID: uuid.NewString(), Room: "lobby", ClientID: "ann", Msg: "a secret", SentAt: chat.Micros(time.Now()),
		}
	}
	return batch
}

func TestStore_AppendAndRead(t *testing.T) {
	s := open(t, store.Config{})
	done, err := s.Append(t.Context(), newMessages(3))
	stored := done.Messages
	if err != nil || len(stored) != 3 || stored[2].Seq != 3 {
		t.Fatalf("append: %+v, %v", done, err)
	}
	if none, err := s.Append(t.Context(), nil); err != nil || len(none.Messages) != 0 {
		t.Errorf("append nothing: %v, %v", none, err)
	}
	if page, err := s.After(t.Context(), "lobby", 1, 10); err != nil || len(page) != 2 || page[0] != stored[1] {
		t.Errorf("after: %+v, %v", page, err)
	}
	if page, err := s.Before(t.Context(), "lobby", math.MaxInt64, 1); err != nil || len(page) != 1 || page[0] != stored[2] {
		t.Errorf("before: %+v, %v", page, err)
	}
	if seq, err := s.SeqAt(t.Context(), "lobby", stored[1].StoredAt); err != nil || seq != 2 {
		t.Errorf("seq at: %d, %v", seq, err)
	}
	if r, err := s.Room(t.Context(), "lobby"); err != nil || r.LastSeq != 3 {
		t.Errorf("room: %+v, %v", r, err)
	}
	if rooms, err := s.Rooms(t.Context(), "", "", 0); err != nil || len(rooms) != 1 || rooms[0].Name != "lobby" {
		t.Errorf("rooms: %+v, %v", rooms, err)
	}
	names := make([]string, driver.MaxNames+1) // one more than one query takes
	names[driver.MaxNames] = "lobby"
	if last, err := s.LastSeqs(t.Context(), names); err != nil || len(last) != len(names) || last[0] != 0 || last[driver.MaxNames] != 3 {
		t.Errorf("last numbers: %d of them, %v", len(last), err)
	}
	if err := s.SwitchOn(t.Context(), chat.FeatureMessages, "v1"); err != nil {
		t.Errorf("switch on: %v", err)
	}
	if on, err := s.Switches(t.Context()); err != nil || len(on) != 1+len(chat.AddedFeatures()) || on[0].Feature != chat.FeatureMessages {
		t.Errorf("switches: %+v, %v", on, err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestStore_PagesAreLimited(t *testing.T) {
	s := open(t, store.Config{})
	if _, err := s.Append(t.Context(), newMessages(chat.MaxPage+10)); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]int{
		-1: chat.MaxPage, 0: chat.MaxPage, 1: 1, chat.MaxPage: chat.MaxPage, chat.MaxPage + 1: chat.MaxPage, math.MaxInt: chat.MaxPage,
	} {
		after, err := s.After(t.Context(), "lobby", 0, limit)
		if err != nil || len(after) != want {
			t.Errorf("after with limit %d: %d messages, %v, want %d", limit, len(after), err, want)
		}
		before, err := s.Before(t.Context(), "lobby", math.MaxInt64, limit)
		if err != nil || len(before) != want {
			t.Errorf("before with limit %d: %d messages, %v, want %d", limit, len(before), err, want)
		}
	}
}

func TestStore_LogsAndCounts(t *testing.T) {
	var out bytes.Buffer
	reg := prometheus.NewRegistry()
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := open(t, store.Config{Log: log, Metrics: reg})
	batch := newMessages(3)
	for range 2 {
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "msg=stored id="+batch[1].ID+" room=lobby seq=2"); n != 2 {
		t.Errorf("%d lines about the message, want 2:\n%s", n, out.String())
	}
	if strings.Contains(out.String(), "secret") {
		t.Errorf("the log shows the text:\n%s", out.String())
	}
	want := `# HELP restante_duplicates_total Messages that were stored already and added nothing.
# TYPE restante_duplicates_total counter
restante_duplicates_total 3
# HELP restante_stored_total Messages numbered and stored, without repeats.
# TYPE restante_stored_total counter
restante_stored_total 3
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "restante_stored_total", "restante_duplicates_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

// TestStore_AppendKeepsTheTrace: drivers do not store traces, and a repeat belongs to another trace than the stored message.
func TestStore_AppendKeepsTheTrace(t *testing.T) {
	s := open(t, store.Config{})
	batch := newMessages(2)
	for _, trace := range []string{"first", "", "second"} {
		batch[0].Trace = trace
		done, err := s.Append(t.Context(), batch)
		stored := done.Messages
		if err != nil || stored[0].Trace != trace || stored[1].Trace != "" {
			t.Errorf("appended with the trace %q: %+v, %v", trace, stored, err)
		}
	}
	if read, err := s.After(t.Context(), "lobby", 0, 1); err != nil || read[0].Trace != "" {
		t.Errorf("the store keeps traces: %+v, %v", read, err)
	}
}

// appendFunc is a driver of which only Append is called. An error is retryable if it is errBusy.
type appendFunc struct {
	driver.Driver
	f func(ctx context.Context) (driver.Appended, error)
}

var errBusy = errs.Wrap(errs.Unavailable, errors.New("serialization failure"), "busy")

func (d appendFunc) Append(ctx context.Context, _ []chat.Message) (driver.Appended, error) {
	return d.f(ctx)
}

func (d appendFunc) Retryable(err error) bool { return errors.Is(err, errBusy) }

func TestStore_RetriesOnlyWhatMaySucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errs.Wrap(errs.Unavailable, errors.New("13"), "the disk is full")
		for _, c := range []struct {
			name   string
			errors []error // of the attempts, in order
			want   error
		}{
			{"busy for a while", []error{errBusy, errBusy, errBusy, nil}, nil},
			{"full", []error{full, nil}, full},
			{"busy, then full", []error{errBusy, full, nil}, full},
		} {
			attempts := 0
			s := store.New(appendFunc{f: func(context.Context) (driver.Appended, error) {
				attempts++
				return driver.Appended{}, c.errors[attempts-1]
			}}, store.Config{})
			if _, err := s.Append(t.Context(), newMessages(1)); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
	})
}

func TestStore_TimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		var attempts atomic.Int64
		busy := store.New(appendFunc{f: func(context.Context) (driver.Appended, error) {
			attempts.Add(1)
			return driver.Appended{}, errBusy
		}}, store.Config{Metrics: reg})
		hangs := store.New(appendFunc{f: func(ctx context.Context) (driver.Appended, error) {
			<-ctx.Done()
			return driver.Appended{}, ctx.Err()
		}}, store.Config{})
		for name, s := range map[string]*store.Store{"busy": busy, "hangs": hangs} {
			start := time.Now()
			_, err := s.Append(t.Context(), newMessages(1))
			if errs.CodeOf(err) != errs.Unavailable || time.Since(start) != 10*time.Second {
				t.Errorf("%s: %v after %v, want unavailable after 10 s", name, err, time.Since(start))
			}
		}
		if n := attempts.Load(); n < 15 || n > 100 {
			t.Errorf("%d attempts in 10 s: the pauses do not grow, or not within limits", n)
		}
		failed := series(t, reg, "restante_store_errors_total")
		if n := failed["append unavailable"].GetCounter().GetValue(); n != 1 {
			t.Errorf("%v failures are counted, want 1", n)
		}
	})
}

func TestStore_CheckAfterFailedAppend(t *testing.T) {
	s := open(t, store.Config{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), newMessages(1)); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("append to a closed store: %v", err)
	}
	if err := s.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("check of a closed store: %v", err)
	}
}
