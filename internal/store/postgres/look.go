package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/retry"
	"restante/internal/store/driver"
)

// sight is what a database shows of itself to a connection.
type sight struct {
	epoch       chat.Epoch
	fingerprint string
	confirmed   string // the fingerprint that nodes have confirmed for the epoch
	mark        string
}

// selectSight makes the settings of the session, too: one round trip for each new connection.
const selectSight = `SELECT (` + settings + `), s.id::text, s.epoch, s.epoch = (SELECT e.id FROM restante.epochs e ORDER BY e.number LIMIT 1),
	restante.fingerprint(), s.fingerprint, s.mark FROM restante.store s`

func see(ctx context.Context, conn *pgx.Conn) (s sight, err error) {
	var made []string
	err = conn.QueryRow(ctx, selectSight, pgx.QueryExecModeSimpleProtocol).
		Scan(&made, &s.epoch.Store, &s.epoch.ID, &s.epoch.First, &s.fingerprint, &s.confirmed, &s.mark)
	return s, err
}

// Look asks the driver to compare the database with what it knows. It does not block.
func (d *Driver) Look() {
	select {
	case d.asked <- struct{}{}:
	default:
	}
}

// keep brings the driver into a term and, whenever one has ended, into the next. It sends the outcome of the first attempt to
// prepare the database, and returns after it if that is final. Later it goes on also after a final error, as an operator may end
// its cause.
func (d *Driver) keep(ctx context.Context, first chan<- error) {
	for {
		if t, _ := d.present(); t != nil {
			d.glance(ctx, t)
		} else if d.settle(ctx, first) != nil {
			return
		}
		first = nil
		select {
		case <-d.asked:
		case <-ctx.Done():
			return
		}
	}
}

// settle looks at the database until it may be used. It returns an error if ctx ends or waiting is useless.
func (d *Driver) settle(ctx context.Context, first chan<- error) error {
	d.mu.Lock()
	ended := d.ended
	d.mu.Unlock()
	if ended != nil {
		ended.calls.Wait() // what they have stored is known before the database is judged
	}
	var once sync.Once
	outcome := func(err error) {
		if first != nil {
			once.Do(func() { first <- err })
		}
	}
	logged := ""
	pauses := retry.NewBackoff(250*time.Millisecond, 2*time.Second)
	for attempt := 0; ; attempt++ {
		err := d.look(ctx, outcome)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			d.mu.Lock()
			d.unready = err
			d.mu.Unlock()
		}
		outcome(err)
		switch {
		case err == nil && logged != "":
			d.cfg.Log.Info("the database is ready")
			return nil
		case err == nil:
			return nil
		case first != nil && attempt == 0 && final(err):
			return err
		case errors.Is(err, errChanged):
			continue
		case err.Error() != logged:
			logged = err.Error()
			d.cfg.Log.Warn("the database cannot be used yet; waiting for it", "error", err)
		}
		if err := pauses.Wait(ctx); err != nil {
			return err
		}
	}
}

// errChanged says that the database has changed while it was looked at.
var errChanged error = &errs.Error{Code: errs.Unavailable, Msg: "the database has changed while it was looked at"}

// look prepares the database, asks the judge about it, does what that says, and begins a term. It calls prepared before it asks.
func (d *Driver) look(ctx context.Context, prepared func(error)) error {
	conn, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer d.disconnect(ctx, conn)
	if err := d.prepare(ctx, conn); err != nil {
		return err
	}
	var s sight
	if err := d.within(ctx, openTimeout, func(ctx context.Context) (err error) { s, err = see(ctx, conn); return err }); err != nil {
		return err
	}
	if d.cfg.Judge != nil {
		d.mu.Lock()
		if errors.Is(d.unready, errPreparing) {
			d.unready = errHeld
		}
		d.mu.Unlock()
		prepared(nil)
		if s, err = d.judge(ctx, conn, s); err != nil {
			return err
		}
	}
	d.enter(s)
	return nil
}

// judge asks the judge about what was seen, and does what that says. It returns what is in the database then.
func (d *Driver) judge(ctx context.Context, conn *pgx.Conn, s sight) (sight, error) {
	l := driver.Look{Epoch: s.epoch, Fingerprint: s.fingerprint, Confirmed: s.confirmed, Mark: s.mark}
	q := &questions{d: d, conn: conn, mark: s.mark}
	l.Missing, l.Had = q.missing, q.had
	err := d.within(ctx, openTimeout, func(ctx context.Context) (err error) {
		if l.Epochs, err = query(ctx, conn, pgx.RowTo[string], "SELECT id FROM restante.epochs ORDER BY number"); err != nil {
			return err
		}
		return conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM restante.rooms WHERE last_seq > 0)").Scan(&l.Messages)
	})
	if err != nil {
		return s, err
	}
	v, err := d.cfg.Judge.Judge(ctx, l)
	q.close()
	switch {
	case err != nil && errs.CodeOf(err) == errs.Internal:
		return s, errs.Wrap(errs.Unavailable, err, "the database is not known to be the one that it was")
	case err != nil:
		return s, fmt.Errorf("the database must not be used: %w", err)
	case v.End != "":
		return d.endEpoch(ctx, conn, s, v)
	case s.confirmed == s.fingerprint:
		return s, nil
	}
	return s, d.within(ctx, openTimeout, func(ctx context.Context) error {
		done, err := conn.Exec(ctx, "UPDATE restante.store SET fingerprint = $1 WHERE id = $2 AND epoch = $3 AND fingerprint = $4",
			s.fingerprint, s.epoch.Store, s.epoch.ID, s.confirmed)
		if err == nil && done.RowsAffected() == 0 {
			return errChanged // by another node, maybe in the same way
		}
		return err
	})
}

// glance compares the database with that of the term over a new connection, as soon as it can be reached. If they differ it
// ends the term.
func (d *Driver) glance(ctx context.Context, t *term) {
	pauses := retry.NewBackoff(250*time.Millisecond, 2*time.Second)
	for now, _ := d.present(); now == t; now, _ = d.present() {
		why, err := d.compareAnew(ctx, t)
		if err == nil {
			if why != "" {
				d.hold(t, why)
			}
			return
		}
		if pauses.Wait(ctx) != nil {
			return
		}
	}
}

func (d *Driver) compareAnew(ctx context.Context, t *term) (why string, err error) {
	conn, err := d.connect(ctx)
	if err != nil {
		return "", err
	}
	defer d.disconnect(ctx, conn)
	var s sight
	err = d.within(ctx, openTimeout, func(ctx context.Context) error { s, err = see(ctx, conn); return err })
	if err != nil {
		return "", err
	}
	return d.difference(ctx, t, s, &questions{d: d, conn: conn}, math.MaxInt)
}
