package epoch

import (
	"context"
	"log/slog"
	"time"

	"restante/internal/peer"
	"restante/internal/retry"
	"restante/internal/store/driver"
)

const (
	// renewEvery is how often the mark is renewed. A copy of the store that is older than two marks is noticed by its mark.
	renewEvery = time.Minute
	// renewSoon is for how long a mark is kept although a node starts.
	renewSoon = 10 * time.Second
	// renewLimit is how long a renewal may take.
	renewLimit = 30 * time.Second
	// leaveLimit is how long the renewal at the end of a node may take.
	leaveLimit = 3 * time.Second
)

// renewals renews the mark at the start of the node, when the database goes on with a mark that the record does not have, and
// each minute, if this node is the first of the living ones.
func (j *Judge) renewals(ctx context.Context, store Store) {
	tick := time.NewTicker(peer.Interval)
	defer tick.Stop()
	age, pauses, next := renewSoon, retry.NewBackoff(time.Second, renewEvery), time.Time{}
	for {
		if now := time.Now(); now.After(next) && j.renews(now, age) {
			if err := j.renew(ctx, store, age); err == nil {
				age = renewEvery
				pauses.Reset()
			} else if ctx.Err() == nil {
				next = now.Add(pauses.Next())
				j.cfg.Log.DebugContext(ctx, "the mark of the store is not renewed yet", slog.Any("error", err))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// renews reports whether this node renews the mark now.
func (j *Judge) renews(now time.Time, age time.Duration) bool {
	r, accepted, serves := j.serves()
	if !serves || accepted || age < renewEvery {
		return serves
	}
	nodes, _ := j.cfg.Nodes.Others(r.ID, now)
	first := len(nodes) == 0 || j.cfg.Nodes.Self().ID < nodes[0].ID
	return first && isOld(&r, now, age)
}

// serves returns the record, whether the epoch goes on with a mark that it does not have, and whether this node works with the store
// of the record.
func (j *Judge) serves() (r peer.StoreRecord, accepted, serves bool) {
	j.mu.Lock()
	id, held := j.entered.Store, j.held || j.foreign != nil
	accepted = j.accepted != nil
	j.mu.Unlock()
	r, known := j.cfg.Record.Store()
	return r, accepted, !held && known && r.ID == id
}

// isOld reports whether a mark is to be renewed. Clocks of nodes may differ.
func isOld(r *peer.StoreRecord, now time.Time, age time.Duration) bool {
	since := now.Sub(r.At)
	return since >= age || since <= -renewEvery
}

// renew makes a new mark if the present one is of that age.
func (j *Judge) renew(ctx context.Context, store Store, age time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, renewLimit)
	defer cancel()
	if err := j.admit(ctx, store); err != nil {
		return err
	}
	before, known := j.cfg.Record.Store()
	if !known || !isOld(&before, time.Now(), age) {
		return nil
	}
	_, _, err := j.replace(ctx, store, before, func() { j.spread(ctx, before.ID) })
	return err
}

// Leave renews the mark at the end of a node: a copy of the database that is older than its last message is foreign then, even if it
// takes the place of the database before another node starts. Call it when the node stores nothing any more and Run has returned,
// while the store and the broker are open. It does not wait for the other nodes: one that sees the new mark before it has the record
// reads that, and goes on. It blocks for some seconds at most. A mark that could not be renewed is as old as it is, so there is no
// error.
func (j *Judge) Leave(ctx context.Context, store Store) {
	ctx, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	if err := j.leave(ctx, store); err != nil {
		j.cfg.Log.DebugContext(ctx, "the mark of the store is not renewed at the end of this node", slog.Any("error", err))
	}
}

func (j *Judge) leave(ctx context.Context, store Store) error {
	if _, _, serves := j.serves(); !serves {
		return nil
	}
	if err := j.admit(ctx, store); err != nil {
		return err
	}
	r, _ := j.cfg.Record.Store()
	id := r.ID
	for done := false; !done && r.ID == id; { // another node may change the record at the same time
		var err error
		if r, done, err = j.replace(ctx, store, r, func() {}); err != nil {
			return err
		}
	}
	return nil
}

// replace makes a new mark in the place of the present one of a record: in the record first, which keeps the one before, then in
// the store, and then it drops the one before from the record. So the store's mark always is one of the record's, wherever that is
// interrupted, and afterwards a copy with the mark before is foreign. A mark that another node has made and not written into the
// store is written first. Between the record and the store it calls spread. It returns what the record says, and false if another node
// has changed that before: then it has made no mark.
func (j *Judge) replace(ctx context.Context, store Store, before peer.StoreRecord, spread func()) (r peer.StoreRecord, done bool, err error) {
	if len(before.Marks) > 1 {
		if err := store.SetMark(ctx, before.Marks[1], before.Marks[0]); err != nil {
			return before, false, err
		}
	}
	mark := driver.NewMark()
	r, err = j.cfg.Record.ChangeStore(ctx, func(r peer.StoreRecord) peer.StoreRecord {
		if !r.Equal(before) {
			return r
		}
		return r.With(mark, time.Now())
	})
	if err != nil || r.Marks[0] != mark {
		return r, false, err
	}
	spread()
	return r, true, j.settle(ctx, store, r)
}

// settle writes the present mark of a record into the store, and drops the one before from the record.
func (j *Judge) settle(ctx context.Context, store Store, r peer.StoreRecord) error {
	if len(r.Marks) < 2 {
		return nil
	}
	if err := store.SetMark(ctx, r.Marks[1], r.Marks[0]); err != nil {
		return err
	}
	_, err := j.cfg.Record.ChangeStore(ctx, func(now peer.StoreRecord) peer.StoreRecord {
		if !now.Equal(r) {
			return now
		}
		return peer.StoreRecord{ID: r.ID, Marks: r.Marks[:1:1], At: r.At}
	})
	return err
}

// admit writes the mark with which the epoch goes on into the record, as the one before the present one, and then the present one
// into the store.
func (j *Judge) admit(ctx context.Context, store Store) error {
	j.mu.Lock()
	accepted, id := j.accepted, j.entered.Store
	j.mu.Unlock()
	if accepted == nil {
		return nil
	}
	r, err := j.cfg.Record.ChangeStore(ctx, func(r peer.StoreRecord) peer.StoreRecord {
		if r.ID != id || r.Has(*accepted) || len(r.Marks) == 0 {
			return r
		}
		r.Marks = []string{r.Marks[0], *accepted}
		return r
	})
	if err == nil && r.ID == id && r.Marks[0] != *accepted {
		err = j.settle(ctx, store, r)
	}
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.accepted == accepted {
		j.accepted = nil
	}
	return nil
}

// spread waits until every node has heard of the record, so that the new mark is not foreign to it. It is the time in which
// heartbeats are heard.
func (j *Judge) spread(ctx context.Context, id string) {
	if nodes, all := j.cfg.Nodes.Others(id, time.Now()); all && len(nodes) == 0 {
		return
	}
	_ = retry.Sleep(ctx, peer.Expiry)
}
