package driver_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

var errFull = errs.Wrap(errs.Unavailable, errors.New("13"), "the disk is full")

// probes is a database whose probes end as it says.
type probes struct {
	made, size atomic.Int64
	err        atomic.Pointer[error]
	hang       chan struct{} // if it is not nil, probes wait for it
}

func (p *probes) probe(_ context.Context, size int) error {
	p.made.Add(1)
	p.size.Store(int64(size))
	if p.hang != nil {
		<-p.hang
	}
	if err := p.err.Load(); err != nil {
		return *err
	}
	return nil
}

func TestHealth_FailedAppendStaysAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probes{}
		h := driver.NewHealth(time.Second, p.probe)
		check := func(what string, want error, made int64) {
			t.Helper()
			if err := h.Check(t.Context()); !errors.Is(err, want) || p.made.Load() != made {
				t.Errorf("%s: %v after %d probes, want %v after %d", what, err, p.made.Load(), want, made)
			}
		}
		check("at the start", nil, 1)
		check("at once again", nil, 1)
		h.Failed([]chat.Message{{Msg: "hello"}}, errFull)
		check("after a failed append", errFull, 1)
		time.Sleep(time.Second) // fake time
		p.err.Store(&errFull)
		check("while probes fail", errFull, 2)
		check("while probes fail, at once again", errFull, 2)
		if size := p.size.Load(); size < 5 {
			t.Errorf("a probe of %d bytes after an append of 5", size)
		}
		time.Sleep(time.Second) // fake time
		p.err.Store(nil)
		check("without a cause", nil, 3)
		time.Sleep(time.Second) // fake time
		check("later", nil, 4)
		if size := p.size.Load(); size != 0 {
			t.Errorf("a probe of %d bytes without a failed append", size)
		}
		h.Failed(nil, errFull)
		h.Succeeded()
		check("after another append", nil, 4)
		for _, err := range []error{errs.Field("id", "is not valid"), context.Canceled, errs.Wrap(errs.Conflict, errFull, "a conflict")} {
			h.Failed(nil, err)
			check("after an error that says nothing about the database", nil, 4)
		}
		h.Failed(make([]chat.Message, 100_000), context.DeadlineExceeded)
		if err := h.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("after an append without an answer: %v", err)
		}
		time.Sleep(time.Second) // fake time
		check("after a large append", nil, 5)
		if size := p.size.Load(); size != 1<<20 {
			t.Errorf("a probe of %d bytes, want 1 MiB at most", size)
		}
	})
}

func TestHealth_ManyCallersShareOneProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probes{err: atomic.Pointer[error]{}}
		p.err.Store(&errFull)
		h := driver.NewHealth(time.Second, p.probe)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				for range 95 {
					if err := h.Check(t.Context()); !errors.Is(err, errFull) {
						t.Errorf("check: %v", err)
					}
					time.Sleep(100 * time.Millisecond) // fake time
				}
			})
		}
		all.Wait()
		if n := p.made.Load(); n != 10 {
			t.Errorf("%d probes in 9.5 s, want 10", n)
		}
	})
}

// A probe that hangs holds no caller up, and is the only one.
func TestHealth_ProbeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probes{hang: make(chan struct{})}
		h := driver.NewHealth(time.Second, p.probe)
		start := time.Now()
		for range 3 {
			if err := h.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable || time.Since(start) >= 2*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		}
		h.Failed(nil, errFull)
		if err := h.Check(t.Context()); !errors.Is(err, errFull) {
			t.Errorf("check: %v, want the error of the append", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := driver.NewHealth(time.Second, p.probe).Check(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("check: %v, want the error of the context", err)
		}
		close(p.hang)
		synctest.Wait()
		if err := h.Check(t.Context()); !errors.Is(err, errFull) || p.made.Load() != 2 {
			t.Errorf("check: %v: the probe had begun before the append failed", err)
		}
		time.Sleep(time.Second) // fake time
		if err := h.Check(t.Context()); err != nil {
			t.Errorf("check: %v", err)
		}
	})
}

// An append that ends while a probe runs counts more than the probe.
func TestHealth_AppendDuringAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &probes{hang: make(chan struct{})}
		p.err.Store(&errFull)
		h := driver.NewHealth(time.Second, p.probe)
		outcome := make(chan error)
		go func() { outcome <- h.Check(t.Context()) }()
		synctest.Wait()
		h.Succeeded()
		close(p.hang)
		if err := <-outcome; err != nil {
			t.Errorf("check: %v", err)
		}
		refused := errs.Wrap(errs.Invalid, errors.New("P0001"), "the database cannot hold it")
		p.err.Store(&refused)
		time.Sleep(time.Second) // fake time
		if err := h.Check(t.Context()); err != nil {
			t.Errorf("a probe that only its own message fails: %v", err)
		}
	})
}
