package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
	"restante/internal/retry"
)

// Broker makes the links of one node to one broker.
type Broker struct {
	title     string
	addresses []address
	log       *slog.Logger
	metrics   *metrics
	missing   func(what string)
}

// NewBroker returns the broker at the given URLs. They are the nodes of one cluster, amqp:// or amqps://, all of one
// virtual host; at least one is needed. The broker shows the connections under the title and the name of their link.
func NewBroker(urls []string, title string, log *slog.Logger) (*Broker, error) {
	addresses, err := parseAddresses(urls)
	if err != nil {
		return nil, err
	}
	return &Broker{title: title, addresses: addresses, log: log, metrics: newMetrics(), missing: func(string) {}}, nil
}

// OnMissing makes the links call report when a message finds no queue, or an exchange or a queue does not exist. Call it before the
// first link connects. Report is called concurrently and must not block.
func (b *Broker) OnMissing(report func(what string)) { b.missing = report }

// ReadPassword makes read the source of the password for each new connection, in the place of the URLs', so that a new password needs no
// restart. Call it before the first link connects. Read may be called concurrently.
func (b *Broker) ReadPassword(read func() (string, error)) {
	for i := range b.addresses {
		b.addresses[i].password = read
	}
}

// Link is a connection to the broker that comes back. It is dialled when it is first wanted, and again when it is lost,
// over one address after the other, with growing pauses. Publishing, consuming, announcing, listening and heartbeats have
// a link each, so that none delays another.
type Link struct {
	b       *Broker
	name    string                 // in metrics and logs
	prepare func(s *Session) error // called before anything else uses a new session

	wanted chan struct{} // closed by want
	want   func()        // says that the connection is needed

	turn  int      // which address is next
	first *Session // what Connect has connected for Run, or nil

	mu      sync.Mutex
	current *Session      // nil while there is none
	err     error         // why there is none
	lost    time.Time     // since when there is none, if there was one
	ended   bool          // no session will follow
	changed chan struct{} // closed when current or err changes
}

// The pauses between two attempts to connect.
const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// Link returns a new link. It connects when Run runs and a session is wanted. Prepare is called with each new session
// before anything else uses it.
func (b *Broker) Link(name string, prepare func(*Session) error) *Link {
	wanted := make(chan struct{})
	b.metrics.blocked.WithLabelValues(name) // exists before the first alarm
	return &Link{
		b: b, name: name, prepare: prepare, err: errConnecting(),
		wanted: wanted, want: sync.OnceFunc(func() { close(wanted) }), changed: make(chan struct{}),
		turn: rand.IntN(len(b.addresses)), // so that nodes spread over the addresses
	}
}

func errConnecting() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the broker is not connected yet"}
}

// Connect connects once. Call it before Run, which uses the connection. Its error has the class errs.Unavailable if
// waiting may help, and another one if an operator must act.
func (l *Link) Connect(ctx context.Context) error {
	s, err := l.connect(ctx)
	if err != nil {
		return err
	}
	l.first = s
	l.set(s, nil)
	return nil
}

// Want makes Run connect before the first call of Session.
func (l *Link) Want() { l.want() }

// Current returns the session of now, or why there is none.
func (l *Link) Current() (*Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current, l.err
}

// Run keeps the link connected until ctx is done.
func (l *Link) Run(ctx context.Context) {
	defer l.end()
	select {
	case <-l.wanted:
	case <-ctx.Done():
		return
	}
	l.b.metrics.up.WithLabelValues(l.name) // both exist before the first connection
	l.b.metrics.connects.WithLabelValues(l.name)
	pauses := retry.NewBackoff(minPause, maxPause)
	failing := false // whether the missing connection was logged
	for ctx.Err() == nil {
		s, err := l.first, error(nil)
		if l.first = nil; s == nil {
			s, err = l.connect(ctx)
		}
		if err == nil {
			failing = false
			began := time.Now()
			l.serve(ctx, s)
			if time.Since(began) > 2*maxPause {
				pauses.Reset()
			}
		} else if ctx.Err() != nil {
			return
		} else if l.set(nil, err); !failing {
			failing = true
			l.b.log.Warn("no connection to the broker, trying on", slog.String("for", l.name), slog.Any("error", err))
		}
		if pauses.Wait(ctx) != nil {
			return
		}
	}
}

