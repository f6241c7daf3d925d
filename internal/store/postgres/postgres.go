// Package postgres is the store driver of many machines: all rooms in one PostgreSQL database, which any number of nodes
// append to and read from. In the journey, Persist appends to it, and every reader that catches up reads from it.
//
// # The promise
//
// A batch is one call of the function restante.append (migrations/0005_senders.sql), and so one statement and one
// transaction: it locks the rooms' counters in name order, drops the messages that are stored already, numbers the rest
// and inserts them. A statement that failed has stored nothing. One whose answer was lost may have stored all; the same
// batch again finds its ids. The commit is on the server's stable storage before it is answered: the driver corrects a
// session with synchronous_commit=off, and warns of a server with fsync=off.
//
// # Epochs
//
// The driver works in terms: a term begins when the database is known to be the right one, and ends when a new connection, or an
// answer, shows that it may be another one. Every read and every append names the epoch of its term, and the database refuses
// it in another one.
//
// # Looking ids up
//
// The texts of all rooms have numbers that rise, and the index of ids is divided into segments of 2^17 numbers, so that ids of any form
// arrive in a small part of it. A segment is sealed when no transaction can add to it any more; then a node makes a filter of its ids
// and stores it, and all nodes that append read it. An id is looked up in the segments whose filters say "perhaps" and in all that the
// node knows no filter of. See filters.go for why no message is missed.
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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"restante/internal/inflight"
	"restante/internal/store/driver"
)

// Config configures a Driver. The zero value is ready to use.
type Config struct {
	driver.Config
	// Judge decides whether a database may be used. Default: none, and every database is used as it is. That is for tools.
	Judge driver.Judge
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
	cfg     Config
	pool    *pgxpool.Pool
	server  string              // host and database, for logs and errors
	readers *semaphore.Weighted // the connections that reads may use, in the order of their calls

	stopped     context.Context // done when Close has been called
	stopWaiting context.CancelFunc
	waiting     sync.WaitGroup // the goroutine that waits for the server
	sealing     sync.WaitGroup // the goroutines that keep the filters of terms

	calls inflight.Calls

	health *driver.Health
	prober *prober

	asked    chan struct{} // to look at the database again
	migrated bool          // the schema has been brought up to date; used by one goroutine

	mu      sync.Mutex
	term    *term         // nil: the database must not be used now
	unready error         // why it must not; nil in a term
	settled chan struct{} // closed when a term begins
	ended   *term         // the last one that has ended
}

var _ driver.Driver = (*Driver)(nil)

// openTimeout is how long Open waits for the database, and every attempt to prepare it for a connection.
const openTimeout = 5 * time.Second

// Open connects to the database that url names (postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the parameters that
// libpq knows) and brings its tables up to date. It fails only if waiting is useless: for a URL that makes no sense, refused
// credentials, a database that does not exist or that needs a newer version of Restante. A server that cannot be reached
// and a migration that takes long hold up no start: Open returns after a few seconds and goes on in the background, and
// operations fail with an error of class errs.Unavailable until the database is ready. Open does not wait for Config.Judge.
// The caller closes the Driver.
func Open(ctx context.Context, url string, cfg Config) (*Driver, error) {
	d, err := newDriver(url, cfg)
	if err != nil {
		return nil, err
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stopped, d.stopWaiting = background, stop
	first := make(chan error, 1)
	d.waiting.Go(func() { d.keep(background, first) })
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
	registerMetrics(cfg.Metrics, d)
	return d, nil
}

// newDriver returns a driver that has not connected yet.
func newDriver(url string, cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	d := &Driver{cfg: cfg, prober: newProber(), asked: make(chan struct{}, 1), settled: make(chan struct{}), unready: errPreparing}
	d.health = driver.NewHealth(cfg.CheckInterval, d.probe)
	var err error
	if d.pool, d.server, err = d.newPool(url); err != nil {
		return nil, err
	}
	d.cfg.Log = cfg.Log.With("database", d.server)
	size := d.pool.Config().MaxConns
	d.readers = semaphore.NewWeighted(int64(max(size-max(2, size/4), 1)))
	return d, nil
}

// prepare checks the server and brings the schema up to date, however long that takes.
func (d *Driver) prepare(ctx context.Context, conn *pgx.Conn) error {
	if err := d.within(ctx, openTimeout, func(ctx context.Context) error { return d.inspect(ctx, conn) }); err != nil {
		return err
	}
	return d.classify(d.migrate(ctx, conn))
}

// Close implements driver.Driver.
func (d *Driver) Close() error {
	d.calls.Close()
	d.stopWaiting()
	d.waiting.Wait()
	d.calls.Wait()
	d.sealing.Wait()
	d.pool.Close()
	return nil
}
