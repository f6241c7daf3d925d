// Package sqlite is the store driver of one machine: all rooms in one SQLite file, written by one goroutine that commits
// for all waiting callers at once, read by a pool of connections in parallel. In the journey, Persist appends to it, and
// every reader that catches up reads from it.
//
// # Durability
//
// The journal is a write-ahead log with synchronous=FULL: a commit returns after the log has been synced, and a crash or
// power cut loses nothing that was committed. The writer copies the log into the database file (a checkpoint) whenever
// it has grown past 16 MiB: pages that were written many times meanwhile are copied once, and only the caller whose
// commit crosses that mark waits for it. Readers never wait for the writer, nor the writer for readers; a reader
// that is in the middle of a page can only postpone the part of a checkpoint that it still reads. Close checkpoints
// everything and empties the log, so that a closed store is one file, which can be copied.
//
// # Identity
//
// A store has an id and epochs. In SQLite an epoch ends only at Open, before anything is read. A random mark in the database file and
// in the file PATH.mark tells an older or incomplete copy of the files from the files: see marks and files.check. That file also says
// which store was served there: the rooms of another one begin the new epoch with 0, so that every older cursor reads from the
// beginning, see served.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/inflight"
	"restante/internal/store/driver"
)

// Config configures a Driver. The zero value is ready to use.
type Config struct {
	driver.Config
	// Readers is how many reads run at the same time; further ones wait. Default: twice the processors, at least 4.
	Readers int
	// BusyTimeout is how long a commit waits while another program (a backup, the sqlite3 shell) holds the database.
	// Default 1.5 s, so that a readiness check, which has 2 s, can say so.
	BusyTimeout time.Duration
	// MarkInterval is how often the mark is renewed that tells an older copy of the file from the file, while messages are
	// stored. Default 1 minute.
	MarkInterval time.Duration
	// Restored, when it is not empty, is why the file is not compared with the files beside it: an operator begins with what
	// there is. The epoch ends for this reason, a sentence without a full stop. Rooms begin the next one with their last numbers if
	// the file PATH.mark says that this store was served here before, and with 0 if not.
	Restored string
	// AsIs lets a tool read a copy of a database, such as a backup, without ending its epoch or giving it another mark.
	AsIs bool
	// carryStep is how many messages one step carries over. Default stepMessages; tests make it small.
	carryStep int
	// carrying is called by tests in each step of carrying over, before and after its commit.
	carrying func(committed bool) error
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.Config = c.WithDefaults()
	if c.Readers == 0 {
		c.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if c.BusyTimeout == 0 {
		c.BusyTimeout = 1500 * time.Millisecond
	}
	if c.carryStep == 0 {
		c.carryStep = stepMessages
	}
	if c.MarkInterval == 0 {
		c.MarkInterval = time.Minute
	}
	return c
}

// Driver is an open SQLite store. Its methods may be called concurrently.
type Driver struct {
	cfg     Config
	file    *file
	writer  *writer
	db      *sql.DB // the readers' pool
	reads   reads
	names   *senderNames
	borders borders
	anchor  *anchor
	who     atomic.Pointer[identity]

	calls inflight.Calls
	close func() error // closes once
}

var _ driver.Driver = (*Driver)(nil)

// Open opens the database file at path, and creates it, its directories (for its owner only) and its tables if they do
// not exist. It refuses a file that another process has open, that is damaged, that is no database of Restante, or that
// needs a newer version of Restante; errors are classified and name the file. The caller closes the Driver.
func Open(ctx context.Context, path string, cfg Config) (*Driver, error) {
	cfg = cfg.withDefaults()
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	d := &Driver{cfg: cfg, file: f, borders: newBorders()}
	d.close = sync.OnceValue(d.closeOnce)
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", f.classify(err)), f.close())
	}
	return d, nil
}

// start looks whether the files belong together, brings the schema up to date, and starts the writer.
func (d *Driver) start(ctx context.Context) (err error) {
	from, err := d.file.origin(ctx, d.cfg.Restored)
	if err != nil {
		return err
	}
	if d.anchor, err = d.file.drop(ctx); err != nil {
		return err
	}
	w := newWriter(d.file, d.cfg, driver.NewHealth(d.cfg.CheckInterval, d.probe))
	if from, err = w.update(ctx, from); err == nil {
		err = w.connect(ctx)
	}
	if err == nil {
		if err = w.begin(ctx, from); err == nil {
			err = d.startReaders(ctx)
		}
	}
	if err != nil {
		return errors.Join(err, w.disconnect(), d.anchor.close())
	}
	d.writer = w
	w.metrics.register(d.cfg.Metrics)
	w.start()
	return nil
}

func (d *Driver) startReaders(ctx context.Context) error {
	db, err := d.file.open(readOnly, d.cfg.BusyTimeout, "query_only(1)", "cache_size(-4096)")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(d.cfg.Readers)
	db.SetMaxIdleConns(d.cfg.Readers)
	var who *identity
	if d.reads, err = prepareReads(ctx, db); err == nil {
		if who, err = readIdentity(ctx, db); err == nil {
			err = d.anchor.hold(ctx)
		}
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	d.db, d.names = db, newNames(d.reads.name)
	d.who.Store(who)
	return nil
}

// begin counts a call in, so that Close waits for it. A caller that gets no error calls d.calls.End at the end.
func (d *Driver) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.calls.Begin() {
		return driver.ErrClosed
	}
	return nil
}

// Close implements driver.Driver. It waits for the calls in progress, and until the requests of callers that have given
// up are written. Further calls of Close return the same.
func (d *Driver) Close() error { return d.close() }

func (d *Driver) closeOnce() error {
	d.calls.Close()
	d.calls.Wait()

	d.writer.stop()
	left, err := d.writer.leave(context.Background())
	err = errors.Join(err, d.db.Close())
	if left {
		err = errors.Join(err, d.anchor.close(), d.writer.disconnect()) // the last one removes the -wal, which is empty
	} else {
		err = errors.Join(err, d.writer.disconnect(), d.anchor.close()) // the last one cannot write: the -wal stays
	}
	if err = errors.Join(err, d.file.close()); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}
