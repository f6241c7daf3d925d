package epoch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"restante/internal/peer"
)

// Store is what the judge needs of the driver of the database.
type Store interface {
	// Look asks the driver to look at the database again, and to ask the judge if something has changed. It does not block.
	Look()
	// SetMark replaces the mark old in the database by another one, in the present epoch. It changes nothing if the database has
	// another mark than old, which is no error.
	SetMark(ctx context.Context, old, mark string) error
}

// lookEvery is how often the database is looked at without a reason.
const lookEvery = time.Minute

// Run watches the other nodes and the broker's record, and renews the mark, until ctx is done. It returns nil then. Call it once.
func (j *Judge) Run(ctx context.Context, store Store) error {
	var parts sync.WaitGroup
	parts.Go(func() { j.watch(ctx, store) })
	parts.Go(func() { j.renewals(ctx, store) })
	parts.Wait()
	return nil
}

// watch looks at the database when another node asks about a state that this node has not seen, when the record becomes known or
// names another store, and about each minute.
func (j *Judge) watch(ctx context.Context, store Store) {
	tick := time.NewTicker(peer.Interval)
	defer tick.Stop()
	asked, lookedAt, looked := "", time.Now(), false
	_, known := j.cfg.Record.Store()
	for {
		question := j.question(time.Now())
		_, knows := j.cfg.Record.Store()
		changed := j.compareRecord(ctx)
		due := time.Since(lookedAt) >= lookEvery || question != "" && (question != asked || time.Since(lookedAt) >= peer.Expiry)
		if changed || due || knows != known || !looked && question != "" {
			store.Look()
			lookedAt, looked = time.Now(), true
		}
		asked, known = question, knows
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// question returns the state that another node has found and waits for this node to say what it finds, "" for none.
func (j *Judge) question(now time.Time) string {
	j.mu.Lock()
	mine, id, asked := j.at.String(), j.at.store, j.asked
	j.mu.Unlock()
	if !asked {
		return ""
	}
	nodes, _ := j.cfg.Nodes.Others(id, now)
	for i := range nodes {
		if told := nodes[i].Store; !told.Serves && told.Look != mine {
			return told.Look
		}
	}
	return ""
}

// compareRecord notes whether the record names another store than the one that this node works with, and reports whether that has
// changed.
func (j *Judge) compareRecord(ctx context.Context) (changed bool) {
	r, known := j.cfg.Record.Store()
	j.mu.Lock()
	defer j.mu.Unlock()
	var foreign error
	if known && j.asked {
		foreign = otherStore(&r, j.at.store)
	}
	if (foreign == nil) == (j.foreign == nil) {
		return false
	}
	j.foreign = foreign
	j.signal()
	if foreign != nil {
		j.cfg.Log.ErrorContext(ctx, "the broker belongs to another store now, this node takes no messages any more", slog.Any("error", foreign))
	} else {
		j.cfg.Log.InfoContext(ctx, "the broker belongs to the store of this node again")
	}
	return true
}

const (
	// askedWithin is how long a node that starts waits until the driver asks. It does not ask while the database is away.
	askedWithin = 500 * time.Millisecond
	// answeredWithin is how long a node that starts waits for the first answer.
	answeredWithin = 5 * time.Second
)

// First waits for the first answer to the driver, for some seconds at most, and returns the error of Check: a node whose database is
// not the one of the broker better does not start.
func (j *Judge) First(ctx context.Context) error {
	for _, step := range []struct {
		limit time.Duration
		over  func() bool
	}{
		{askedWithin, func() bool { return j.asked || j.answers }},
		{answeredWithin, func() bool { return !j.asked || j.answers }},
	} {
		limited, cancel := context.WithTimeout(ctx, step.limit)
		j.await(limited, step.over)
		cancel()
	}
	return j.Check()
}

// While calls run as long as the database is not known to be one that must not be used, and with known only once the database is
// known. It calls run with a context that ends when that is over, and again and again, until ctx is done. It returns nil then. An
// error of run, or its return before its context has ended, ends While, too.
func (j *Judge) While(ctx context.Context, known bool, run func(context.Context) error) error {
	may := func() bool { return j.refused == nil && j.foreign == nil && (!known || j.entered.ID != "") }
	for {
		if !j.await(ctx, may) {
			return nil
		}
		running, cancel := context.WithCancel(ctx)
		var watching sync.WaitGroup
		watching.Go(func() {
			j.await(running, func() bool { return !may() })
			cancel()
		})
		err := run(running)
		early := running.Err() == nil
		cancel()
		watching.Wait()
		if err != nil || early || ctx.Err() != nil {
			return err
		}
	}
}

// await waits for a condition, which is called with the lock. It returns false when ctx is done.
func (j *Judge) await(ctx context.Context, condition func() bool) bool {
	for {
		j.mu.Lock()
		is, changed := condition(), j.changed
		j.mu.Unlock()
		if is {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}
