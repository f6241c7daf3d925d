package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
)

// One commit takes what is waiting, up to these bounds; the first request always.
const (
	maxGroupMessages = 2048
	maxGroupBytes    = 8 << 20
)

// request is one caller's share of a commit. After it has been queued, only the writer changes it, until done.
type request struct {
	batch     []chat.Message // never changed: a commit that failed may be tried again
	restore   bool           // the batch has its numbers and times
	ids       [][16]byte     // of batch
	stored    []chat.Message
	fresh     int
	abandoned atomic.Bool // nobody waits any more: what has not been begun need not be
	done      chan error  // buffered
}

func newRequest(batch []chat.Message) (*request, error) {
	r := &request{batch: slices.Clone(batch), ids: make([][16]byte, len(batch)), done: make(chan error, 1)}
	for i := range batch {
		if err := decodeID(&r.ids[i], batch[i].ID); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// newProbe returns a request that only finds out whether the database takes writes.
func newProbe() *request { return &request{done: make(chan error, 1)} }

func (r *request) bytes() int {
	n := 0
	for i := range r.batch {
		n += len(r.batch[i].Msg)
	}
	return n
}

// writer is the only one that writes to the database. Its fields without a lock belong to its goroutine.
type writer struct {
	cfg     Config
	file    *file
	metrics metrics
	queue   chan *request
	stopped chan struct{}

	db      *sql.DB // nil while not connected
	tx      *statements
	rooms   map[string]*counter // as committed; forgotten when a commit fails
	changed []*counter          // by the transaction in hand

	mu   sync.Mutex
	last time.Time // of the last commit, successful or not
	err  error     // its outcome
}

func newWriter(f *file, cfg Config) *writer {
	return &writer{
		cfg: cfg, file: f,
		queue: make(chan *request, maxGroupMessages), stopped: make(chan struct{}),
	}
}

// start begins to serve the queue; stop ends it.
func (w *writer) start(m metrics) {
	w.metrics = m
	go func() {
		defer close(w.stopped)
		for first := range w.queue {
			w.commit(w.gather(first))
		}
	}()
}

// stop writes what is queued, checkpoints and disconnects. No request may be sent any more.
func (w *writer) stop() error {
	close(w.queue)
	<-w.stopped
	if w.db == nil {
		return nil
	}
	_, err := w.tx.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	if err = w.file.classify(err); errs.CodeOf(err) == errs.Unavailable {
		err = nil // no space to copy the log: it stays beside the file, complete, and is read at the next start
	}
	return errors.Join(err, w.disconnect())
}

// do has r written and waits for the commit, or until ctx is done; then the commit in flight goes on.
func (w *writer) do(ctx context.Context, r *request) error {
	select {
	case w.queue <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		r.abandoned.Store(true)
		return ctx.Err()
	}
}

// gather adds to first what else is waiting.
func (w *writer) gather(first *request) []*request {
	group := []*request{first}
	messages, bytes := len(first.batch), first.bytes()
	for messages < maxGroupMessages && bytes < maxGroupBytes {
		select {
		case r, ok := <-w.queue:
			if !ok {
				return group
			}
			group = append(group, r)
			messages += len(r.batch)
			bytes += r.bytes()
		default:
			return group
		}
	}
	return group
}

// commit writes a group in one transaction and answers its callers. When the fault may be in the data of one of them, a
// damaged page or a log that does not fit, each gets a transaction of its own, so that it fails alone.
func (w *writer) commit(group []*request) {
	group = slices.DeleteFunc(group, func(r *request) bool { return r.abandoned.Load() })
	if len(group) == 0 {
		return
	}
	start := time.Now()
	err := w.transact(group)
	code := errs.CodeOf(err)
	if len(group) > 1 && (code == errs.Internal || code == errs.Conflict) {
		for i := range group {
			w.commit(group[i : i+1 : i+1])
		}
		return
	}
	w.metrics.observe(group, time.Since(start))

	if code != errs.Conflict { // which says nothing about the database
		w.mu.Lock()
		w.last, w.err = time.Now(), err
		w.mu.Unlock()
	}
	for _, r := range group {
		r.done <- err
	}
}

// outcome returns how the last commit ended and when.
func (w *writer) outcome() (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last, w.err
}

// transact writes a group, all or nothing. After a failure it drops the connection, whatever state that is in, and the
// next transaction begins with a new one: so service resumes by itself when the cause has gone.
func (w *writer) transact(group []*request) error {
	ctx := context.Background() // a commit is not one caller's to cancel
	err := w.file.present()
	if err == nil && w.db == nil {
		err = w.connect(ctx)
	}
	if err == nil {
		err = w.write(ctx, group)
	}
	if err != nil {
		err = w.file.classify(errors.Join(err, w.disconnect()))
	}
	return err
}

// connect opens the writing connection and brings the schema up to date.
func (w *writer) connect(ctx context.Context) error {
	db, err := w.file.open(w.cfg.BusyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-32768)",
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages), "journal_size_limit(67108864)")
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	var tx *statements
	if err == nil {
		if err = w.file.migrate(ctx, conn, w.cfg.Log); err == nil {
			tx, err = prepare(ctx, conn)
		} else {
			err = errors.Join(err, conn.Close())
		}
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	w.db, w.tx, w.rooms = db, tx, map[string]*counter{}
	return nil
}

// disconnect closes the connection, which rolls back what was not committed.
func (w *writer) disconnect() error {
	if w.db == nil {
		return nil
	}
	err := errors.Join(w.tx.close(), w.db.Close())
	w.db, w.tx, w.rooms, w.changed = nil, nil, nil, nil
	return err
}
