package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"restante/internal/errs"
	"restante/internal/peer"
)

// link is a connection to the broker that comes back: it is dialled when somebody first wants it, and again when it is
// lost, over one address after the other, with growing pauses. Publishing, consuming, announcing, listening and the beats
// of nodes have a link each, so that none holds up another.
type link struct {
	name      string // in metrics and logs
	title     string // as the broker shows it
	addresses []address
	prepare   func(s *session) error // before anybody gets the session
	log       *slog.Logger
	metrics   *metrics

	wanted chan struct{} // closed by want
	want   func()        // says that the connection is needed

	first *session // that there is when run begins, or nil

	mu      sync.Mutex
	current *session      // nil while there is none
	err     error         // why there is none
	lost    time.Time     // since when there is none, if there was one
	ended   bool          // there will be none any more
	changed chan struct{} // closed when current or err changes
}

// The pauses between two attempts to connect.
const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// newLink returns a link. It does nothing until it is run.
func (d *Driver) newLink(name string, prepare func(*session) error) *link {
	wanted := make(chan struct{})
	d.metrics.blocked.WithLabelValues(name) // there before the first alarm
	return &link{
		name: name, title: "restante " + d.node + " " + name, addresses: d.addresses, prepare: prepare,
		log: d.cfg.Log, metrics: d.metrics, err: errConnecting(),
		wanted: wanted, want: sync.OnceFunc(func() { close(wanted) }), changed: make(chan struct{}),
	}
}

func errConnecting() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the broker is not connected yet"}
}

// peek returns the session of now, or why there is none.
func (l *link) peek() (*session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current, l.err
}

// run keeps the link connected until ctx is done.
func (l *link) run(ctx context.Context) {
	defer l.end()
	select {
	case <-l.wanted:
	case <-ctx.Done():
		return
	}
	l.metrics.up.WithLabelValues(l.name) // both are there before the first connection
	l.metrics.connects.WithLabelValues(l.name)
	turn := rand.IntN(len(l.addresses)) // so that nodes spread over the addresses
	pause := minPause
	failing := false // whether that there is no connection was logged
	for ctx.Err() == nil {
		s, err := l.first, error(nil)
		if l.first = nil; s == nil {
			s, err = l.connect(ctx, &turn)
		}
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if l.set(nil, err); !failing {
				failing = true
				l.log.Warn("no connection to the broker, trying on", slog.String("for", l.name), slog.Any("error", err))
			}
		} else {
			failing = false
			began := time.Now()
			l.serve(ctx, s)
			if time.Since(began) > 2*maxPause {
				pause = minPause
			}
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPause)
	}
}

// serve hands out the session until it is lost or ctx is done.
func (l *link) serve(ctx context.Context, s *session) {
	l.log.Info("connected to the broker", slog.String("for", l.name), slog.String("address", s.host))
	l.metrics.connects.WithLabelValues(l.name).Inc()
	l.metrics.up.WithLabelValues(l.name).Set(1)
	l.set(s, nil)
	select {
	case <-s.lost:
		l.log.Warn("connection to the broker lost", slog.String("for", l.name), slog.String("address", s.host),
			slog.Any("error", s.why()))
	case <-ctx.Done():
	}
	l.set(nil, errs.Wrap(errs.Unavailable, s.why(), "the connection to the broker is lost"))
	l.metrics.up.WithLabelValues(l.name).Set(0)
	s.close()
	l.metrics.blocked.WithLabelValues(l.name).Set(0)
}

// alarm notes that the broker has stopped to take messages over this link, or takes them again.
func (l *link) alarm(reason string) {
	gauge := l.metrics.blocked.WithLabelValues(l.name)
	if reason == "" {
		gauge.Set(0)
		l.log.Info("the broker takes messages again", slog.String("for", l.name))
		return
	}
	gauge.Set(1)
	l.log.Warn("the broker takes no messages", slog.String("for", l.name), slog.String("reason", reason))
}

// connect tries each address once, beginning with the one whose turn it is. Of several errors it returns the one that
// says most: a refusal before a silence.
func (l *link) connect(ctx context.Context, turn *int) (*session, error) {
	var worst error
	for range l.addresses {
		a := l.addresses[*turn%len(l.addresses)]
		*turn++
		s, err := dial(ctx, a, l.title, l.alarm)
		if err == nil {
			if err = l.prepare(s); err == nil {
				return s, nil
			}
			s.close()
		}
		if r := refused(err, a.host); r != nil {
			worst = r
		} else if worst == nil {
			worst = errs.Wrap(errs.Unavailable, fmt.Errorf("connect to %s: %w", a.host, err), "the broker cannot be reached")
		}
	}
	return nil, worst
}

func (l *link) set(s *session, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil && s == nil {
		l.lost = time.Now()
	}
	l.current, l.err = s, err
	close(l.changed)
	l.changed = make(chan struct{})
}

// isUp reports whether there is a session, or was one until a moment ago.
func (l *link) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current != nil || time.Since(l.lost) < peer.Expiry/2
}

func (l *link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.changed)
	l.changed = make(chan struct{})
}

// session waits for a session until ctx is done or the link has ended. The error says why there is none.
func (l *link) session(ctx context.Context) (*session, error) {
	l.want()
	for {
		l.mu.Lock()
		s, why, ended, changed := l.current, l.err, l.ended, l.changed
		l.mu.Unlock()
		switch {
		case s != nil:
			return s, nil
		case ended:
			return nil, errClosed()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errs.Wrap(errs.Unavailable, errors.Join(context.Cause(ctx), why), "the broker cannot be reached")
		}
	}
}

// again calls once with a session, and again whenever it returns, until ctx is done: at once when it returns nil, with
// growing pauses after errors.
func (l *link) again(ctx context.Context, what string, once func(s *session) error) {
	pause := minPause
	for ctx.Err() == nil {
		s, err := l.session(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		if err = once(s); err == nil {
			continue
		}
		if !s.conn.IsClosed() { // otherwise the link says so
			l.log.WarnContext(ctx, "interrupted, beginning again", slog.String("what", what), slog.Any("error", err))
		}
		if time.Since(began) > 2*maxPause {
			pause = minPause
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, maxPause)
		case <-ctx.Done():
		}
	}
}
