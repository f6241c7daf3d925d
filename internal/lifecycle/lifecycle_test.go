package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"restante/internal/lifecycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record notes what happens, in order.
type record struct {
	mu     sync.Mutex
	events []string
}

func (r *record) add(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// step returns one that records its start and stop, and runs a loop in between.
func (r *record) step(name string) lifecycle.Step {
	return lifecycle.Step{
		Name: name,
		Start: func(context.Context) (lifecycle.Stop, error) {
			r.add("start " + name)
			return func(context.Context) error { r.add("stop " + name); return nil }, nil
		},
		Run: func(ctx context.Context) error {
			<-ctx.Done()
			r.add("end " + name)
			return nil
		},
	}
}

func TestGroup_StartsInOrderAndStopsInReverse(t *testing.T) {
	var r record
	skipped := r.step("skipped")
	skipped.Skip = true
	g := lifecycle.New(r.step("a"), skipped, r.step("b"))
	ctx, cancel := context.WithCancel(t.Context())
	if err := g.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	r.add("started")
	var stops sync.WaitGroup
	for range 4 {
		stops.Go(func() {
			if err := g.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	stops.Wait()
	want := []string{"start a", "start b", "started", "end b", "stop b", "end a", "stop a"}
	if got := r.all(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(g.Failed()) > 0 {
		t.Error("a part that was stopped counts as failed:", <-g.Failed())
	}
}

func TestGroup_AStepThatFailsLeavesTheOthersToStop(t *testing.T) {
	const steps = 4
	for k := range steps {
		t.Run(fmt.Sprint("step ", k), func(t *testing.T) {
			var r record
			var list []lifecycle.Step
			for i := range steps {
				list = append(list, r.step(fmt.Sprint(i)))
			}
			broken := errors.New("broken")
			list[k].Start = func(context.Context) (lifecycle.Stop, error) { return nil, broken }
			g := lifecycle.New(list...)
			if err := g.Start(t.Context()); err != broken { //nolint:errorlint // the error as it is
				t.Errorf("Start returned %v", err)
			}
			if err := g.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			var want []string
			for i := range k {
				want = append(want, fmt.Sprint("start ", i))
			}
			for i := k - 1; i >= 0; i-- {
				want = append(want, fmt.Sprint("end ", i), fmt.Sprint("stop ", i))
			}
			if got := r.all(); !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestGroup_StopBeforeStart(t *testing.T) {
	var r record
	g := lifecycle.New(r.step("a"))
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := g.Start(t.Context()); !errors.Is(err, lifecycle.ErrStopped) {
		t.Error("started after Stop:", err)
	}
	if got := r.all(); len(got) > 0 {
		t.Errorf("%q has happened", got)
	}
}

func TestGroup_StopDuringStartEndsIt(t *testing.T) {
	var r record
	entered := make(chan struct{})
	slow := lifecycle.Step{Name: "slow", Start: func(ctx context.Context) (lifecycle.Stop, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	g := lifecycle.New(r.step("a"), slow, r.step("b"))
	started := make(chan error)
	go func() { started <- g.Start(t.Context()) }()
	<-entered
	if err := g.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Error("Start returned", err)
	}
	if got, want := r.all(), []string{"start a", "end a", "stop a"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestGroup_StopNeverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r record
		stuck := make(chan struct{})
		stopsWith := func(name string, stop lifecycle.Stop) lifecycle.Step {
			return lifecycle.Step{Name: name, Start: func(context.Context) (lifecycle.Stop, error) { return stop, nil }}
		}
		g := lifecycle.New(
			stopsWith("first", func(context.Context) error { r.add("first"); return errors.New("broken") }),
			stopsWith("second", func(context.Context) error { <-stuck; return nil }),
			stopsWith("third", func(context.Context) error { r.add("third"); return nil }),
		)
		if err := g.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := g.Stop(ctx)
		close(stuck)
		synctest.Wait()
		if err == nil || !strings.Contains(err.Error(), "stop second: not done in time") {
			t.Error("the part that hangs is not named:", err)
		}
		if !strings.Contains(err.Error(), "stop first: broken") || !slices.Equal(r.all(), []string{"third", "first"}) {
			t.Error("the others were not stopped, or not in reverse:", r.all(), err)
		}
	})
}

func TestGroup_ALoopThatEndsByItselfIsAFailure(t *testing.T) {
	for want, err := range map[string]error{"persist has ended: broken": errors.New("broken"), "persist has ended": nil} {
		g := lifecycle.New(lifecycle.Step{Name: "persist", Run: func(context.Context) error { return err }})
		if err := g.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-g.Failed(); got.Error() != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := g.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
