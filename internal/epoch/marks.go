package epoch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"time"

	"restante/internal/peer"
	"restante/internal/retry"
)

const (
	// renewEvery is how often the mark is renewed. A copy of the store that is older than two marks is noticed by its mark.
	renewEvery = time.Minute
	// renewSoon is for how long a mark is kept although a node starts.
	renewSoon = 10 * time.Second
	// renewLimit is how long a renewal may take.
	renewLimit = 30 * time.Second
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
	j.mu.Lock()
	id, serves, accepted := j.entered.Store, !j.held && j.foreign == nil, j.accepted != nil
	j.mu.Unlock()
	r, known := j.cfg.Record.Store()
	if !serves || !known || r.ID != id {
		return false
	}
	if accepted || age < renewEvery {
		return true
	}
	nodes, _ := j.cfg.Nodes.Others(id, now)
	first := len(nodes) == 0 || j.cfg.Nodes.Self().ID < nodes[0].ID
	return first && isOld(&r, now, age)
}

// isOld reports whether a mark is to be renewed. Clocks of nodes may differ.
func isOld(r *peer.StoreRecord, now time.Time, age time.Duration) bool {
	since := now.Sub(r.At)
	return since >= age || since <= -renewEvery
}

// renew makes a new mark if the present one is of that age: in the record first, and then in the store, so that the store's mark
// always is one of the two of the record. A mark that another node has made and not written into the store is written first.
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
	if len(before.Marks) > 1 {
		if err := store.SetMark(ctx, before.Marks[1], before.Marks[0]); err != nil {
			return err
		}
	}
	mark := newMark()
	r, err := j.cfg.Record.ChangeStore(ctx, func(r peer.StoreRecord) peer.StoreRecord {
		if !r.Equal(before) {
			return r
		}
		return r.With(mark, time.Now())
	})
	if err != nil || r.Marks[0] != mark {
		return err
	}
	j.spread(ctx, r.ID)
	return store.SetMark(ctx, r.Marks[1], mark)
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
		err = store.SetMark(ctx, *accepted, r.Marks[0])
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

func newMark() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
