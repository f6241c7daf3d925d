// Package postgres is the store driver of many machines: all rooms in one PostgreSQL database, which any number of nodes
// append to and read from. In the journey, Persist appends to it, and every reader that catches up reads from it.
//
// # The promise
//
// A batch is one call of the function restante.append (migrations/0003_partitions.sql), and so one statement and one
// transaction: it locks the rooms' counters in name order, drops the messages that are stored already, numbers the rest
// and inserts them. A statement that failed has stored nothing. One whose answer was lost may have stored all; the same
// batch again finds its ids. The commit is on the server's stable storage before it is answered: the driver corrects a
// session with synchronous_commit=off, and warns of a server with fsync=off.
//
// # Waiting
//
// The driver waits for a server that cannot be reached: operations fail with a class that says so until it answers, and the
// pool connects again by itself. Nothing waits without a limit: not for a connection, an answer or a lock.
package postgres

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
	"restante/internal/inflight"
	"restante/internal/retry"
	"restante/internal/store/driver"
)

// Config configures a Driver. The zero value is ready to use.
type Config struct {
	driver.Config
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// MaxConns is how many connections the node opens at most; an operation that needs one more waits. Default:
	// pool_max_conns of the URL, or 16.
	MaxConns int
	// AttemptTimeout limits one statement, with getting a connection for it, so that a server that hangs is noticed while
	// there is still time to try again. Default 4 s.
	AttemptTimeout time.Duration
	// ConnectTimeout limits one attempt to connect. Default: connect_timeout of the URL, or 3 s.
	ConnectTimeout time.Duration
}

func (c Config) withDefaults() Config {
	c.Config = c.WithDefaults()
	if c.AttemptTimeout == 0 {
		c.AttemptTimeout = 4 * time.Second
	}
	return c
}

// Driver is a store in a PostgreSQL database. Its methods may be called concurrently.
type Driver struct {
	cfg    Config
	pool   *pgxpool.Pool
	server string // host and database, for logs and errors

	stopWaiting context.CancelFunc
	waiting     sync.WaitGroup // the goroutine that waits for the server

	calls inflight.Calls

	health *driver.Health
	prober *prober

	mu      sync.Mutex
	unready error // why the database cannot be used yet; nil once its schema has been checked
}

var _ driver.Driver = (*Driver)(nil)

// openTimeout is how long Open waits for the database, and every attempt to prepare it for a connection.
const openTimeout = 5 * time.Second

// Open connects to the database that url names (postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the parameters that
// libpq knows) and brings its tables up to date. It fails only if waiting is useless: for a URL that makes no sense, refused
// credentials, a database that does not exist or that needs a newer version of Restante. A server that cannot be reached
// and a migration that takes long hold up no start: Open returns after a few seconds and goes on in the background, and
// operations fail with an error of class errs.Unavailable until the database is ready. The caller closes the Driver.
func Open(ctx context.Context, url string, cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	pool, server, err := newPool(url, cfg)
	if err != nil {
		return nil, err
	}
	cfg.Log = cfg.Log.With("database", server)
	d := &Driver{cfg: cfg, pool: pool, server: server, prober: newProber()}
	d.health = driver.NewHealth(cfg.CheckInterval, d.probe)
	d.unready = &errs.Error{Code: errs.Unavailable, Msg: "the database is being prepared"}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopWaiting = stop
	first := make(chan error, 1)
	d.waiting.Go(func() { d.wait(background, first) })
	select {
	case err = <-first:
	case <-ctx.Done():
		err = &finalError{ctx.Err()}
	case <-time.After(openTimeout):
		d.cfg.Log.Warn("preparing the database takes long; going on in the background")
	}
	if final(err) {
		return nil, errors.Join(err, d.Close())
	}
	registerMetrics(cfg.Metrics, pool)
	return d, nil
}

// wait tries to prepare the database until that succeeds. It reports the outcome of the first attempt, and ends after it if
// that is final. Later it goes on also after a final error, as an operator may end its cause.
func (d *Driver) wait(ctx context.Context, first chan<- error) {
	logged := ""
	pauses := retry.NewBackoff(250*time.Millisecond, 2*time.Second)
	for {
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
		case err == nil && logged != "":
			d.cfg.Log.Info("the database is ready")
			return
		case err == nil:
			return
		case err.Error() != logged:
			logged = err.Error()
			d.cfg.Log.Warn("the database cannot be used yet; waiting for it", "error", err)
		}
		if pauses.Wait(ctx) != nil {
			return
		}
	}
}

// prepare checks the server and brings the schema up to date, however long that takes.
func (d *Driver) prepare(ctx context.Context) error {
	var conn *pgxpool.Conn
	err := d.within(ctx, openTimeout, func(ctx context.Context) (err error) {
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
	return d.classify(d.migrate(ctx, conn.Conn()))
}

// begin counts a call in, so that Close waits for it. A caller that gets no error calls d.calls.End at the end.
func (d *Driver) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.calls.Begin() {
		return driver.ErrClosed
	}
	d.mu.Lock()
	unready := d.unready
	d.mu.Unlock()
	if unready == nil {
		return nil
	}
	d.calls.End()
	if final(unready) {
		return unready
	}
	return &transient{unready}
}

// Close implements driver.Driver.
func (d *Driver) Close() error {
	d.calls.Close()
	d.stopWaiting()
	d.waiting.Wait()
	d.calls.Wait()
	d.pool.Close()
	return nil
}
