package logging_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"restante/internal/logging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func jsonLog(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }

// sink takes lines while it is open, and blocks otherwise.
type sink struct {
	open atomic.Pointer[chan struct{}]
	mu   sync.Mutex
	text bytes.Buffer
	most int // bytes of one write
	err  error
}

func newSink() *sink {
	s := &sink{}
	s.block()()
	return s
}

// block makes writes wait until the returned function is called.
func (s *sink) block() (release func()) {
	gate := make(chan struct{})
	s.open.Store(&gate)
	return func() { close(gate) }
}

func (s *sink) Write(p []byte) (int, error) {
	<-*s.open.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	s.most = max(s.most, len(p))
	return s.text.Write(p)
}

func (s *sink) lines(t *testing.T) (all []map[string]any) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for line := range strings.Lines(s.text.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("no whole line: %q", line)
		}
		all = append(all, m)
	}
	return all
}

func TestWriter_ALineIsThereWhenTheCallReturns(t *testing.T) {
	s := newSink()
	w, log := logging.New(s, jsonLog)
	for i := range 200 {
		log.Info("hello", "i", i)
		if got := s.lines(t); len(got) != i+1 {
			t.Fatalf("%d lines after %d", len(got), i+1)
		}
	}
	w.Close(time.Second)
}

// A log that nobody reads costs the program a moment once. It loses the newest lines and says so when it is read again.
func TestWriter_ALogThatNobodyReadsBlocksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		w, log := logging.New(s, jsonLog)
		release := s.block()
		began := time.Now()
		const n = 20_000
		for i := range n {
			log.Info("hello", "i", i)
		}
		if took := time.Since(began); took > 20*time.Millisecond {
			t.Errorf("%d lines took %v", n, took)
		}
		lost := int(testutil.ToFloat64(w.Lost()))
		if lost == 0 || lost > n*3/4 {
			t.Errorf("%d of %d lines are lost", lost, n)
		}
		release()
		synctest.Wait()
		log.Info("the end")
		got := s.lines(t)
		if len(got) != n-lost+2 {
			t.Fatalf("%d lines are written, %d of %d were lost", len(got), lost, n)
		}
		for i, line := range got[:n-lost] {
			if line["i"] != float64(i) {
				t.Fatalf("line %d is %v", i, line)
			}
		}
		if note := got[n-lost]; note["lines"] != float64(lost) || note["level"] != "WARN" {
			t.Errorf("the log does not tell of the %d lines that are lost: %v", lost, note)
		}
		if s.most > 4096 {
			t.Errorf("%d bytes were written at once: a pipe may take a part of them only", s.most)
		}
		w.Close(time.Second)
	})
}

func TestWriter_CloseWritesWhatWaitsButNotForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		w, log := logging.New(s, jsonLog)
		release := s.block()
		log.Info("hello")
		began := time.Now()
		w.Close(time.Second)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		release()
		synctest.Wait()
		if got := s.lines(t); len(got) != 1 {
			t.Errorf("%d lines are written", len(got))
		}
		log.Info("too late")
		if testutil.ToFloat64(w.Lost()) != 1 {
			t.Error("a line after Close is not counted")
		}
	})
}

func TestWriter_ErrorsLoseLines(t *testing.T) {
	s := newSink()
	w, log := logging.New(s, jsonLog)
	s.err = errors.New("the disk is full")
	log.Info("lost")
	log.Info("lost, too")
	s.mu.Lock()
	s.err = nil
	s.mu.Unlock()
	log.Info("hello")
	w.Close(time.Second)
	if got := s.lines(t); len(got) != 2 || got[0]["msg"] != "hello" || got[1]["lines"] != 2.0 {
		t.Errorf("written: %v", got)
	}
}

func TestWriter_LongLinesStayWhole(t *testing.T) {
	s := newSink()
	w, log := logging.New(s, jsonLog)
	var loggers sync.WaitGroup
	for i := range 8 {
		loggers.Go(func() {
			for n := range 50 {
				log.Info(strings.Repeat("x", n*i*20), "from", fmt.Sprint(i))
			}
		})
	}
	loggers.Wait()
	w.Close(time.Second)
	if got := s.lines(t); len(got) != 400 {
		t.Errorf("%d lines", len(got))
	}
}

// BenchmarkWriter measures a line, beside one that is written directly.
func BenchmarkWriter(b *testing.B) {
	out, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer out.Close()
	w, log := logging.New(out, jsonLog)
	defer w.Close(time.Second)
	for name, l := range map[string]*slog.Logger{"direct": slog.New(jsonLog(out)), "writer": log} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.Info("hello", "id", "00000000-0000-7000-8000-000000000000")
			}
		})
	}
}
