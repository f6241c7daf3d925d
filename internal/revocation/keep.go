package revocation

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

const (
	recordEvery = time.Second
	othersFirst = 3 * time.Second  // the node that has revoked something writes the record; the others only if it has not
	recordLimit = 10 * time.Second // for writing it
)

// keepRecord writes into the broker's record what it lacks: after it was away, or was made anew.
func (r *Revoker) keepRecord(ctx context.Context) {
	tick := time.NewTicker(recordEvery)
	defer tick.Stop()
	failing := false
	var compared string  // the last state of list and record in which the record lacked nothing
	var behind time.Time // since when it lacks something; zero: it does not
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		state := r.state()
		if state == compared {
			continue
		}
		now := r.cfg.Now()
		if !r.recordLacks(now) {
			compared, behind = state, time.Time{}
			continue
		}
		if behind.IsZero() {
			behind = now.Add(rand.N(othersFirst))
		}
		if now.Sub(behind) < othersFirst {
			continue
		}
		err := r.writeRecord(ctx, recordLimit)
		if err != nil && !failing && ctx.Err() == nil {
			r.cfg.Log.WarnContext(ctx, "the broker's record lacks revocations: a node that starts while the store is away does not know them", slog.Any("error", err))
		}
		failing = err != nil
	}
}

// state names what keepRecord compares: it is equal while neither the list nor the record changes.
func (r *Revoker) state() string {
	_, version, known := r.cfg.Record.Revocations()
	return fmt.Sprint(r.list.digest(), version, known, r.complete.Load())
}

// recordLacks reports whether the record says something else than this node would write.
func (r *Revoker) recordLacks(now time.Time) bool {
	s, _, known := r.cfg.Record.Revocations()
	if !known {
		return false // it is written when it is known
	}
	if r.list.size.Load() == 0 && s.IsZero() {
		return false
	}
	return !s.with(r.list.all(), r.complete.Load(), now).Equal(s)
}

// writeRecord merges the list into the record on the broker.
func (r *Revoker) writeRecord(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return r.cfg.Record.ChangeRevocations(ctx, func(s Summary) Summary {
		return s.with(r.list.all(), r.complete.Load(), r.cfg.Now())
	})
}
