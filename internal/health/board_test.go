package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"restante/internal/errs"
	"restante/internal/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func away() error { return errs.Wrap(errs.Unavailable, errors.New("secret"), "the database is away") }

// reasons returns the reason of each outcome by its name, with a star when it only degrades.
func reasons(outcomes []health.Outcome) (found []string) {
	for _, o := range outcomes {
		star := ""
		if o.Degrades {
			star = "*"
		}
		found = append(found, o.Name+star+"="+o.Reason())
	}
	return found
}

func want(t *testing.T, b *health.Board, expected ...string) {
	t.Helper()
	if got := reasons(b.Outcomes()); !slices.Equal(got, expected) {
		t.Errorf("got  %q\nwant %q", got, expected)
	}
}

func TestBoard_TellsWhatFailsAndWhetherItMatters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard(health.Config{})
		var alone atomic.Bool
		b.Add(
			health.Check{Name: "storing", Do: func(context.Context) error { return away() }, Degrades: func() bool { return true }},
			health.Check{Name: "hearing", Do: func(context.Context) error { return errors.New("secret") }, Degrades: func() bool { return !alone.Load() }},
			health.Check{Name: "publishing", Do: func(context.Context) error { return nil }, Degrades: func() bool { return true }},
		)
		want(t, b, "accepting=", "storing*=the database is away", "hearing*=it failed; the log has the cause", "publishing=")
		alone.Store(true)
		want(t, b, "accepting=", "storing*=the database is away", "hearing=it failed; the log has the cause", "publishing=")
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A check is called twice a second at most, however often somebody asks.
func TestBoard_IsCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard(health.Config{})
		var calls atomic.Int64
		b.Add(health.Check{Name: "storing", Do: func(context.Context) error { calls.Add(1); return nil }})
		for range 1000 {
			want(t, b, "accepting=", "storing=")
			time.Sleep(10 * time.Millisecond) // fake time
		}
		if n := calls.Load(); n < 19 || n > 21 {
			t.Errorf("%d calls in ten seconds", n)
		}
	})
}

// A check that hangs, whatever its context says, costs the first who asks three seconds, and the others nothing.
func TestBoard_ACheckThatHangsDelaysNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard(health.Config{})
		let := make(chan struct{})
		b.Add(
			health.Check{Name: "storing", Do: func(context.Context) error { <-let; return nil }},
			health.Check{Name: "publishing", Do: func(context.Context) error { return away() }},
		)
		for _, limit := range []time.Duration{health.Limit, 0, 0} {
			began := time.Now()
			want(t, b, "accepting=", "storing=no answer within 3s", "publishing=the database is away")
			if took := time.Since(began); took > limit {
				t.Errorf("the answer took %v, want %v at most", took, limit)
			}
			time.Sleep(time.Minute) // fake time
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.Close(ctx); err == nil {
			t.Error("Close has not waited for the check")
		}
		close(let)
		synctest.Wait()
		want(t, b, "accepting=", "storing=", "publishing=the database is away")
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// While the server stops an answer comes at once: load balancers must hear of it in time.
func TestBoard_AStopIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard(health.Config{})
		b.Add(health.Check{Name: "storing", Do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
		want(t, b, "accepting=", "storing=no answer within 3s")
		time.Sleep(time.Minute) // fake time
		b.Stop(&errs.Error{Code: errs.Unavailable, Msg: "the server stops"})
		began := time.Now()
		want(t, b, "accepting=the server stops", "storing=no answer within 3s")
		if took := time.Since(began); took > 0 {
			t.Errorf("the answer took %v", took)
		}
	})
}

func TestBoard_WatchReportsWhatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported [][]string
		b := health.NewBoard(health.Config{Report: func(failing []string) { reported = append(reported, failing) }})
		var broken atomic.Bool
		b.Add(health.Check{Name: "hearing", Do: func(context.Context) error {
			if broken.Load() {
				return away()
			}
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Watch(ctx) }()
		time.Sleep(1500 * time.Millisecond) // fake time
		broken.Store(true)
		time.Sleep(time.Second) // fake time
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(reported) != 3 || len(reported[0])+len(reported[1]) > 0 || !slices.Equal(reported[2], []string{"hearing"}) {
			t.Errorf("reported %q", reported)
		}
	})
}

// A check is logged when its outcome changes, and not while a server connects for the first time.
func TestBoard_LogsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		b := health.NewBoard(health.Config{Log: slog.New(slog.NewTextHandler(&logged, nil))})
		var broken error
		b.Add(
			health.Check{Name: "storing", Do: func(context.Context) error { return broken }},
			health.Check{Name: "hearing", Do: func(context.Context) error { return broken }, Degrades: func() bool { return true }},
		)
		for _, broken = range []error{errors.New("starting"), nil, errors.New("starting"), nil} {
			b.Outcomes()
			time.Sleep(2 * time.Second) // fake time
		}
		for _, broken = range []error{nil, errors.New("a"), errors.New("b"), nil, nil, errors.New("c")} {
			b.Outcomes()
			time.Sleep(time.Second) // fake time
		}
		text := logged.String()
		for line, n := range map[string]int{`msg="not ready" check=storing`: 2, "msg=degraded check=hearing": 2, `msg="ready again"`: 2, "starting": 0} {
			if strings.Count(text, line) != n {
				t.Errorf("%q is not logged %d times in\n%s", line, n, text)
			}
		}
	})
}
