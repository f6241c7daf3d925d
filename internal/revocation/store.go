package revocation

import (
	"context"
	"log/slog"
	"time"

	"restante/internal/errs"
)

const (
	pageSize  = 1000
	wholeFor  = time.Minute     // how long what was read of the store counts as its whole list
	readLimit = 5 * time.Second // for reading the store once
)

// reader is how far the store was read.
type reader struct {
	epoch   string    // of the store
	after   int64     // the greatest number that was read
	wholeAt time.Time // when the whole list was read last
	failing bool      // the last read has failed
}

// read reads the store again and again, so that a node that hears nothing of the others learns of revocations all the same.
func (r *Revoker) read(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	for {
		reading, cancel := context.WithTimeout(ctx, readLimit)
		err := r.readStore(reading)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !r.reader.failing && !r.known.Load():
			r.cfg.Log.WarnContext(ctx, "what is revoked is not known yet; requests with tokens are answered 503", slog.Any("error", err))
		}
		r.reader.failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// readStore takes over what is new in the store. It reads the whole list when it comes to an epoch, and now and then, since a store
// may have been restored from a backup: then it writes what the store lacks.
func (r *Revoker) readStore(ctx context.Context) error {
	epoch, err := r.cfg.Store.Epoch()
	if err != nil {
		return err
	}
	now := r.cfg.Now()
	whole := r.unstored.Load() || epoch.ID != r.reader.epoch || now.Sub(r.reader.wholeAt) >= wholeFor
	after := r.reader.after
	if whole {
		after = 0
	}
	stored := map[Key]Entry{}
	for {
		page, err := r.cfg.Store.Revocations(ctx, after, pageSize)
		if err != nil {
			return err
		}
		entries := make([]Entry, len(page))
		for i, s := range page {
			entries[i], after = s.Entry, s.Number
			if whole {
				stored[s.Key] = s.Entry
			}
		}
		r.learn(entries...)
		if len(page) < pageSize {
			break
		}
	}
	r.reader.after = after
	if !whole {
		return nil
	}
	r.complete.Store(true)
	r.known.Store(true)
	r.unstored.Store(false)
	r.reader.epoch, r.reader.wholeAt = epoch.ID, now
	return r.mend(ctx, stored)
}

// mend writes into the store what it lacks.
func (r *Revoker) mend(ctx context.Context, stored map[Key]Entry) error {
	r.list.expire()
	var lacks []Entry
	for _, e := range r.list.all() {
		if !stored[e.Key].Covers(e) {
			lacks = append(lacks, e)
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	if err := r.cfg.Store.Revoke(ctx, lacks); err != nil {
		r.unstored.Store(true) // tried again soon
		return errs.Wrap(errs.CodeOf(err), err, "revocations cannot be stored")
	}
	r.cfg.Log.InfoContext(ctx, "the store lacked revocations that this node knows, and has them now", slog.Int("revocations", len(lacks)))
	return nil
}
