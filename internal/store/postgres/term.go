package postgres

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/inflight"
	"restante/internal/store/driver"
	"restante/internal/store/idfilter"
)

// term is a stretch of time in which the driver works with one database in one epoch.
type term struct {
	epoch       chat.Epoch
	fingerprint string
	mark        string                       // as it was seen or written last; under Driver.mu
	filters     atomic.Pointer[idfilter.Set] // of the sealed segments of this database
	keeping     sync.Once                    // starts keepFilters

	ctx   context.Context // ends with the term
	over  context.CancelFunc
	calls inflight.Calls // closed at the end of the term
}

// begin counts a call in, so that Close and the end of the term wait for it. A caller that gets no error calls end.
func (d *Driver) begin(ctx context.Context) (*term, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !d.calls.Begin() {
		return nil, driver.ErrClosed
	}
	if t, err := d.present(); err != nil {
		d.calls.End()
		return nil, err
	} else if t.calls.Begin() {
		return t, nil
	}
	d.calls.End()
	return nil, &transient{errHeld}
}

// end counts a call out that begin has counted in.
func (d *Driver) end(t *term) {
	t.calls.End()
	d.calls.End()
}

// present returns the present term, or why there is none.
func (d *Driver) present() (*term, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.term != nil || final(d.unready) {
		return d.term, d.unready
	}
	return nil, &transient{d.unready}
}

// Epoch implements driver.Driver.
func (d *Driver) Epoch() (chat.Epoch, error) {
	t, err := d.present()
	if err != nil {
		return chat.Epoch{}, err
	}
	return t.epoch, nil
}

// attempt runs one operation of a term within Config.AttemptTimeout. It is given up when the term ends, and ends the term if the
// database says that the epoch has ended.
func (d *Driver) attempt(ctx context.Context, t *term, f func(context.Context) error) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(t.ctx, cancel)
	defer stop()
	err := d.within(running, d.cfg.AttemptTimeout, f)
	switch {
	case err == nil:
		return nil
	case state(err) == endedEpoch:
		d.hold(t, "the epoch has ended")
	case state(err) == olderNumbers:
		t.filters.Store(&idfilter.Set{})
	case ctx.Err() == nil && t.ctx.Err() != nil:
		return &transient{errHeld}
	}
	return err
}

// errPreparing is the error of all calls until the first attempt to prepare the database has ended.
var errPreparing error = &errs.Error{Code: errs.Unavailable, Msg: "the database is being prepared"}

// errHeld is the error of all calls while the driver finds out whether it may use the database.
var errHeld error = &errs.Error{Code: errs.Unavailable, Msg: "the database is not known to be the one that it was; it is being looked at"}

// hold ends a term because of what was seen. It does not block.
func (d *Driver) hold(t *term, why string) {
	if d.leave(t) {
		d.cfg.Log.Warn("the database may be another one; nothing is read or stored until it has been looked at", "why", why, "epoch", t.epoch.ID)
	}
}

// leave ends a term, unless it has ended: calls in progress are given up, and later ones fail until the database has been looked at.
// It does not block.
func (d *Driver) leave(t *term) bool {
	d.mu.Lock()
	if d.term != t {
		d.mu.Unlock()
		return false
	}
	d.term, d.unready, d.ended, d.settled = nil, errHeld, t, make(chan struct{})
	d.mu.Unlock()
	t.calls.Close()
	t.over()
	d.pool.Reset()
	d.Look()
	return true
}

// enter begins a term.
func (d *Driver) enter(s sight) {
	t := &term{epoch: s.epoch, fingerprint: s.fingerprint, mark: s.mark}
	t.filters.Store(&idfilter.Set{})
	t.ctx, t.over = context.WithCancel(context.Background())
	d.mu.Lock()
	d.term, d.unready = t, nil
	close(d.settled)
	d.mu.Unlock()
	if d.cfg.Judge != nil {
		d.cfg.Judge.Entered(s.epoch)
	}
}

// await blocks until the driver is in a term.
func (d *Driver) await(ctx context.Context) error {
	d.mu.Lock()
	settled := d.settled
	d.mu.Unlock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// termKey is the key of the term of a connection in its custom data.
const termKey = "restante.term"

// compare sets up a new connection of the pool, and compares the database that it has reached with that of the term. If they
// differ it ends the term.
func (d *Driver) compare(ctx context.Context, conn *pgx.Conn) error {
	t, err := d.present()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.AttemptTimeout)
	defer cancel()
	s, err := see(ctx, conn)
	if err != nil {
		return err
	}
	why, err := d.difference(ctx, t, s, &questions{d: d, conn: conn}, 1)
	if err != nil {
		return err
	}
	if why != "" {
		d.hold(t, why)
		return &transient{errHeld}
	}
	conn.PgConn().CustomData()[termKey] = t
	return nil
}

// isOfTerm lets the pool use a connection only in the term in which it was compared.
func (d *Driver) isOfTerm(_ context.Context, conn *pgx.Conn) (bool, error) {
	t, err := d.present()
	return err == nil && conn.PgConn().CustomData()[termKey] == t, err
}

// difference returns how a database differs from that of a term, or "". It looks for what the judge remembers of the rooms with
// the newest messages, at most so many rooms.
func (d *Driver) difference(ctx context.Context, t *term, s sight, q *questions, rooms int) (string, error) {
	switch {
	case s.epoch.Store != t.epoch.Store:
		return "it is another store", nil
	case s.epoch.ID != t.epoch.ID:
		return "it is in another epoch", nil
	case s.fingerprint != t.fingerprint:
		return "it has another fingerprint", nil
	case d.cfg.Judge == nil:
		return "", nil
	}
	d.mu.Lock()
	unmarked := t.mark == "" && s.mark == ""
	d.mu.Unlock()
	if !unmarked && !d.cfg.Judge.KnowsMark(s.mark) {
		return "its mark is not known", nil
	}
	d.marked(t, s.mark)
	seen := d.cfg.Judge.Remembered(t.epoch.ID, rooms)
	if len(seen) == 0 {
		return "", nil
	}
	gone, err := q.missing(ctx, seen)
	if err != nil || len(gone) == 0 {
		return "", err
	}
	return "it lacks a message that this node has stored or delivered", nil
}

func (d *Driver) marked(t *term, mark string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.mark = mark
}