// serve makes the session the current one until it is lost or ctx is done.
func (l *Link) serve(ctx context.Context, s *Session) {
	log, metrics := l.b.log, l.b.metrics
	log.Info("connected to the broker", slog.String("for", l.name), slog.String("address", s.host))
	metrics.connects.WithLabelValues(l.name).Inc()
	metrics.up.WithLabelValues(l.name).Set(1)
	l.set(s, nil)
	select {
	case <-s.lost:
		log.Warn("connection to the broker lost", slog.String("for", l.name), slog.String("address", s.host),
			slog.Any("error", s.Why()))
	case <-ctx.Done():
	}
	l.set(nil, errs.Wrap(errs.Unavailable, s.Why(), "the connection to the broker is lost"))
	metrics.up.WithLabelValues(l.name).Set(0)
	s.close()
	metrics.blocked.WithLabelValues(l.name).Set(0)
}

// alarm notes that the broker has stopped to accept messages over this link, or accepts them again if reason is "".
func (l *Link) alarm(reason string) {
	gauge := l.b.metrics.blocked.WithLabelValues(l.name)
	if reason == "" {
		gauge.Set(0)
		l.b.log.Info("the broker takes messages again", slog.String("for", l.name))
		return
	}
	gauge.Set(1)
	l.b.log.Warn("the broker takes no messages", slog.String("for", l.name), slog.String("reason", reason))
}

// connect tries each address once, beginning with the one whose turn it is. Of several errors it returns the most useful
// one: a refusal before a missing answer.
func (l *Link) connect(ctx context.Context) (*Session, error) {
	var worst error
	for range l.b.addresses {
		a := l.b.addresses[l.turn%len(l.b.addresses)]
		l.turn++
		s, err := dial(ctx, a, l.b.title+" "+l.name, l.alarm)
		if err == nil {
			s.report = l.b.missing
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

func (l *Link) set(s *Session, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil && s == nil {
		l.lost = time.Now()
	}
	l.current, l.err = s, err
	close(l.changed)
	l.changed = make(chan struct{})
}

// IsUp reports whether there is a session, or was one within the given time.
func (l *Link) IsUp(within time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current != nil || time.Since(l.lost) < within
}

func (l *Link) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	close(l.changed)
	l.changed = make(chan struct{})
}

// Session waits for a session until ctx is done or the link has ended. The error says why there is none.
func (l *Link) Session(ctx context.Context) (*Session, error) {
	l.want()
	for {
		l.mu.Lock()
		s, why, ended, changed := l.current, l.err, l.ended, l.changed
		l.mu.Unlock()
		switch {
		case s != nil:
			return s, nil
		case ended:
			return nil, ErrClosed()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, errs.Wrap(errs.Unavailable, errors.Join(context.Cause(ctx), why), "the broker cannot be reached")
		}
	}
}

// Again calls once with a session, and again whenever once returns, until ctx is done. It calls it at once after nil, and
// with growing pauses after errors.
func (l *Link) Again(ctx context.Context, what string, once func(s *Session) error) {
	pauses := retry.NewBackoff(minPause, maxPause)
	for ctx.Err() == nil {
		s, err := l.Session(ctx)
		if err != nil {
			return
		}
		began := time.Now()
		if err = once(s); err == nil {
			continue
		}
		if e, ok := errors.AsType[*amqp.Error](err); ok && e.Code == amqp.NotFound {
			l.b.missing(e.Reason)
		}
		if !s.conn.IsClosed() { // Run logs a lost connection
			l.b.log.WarnContext(ctx, "interrupted, beginning again", slog.String("what", what), slog.Any("error", err))
		}
		if time.Since(began) > 2*maxPause {
			pauses.Reset()
		}
		if pauses.Wait(ctx) != nil {
			return
		}
	}
}
