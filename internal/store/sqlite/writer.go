package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/revocation"
	"restante/internal/store/driver"
)

// One commit takes what is waiting, up to these bounds; the first request always.
const (
	maxGroupMessages = 2048
	maxGroupBytes    = 8 << 20
)

// writeFunc writes one request in the transaction of a group, at the time now, in microseconds.
type writeFunc func(w *writer, ctx context.Context, r *request, now int64) error

// request is one caller's share of a commit. After it has been queued, only the writer changes it, until done.
type request struct {
	write     writeFunc
	batch     []chat.Message // never changed: a commit that failed may be tried again
	ids       [][16]byte     // of batch
	on        *driver.Switch // of switchOn
	revoked   []revocation.Entry
	appends   bool // whether it says how appends go, see driver.Health
	probe     bool // whether it is a probe, which gets a commit of its own
	size      int  // of a probe, in bytes
	stored    []chat.Message
	fresh     int
	conflicts []int
	abandoned atomic.Bool // the caller waits no longer: if the request has not begun, it is dropped
	done      chan error  // buffered: one element
}

func newRequest(write writeFunc) *request { return &request{write: write, done: make(chan error, 1)} }

// take copies messages into the request. It returns an error of class errs.Invalid if one of them has no valid id.
func (r *request) take(messages []chat.Message) error {
	r.batch, r.ids = slices.Clone(messages), make([][16]byte, len(messages))
	for i := range messages {
		if err := decodeID(&r.ids[i], messages[i].ID); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) bytes() int {
	n := 0
	for i := range r.batch {
		n += len(r.batch[i].Msg)
	}
	return n
}

// writer makes all writes to the database, on one goroutine. Only that goroutine uses the fields without a lock.
type writer struct {
	cfg     Config
	file    *file
	metrics metrics
	watch   walWatch
	queue   chan *request
	stopped chan struct{}

	db      *sql.DB // nil while not connected
	tx      *statements
	rooms   map[string]*counter // as committed; dropped when a commit fails
	changed []*counter          // by the transaction in progress
	senders map[string]int64    // their numbers; dropped when a commit fails
	names   *senderNames        // of senders, also of those of the transaction in progress; dropped when a commit fails
	next    int64               // number of the next text
	ids     *segments           // nil until the first connection
	rows    []row               // that the transaction in progress has yet to insert
	args    []any               // of the statement in progress
	maybe   []int               // segments that perhaps have an id
	marks   marks               // as in the file of marks
	due     bool                // the database has not got its mark of this start yet
	fresh   bool                // something was stored since the mark was renewed
	salt    walSalt             // of the -wal that has the mark
	asIs    bool                // the mark stays as it is, see Config.AsIs

	health *driver.Health
}

func newWriter(f *file, cfg Config, health *driver.Health) *writer {
	return &writer{
		cfg: cfg, file: f, health: health, metrics: newMetrics(f.path), watch: walWatch{path: f.path, log: cfg.Log, limit: walLimit},
		queue: make(chan *request, maxGroupMessages), stopped: make(chan struct{}),
	}
}

// start begins to serve the queue; stop ends it.
func (w *writer) start() {
	go func() {
		defer close(w.stopped)
		renew, watch := time.NewTicker(w.cfg.MarkInterval), time.NewTicker(watchInterval)
		defer renew.Stop()
		defer watch.Stop()
		for {
			select {
			case first, ok := <-w.queue:
				if !ok {
					return
				}
				group, probes := apart(w.gather(first))
				w.commit(group)
				w.commit(probes)
				w.carryMark()
			case <-renew.C:
				w.renewMark()
			case <-watch.C:
				w.watch.look()
			}
		}
	}()
}

// stop writes what is queued. After it has begun, no request may be sent.
func (w *writer) stop() {
	close(w.queue)
	<-w.stopped
}

// do queues r and waits for its commit. If ctx ends first, do returns its error, and the commit in flight goes on.
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

// gather returns first and the requests that are waiting behind it, up to the bounds of one commit.
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

// apart takes the probes out of a group: appends must not fail with them.
func apart(group []*request) (others, probes []*request) {
	for _, r := range group {
		if r.probe {
			probes = append(probes, r)
		}
	}
	if len(probes) == 0 {
		return group, nil
	}
	return slices.DeleteFunc(group, func(r *request) bool { return r.probe }), probes
}

// commit writes a group in one transaction and answers its callers. If the fault may be in the data of one request (a
// damaged page, a log that does not fit), each request gets a transaction of its own, so that only that one fails.
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

	w.report(group, err)
	for _, r := range group {
		r.done <- err
	}
}

// report tells how the appends of a group went.
func (w *writer) report(group []*request, err error) {
	var batch []chat.Message
	appends := false
	for _, r := range group {
		if appends = appends || r.appends; r.appends && err != nil {
			batch = append(batch, r.batch...)
		}
	}
	switch {
	case !appends:
	case err == nil:
		w.health.Succeeded()
	default:
		w.health.Failed(batch, err)
	}
}

// transact writes a group, all or nothing. After a failure it drops the connection, in whatever state that is, and the
// next transaction opens a new one, so that service resumes by itself after the cause has ended.
func (w *writer) transact(group []*request) error {
	ctx := context.Background() // a commit belongs to several callers: none of them may cancel it
	err := w.file.present()
	if err == nil && w.db == nil {
		err = w.connect(ctx)
	}
	if err == nil && w.due {
		err = w.enter(ctx, "")
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
	db, err := w.file.open(readWrite, w.cfg.BusyTimeout, writePragmas...)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	w.db, w.tx, w.rooms, w.senders = db, &statements{conn: conn}, map[string]*counter{}, map[string]int64{}
	if err = w.file.migrate(ctx, conn, w.cfg.Log); err == nil {
		if err = w.tx.prepareAll(ctx); err == nil {
			w.names = newNames(w.tx.name)
			err = w.openSegments(ctx, conn)
		}
	}
	if err != nil {
		return errors.Join(err, w.disconnect())
	}
	return nil
}

// write makes one transaction.
func (w *writer) write(ctx context.Context, group []*request) error {
	if _, err := w.tx.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	now := w.cfg.Now().UnixMicro()
	for _, r := range group {
		if err := r.write(w, ctx, r, now); err != nil {
			return err
		}
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	if err := w.ids.save(ctx, func(ctx context.Context, args ...any) error { return exec(ctx, w.tx.addBits, args...) }); err != nil {
		return err
	}
	for _, c := range w.changed {
		if _, err := w.tx.moveRoom.ExecContext(ctx, c.seq, c.storedAt, c.room); err != nil {
			return fmt.Errorf("advance room: %w", err)
		}
		c.changed = false
	}
	if _, err := w.tx.commit.ExecContext(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.fresh = w.fresh || len(w.changed) > 0
	w.changed = w.changed[:0]
	if w.ids.turned {
		w.metrics.filters.Set(float64(w.ids.known.Bytes()))
	}
	w.ids.committed()
	if len(w.rooms) > maxCounters {
		clear(w.rooms)
	}
	if len(w.senders) > maxSenders {
		clear(w.senders)
	}
	return nil
}

// disconnect closes the connection, which rolls back what was not committed.
func (w *writer) disconnect() error {
	if w.db == nil {
		return nil
	}
	err := errors.Join(w.tx.close(), w.db.Close())
	w.db, w.tx, w.rooms, w.changed, w.senders, w.names = nil, nil, nil, nil, nil, nil
	w.forget()
	return err
}
