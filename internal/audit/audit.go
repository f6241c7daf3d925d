// Package audit writes the audit log: one line for each event that a person who looks after the security of the server asks
// about, such as sign-ins, refusals and what operators did. It stands beside the journey: whatever identifies a client or says
// no calls Note. Nothing waits for the audit log. A flood makes a bounded number of lines, see tally.
package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Off is the value of Config.File for no audit log.
const Off = "off"

// Config configures a Log.
type Config struct {
	File    string                // where lines are appended; made with the mode 0600 if missing; "": into Log; Off: nowhere
	Node    string                // stands in every line; "": left out
	Log     *slog.Logger          // takes the lines unless File is given, whatever its level, and problems with the file; default: discard
	Metrics prometheus.Registerer // default: not registered
}

// Log is an audit log. Its methods may be called concurrently. A nil Log notes nothing.
type Log struct {
	handler slog.Handler // writes a line
	file    *file        // nil: lines go to another log
	log     *slog.Logger
	written prometheus.Counter
	dropped prometheus.Counter
	queue   chan slog.Record
	closing chan struct{}
	once    sync.Once // for Close
	ended   chan struct{}

	mu    sync.Mutex
	tally *tally
}

// waiting is how many lines may wait to be written. Beyond it they are dropped and counted.
const waiting = 2048

// Open returns an audit log, nil for Off. The error names the flag --audit-log. Close the log.
func Open(cfg Config) (*Log, error) {
	if cfg.File == Off {
		return nil, nil
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	l := &Log{
		handler: cfg.Log.Handler(), log: cfg.Log,
		written: prometheus.NewCounter(prometheus.CounterOpts{Name: "restante_audit_lines_total", Help: "Lines of the audit log that were written."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "restante_audit_lines_dropped_total", Help: "Lines of the audit log that were lost, because they could not be written.",
		}),
		queue: make(chan slog.Record, waiting), closing: make(chan struct{}), ended: make(chan struct{}), tally: newTally(),
	}
	if cfg.File != "" {
		f, err := openFile(cfg.File)
		if err != nil {
			return nil, fmt.Errorf("--audit-log: %w", err)
		}
		l.file, l.handler = f, lineHandler(f)
	}
	attrs := []slog.Attr{slog.Bool("audit", true)}
	if cfg.Node != "" {
		attrs = append(attrs, slog.String("node", cfg.Node))
	}
	l.handler = l.handler.WithAttrs(attrs)
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(l.written, l.dropped)
	}
	go l.run()
	return l, nil
}

// lineHandler writes a line of JSON for each event. Level and message would be the same in every line.
func lineHandler(w io.Writer) slog.Handler {
	return slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey:
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		case slog.LevelKey, slog.MessageKey:
			return slog.Attr{}
		}
		return a
	}})
}

// Note notes an event. ctx is that of the request, or any other: the client and the address of the request are filled in where the
// event names none. Note never blocks: when too many events are alike they are counted, and when lines cannot be written they are
// lost and counted.
func (l *Log) Note(ctx context.Context, e Event) {
	if l == nil {
		return
	}
	e = e.completed(ctx)
	l.mu.Lock()
	own := l.tally.take(e)
	l.mu.Unlock()
	if own {
		l.add(recordOf(e))
	}
}

func recordOf(e Event, more ...slog.Attr) slog.Record {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "audit", 0)
	r.AddAttrs(e.attrs()...)
	r.AddAttrs(more...)
	return r
}

func (l *Log) add(r slog.Record) {
	select {
	case l.queue <- r:
	default:
		l.dropped.Inc()
	}
}

// Close writes what waits until ctx is done, and ends the log. Later events are lost. A nil Log has nothing to do.
func (l *Log) Close(ctx context.Context) error {
	if l == nil {
		return nil
	}
	l.once.Do(func() { close(l.closing) })
	select {
	case <-l.ended:
		return nil
	case <-ctx.Done():
	}
	if l.file != nil {
		l.file.giveUp()
		<-l.ended
	}
	return fmt.Errorf("write the audit log: %w", ctx.Err())
}

// run writes lines until Close.
func (l *Log) run() {
	defer close(l.ended)
	windows, checks := time.NewTicker(window), time.NewTicker(checkEvery)
	defer windows.Stop()
	defer checks.Stop()
	for {
		select {
		case r := <-l.queue:
			l.write(r)
		case <-windows.C:
			l.tell()
		case <-checks.C:
			l.follow()
		case <-l.closing:
			l.finish()
			return
		}
	}
}

// finish writes what is left.
func (l *Log) finish() {
	for {
		select {
		case r := <-l.queue:
			l.write(r)
			continue
		default:
		}
		break
	}
	l.tell()
	if l.file != nil {
		l.file.close()
	}
}

// tell writes how many events had no line of their own.
func (l *Log) tell() {
	l.mu.Lock()
	rest := l.tally.rest()
	l.mu.Unlock()
	for _, r := range rest {
		l.write(recordOf(r.Event, slog.Int("more", r.more)))
	}
}

func (l *Log) write(r slog.Record) {
	if err := l.handler.Handle(context.Background(), r); err != nil {
		l.dropped.Inc()
		l.complain(err)
		return
	}
	l.written.Inc()
}

// follow opens the file again when another one has taken its name, as logrotate does it.
func (l *Log) follow() {
	if l.file == nil {
		return
	}
	if err := l.file.follow(); err != nil {
		l.complain(err)
	}
}

// complain logs the first failure after the file could be written.
func (l *Log) complain(err error) {
	if l.file == nil || !l.file.fails() || errors.Is(err, errGivenUp) {
		return
	}
	l.log.Error("audit log cannot be written, lines are lost", "file", l.file.path, "error", err)
}
