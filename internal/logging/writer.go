// Package logging writes the log of a server. A log that nobody reads must not stop the server: then lines are lost and counted,
// and nothing waits.
package logging

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	maxWaiting = 1 << 20               // bytes of lines that may wait; beyond it, new lines are lost
	maxWrite   = 4096                  // bytes of one write, unless a line is longer: pipes take so many at once or not at all
	patience   = 20 * time.Millisecond // how long Write waits for its lines to be written
)

// Writer writes lines to another writer. Usually a line is written when Write returns, so that the last lines before a crash are
// there. When the other writer blocks, lines wait in memory, and beyond a limit they are lost. When it takes bytes again, a
// line of the log says how many were lost. The methods may be called concurrently.
type Writer struct {
	out     io.Writer
	handler func(io.Writer) slog.Handler
	lost    prometheus.Counter
	more    chan struct{} // has an element, at most one, when lines have come
	closing chan struct{} // closed by Close
	ended   chan struct{} // closed when nothing more is written
	once    sync.Once     // for Close

	mu      sync.Mutex
	waiting []byte        // whole lines
	drained chan struct{} // closed when all lines have been written, nil if they have been
	slow    bool          // a Write has waited in vain, and lines still wait
	missed  int           // lines that were lost, and that the log does not tell of yet
	closed  bool
}

// New returns a writer to out and a logger that uses it. handler makes the handler of a log that is written to its argument.
// Close the writer in the end.
func New(out io.Writer, handler func(io.Writer) slog.Handler) (*Writer, *slog.Logger) {
	w := &Writer{
		out: out, handler: handler,
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_log_lines_lost_total", Help: "Lines of the log that were lost, because they could not be written.",
		}),
		more: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	return w, slog.New(handler(w))
}

// Lost counts the lines that were lost.
func (w *Writer) Lost() prometheus.Counter { return w.lost }

// Write takes one or more whole lines and keeps nothing of the slice. It blocks for 20 ms at most, once while the other writer
// is slow, and never fails.
func (w *Writer) Write(lines []byte) (int, error) {
	drained := w.add(lines)
	if drained == nil {
		return len(lines), nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.slow = w.drained == drained
	}
	return len(lines), nil
}

// add adds lines to those that wait. It returns what to wait for, nil for nothing.
func (w *Writer) add(lines []byte) (drained <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.waiting)+len(lines) > maxWaiting {
		w.lose(lines)
		return nil
	}
	w.waiting = append(w.waiting, lines...)
	if w.drained == nil {
		w.drained = make(chan struct{})
	}
	select {
	case w.more <- struct{}{}:
	default:
	}
	if w.slow {
		return nil
	}
	return w.drained
}

// lose counts lines that are lost. The caller has the mutex.
func (w *Writer) lose(lines []byte) {
	n := bytes.Count(lines, []byte("\n"))
	w.missed += n
	w.lost.Add(float64(n))
}

// Close writes what waits, for as long as limit, and ends the writer. Later lines are lost.
func (w *Writer) Close(limit time.Duration) {
	w.once.Do(func() { close(w.closing) })
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.ended:
	case <-timer.C:
	}
}

// run writes what waits, until Close.
func (w *Writer) run() {
	defer close(w.ended)
	var piece []byte
	for open := true; open; {
		select {
		case <-w.more:
		case <-w.closing:
			open = false
		}
		for piece = w.next(piece[:0], open); len(piece) > 0; piece = w.next(piece[:0], open) {
			_, err := w.out.Write(piece)
			w.tell(piece, err)
		}
	}
}

// next appends the next lines that are written at once. There are none when all has been written.
func (w *Writer) next(piece []byte, open bool) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.waiting, w.slow, w.closed = nil, false, !open
		if w.drained != nil {
			close(w.drained)
			w.drained = nil
		}
		return piece
	}
	n := len(w.waiting)
	if n > maxWrite {
		n = 1 + bytes.LastIndexByte(w.waiting[:maxWrite], '\n')
		if n == 0 { // the first line is longer
			n = 1 + bytes.IndexByte(w.waiting, '\n')
		}
	}
	piece = append(piece, w.waiting[:n]...)
	w.waiting = w.waiting[n:]
	return piece
}

// tell notes the outcome of a write. After lines were lost and writing works again, it adds a line that says so.
func (w *Writer) tell(piece []byte, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil:
		w.lose(piece)
	case w.missed > 0:
		var line bytes.Buffer
		slog.New(w.handler(&line)).Warn("lines of the log were lost before this one", slog.Int("lines", w.missed))
		w.waiting = append(w.waiting, line.Bytes()...)
		w.missed = 0
	}
}
