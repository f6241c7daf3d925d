// Package postgres is the store driver of many machines: all rooms in one PostgreSQL database, which any number of nodes
// append to and read from. In the journey it stands behind Persist's append and behind every reader that catches up.
//
// # The promise
//
// A batch is one call of the function restante.append (migrations/0001_log.sql), and so one statement and one
// transaction: it locks the rooms' counters in name order, drops the messages that are there already, numbers the rest
// and inserts them. A statement that failed has stored nothing; one whose answer was lost may have stored all, and the
// same batch again finds its ids. The commit is on the server's stable storage before it is answered: a session with
// synchronous_commit=off is corrected, a server with fsync=off is warned about.
//
// # Waiting
//
// A server that cannot be reached is waited for: operations fail with a class that says so until it is there, and the
// pool connects again by itself. Nothing waits without a limit: not for a connection, an answer or a lock.
package postgres

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
	"restante/internal/store/driver"
)

// Config configures a Driver. The zero value is ready to use.
type Config struct {
	// Log gets a line when the server cannot be reached, when it is there, and for settings that endanger the promise.
	// Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// Now is the clock that stamps StoredAt. Clocks of nodes may differ: a room's times rise all the same. Default time.Now.
	Now func() time.Time
	// MaxConns is how many connections the node opens at most; what needs one more waits. Default: pool_max_conns of the
	// URL, or 16.
	MaxConns int
	// AttemptTimeout limits one statement, with getting a connection for it, so that a server that hangs is noticed while
	// there is still time to try again. Default 4 s.
	AttemptTimeout time.Duration
	// ConnectTimeout limits one attempt to connect. Default: connect_timeout of the URL, or 3 s.
	ConnectTimeout time.Duration
	// CheckInterval is how long Check answers with the outcome of the last write before it writes again. Default 1 s.
	CheckInterval time.Duration
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 4 * time.Second
	}
	if c.CheckInterval == 0 {
		c.CheckInterval = time.Second
	}
	return c
}

// Driver is a store in a PostgreSQL database. Its methods may be called concurrently.
type Driver struct {
	cfg    Config
	pool   *pgxpool.Pool
	server string // for people: host and database

	stopWaiting context.CancelFunc
	waiting     sync.WaitGroup // for the server, after Open

	mu      sync.Mutex
	closed  bool
	unready error          // why the database cannot be used yet; nil once its schema has been seen
	calls   sync.WaitGroup // the calls in progress
	wrote   time.Time      // when the last write ended
	outcome error          // how
}

var _ driver.Driver = (*Driver)(nil)

// openPatience is how long Open waits for the database, and every attempt for a connection to it.
const openPatience = 5 * time.Second

// Open connects to the database that url names (postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the parameters that
// libpq knows) and brings its tables up to date. It fails only for what waiting cannot mend: a URL that makes no sense,
// refused credentials, a database that does not exist or that a newer Restante has written. A server that cannot be
// reached is waited for in the background, and a migration that takes long goes on there: Open returns after a few
// seconds, and operations fail with an error of class errs.Unavailable until the database is ready. The caller closes the
// Driver.
func Open(ctx context.Context, url string, cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	pool, server, err := newPool(url, cfg)
	if err != nil {
		return nil, err
	}
	cfg.Log = cfg.Log.With("database", server)
	d := &Driver{cfg: cfg, pool: pool, server: server}
	d.unready = &errs.Error{Code: errs.Unavailable, Msg: "the database is being prepared"}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopWaiting = stop
	first := make(chan error, 1)
	d.waiting.Go(func() { d.wait(background, first) })
	select {
	case err = <-first:
	case <-ctx.Done():
		err = &finalError{ctx.Err()}
	case <-time.After(openPatience):
		d.cfg.Log.Warn("preparing the database takes long; going on in the background")
	}
	if final(err) {
		return nil, errors.Join(err, d.Close())
	}
	registerMetrics(cfg.Metrics, pool)
	return d, nil
}

// wait prepares the database as soon as that is possible. It reports the outcome of the first attempt, and ends with it
// if it is final.
func (d *Driver) wait(ctx context.Context, first chan<- error) {
	said := ""
	for pause := 250 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := d.prepare(ctx)
		if ctx.Err() != nil {
			return
		}
		d.mu.Lock()
		d.unready = err
		d.mu.Unlock()
		if first != nil {
			first <- err
			first = nil
			if final(err) {
				return
			}
		}
		switch {
		case err == nil && said != "":
			d.cfg.Log.Info("the database is ready")
			return
		case err == nil:
			return
		case err.Error() != said:
			said = err.Error()
			d.cfg.Log.Warn("the database cannot be used yet; waiting for it", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// prepare looks at the server and brings the schema up to date, which takes as long as it takes.
func (d *Driver) prepare(ctx context.Context) error {
	var conn *pgxpool.Conn
	err := d.within(ctx, openPatience, func(ctx context.Context) (err error) {
		if conn, err = d.pool.Acquire(ctx); err != nil {
			return err
		}
		return d.inspect(ctx, conn.Conn())
	})
	if conn != nil {
		defer conn.Release()
	}
	if err != nil {
		return err
	}
	return d.classify(migrate(ctx, conn.Conn(), d.cfg.Log))
}

// begin registers a call, so that Close waits for it. Whoever gets no error calls d.calls.Done at the end.
func (d *Driver) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return &errs.Error{Code: errs.Unavailable, Msg: "the store is closed"}
	}
	if d.unready != nil {
		return &transient{d.unready}
	}
	d.calls.Add(1)
	return nil
}

// Close implements driver.Driver.
func (d *Driver) Close() error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.stopWaiting()
	d.waiting.Wait()
	d.calls.Wait()
	d.pool.Close()
	return nil
}
