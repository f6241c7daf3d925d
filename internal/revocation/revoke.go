package revocation

import (
	"context"
	"log/slog"
	"time"

	"restante/internal/errs"
)

// Outcome is what Revoke has done.
type Outcome struct {
	Entry
	Stored  bool // the store has it; otherwise only the broker's record, and the store gets it when it is back
	Nodes   int  // the living nodes, this one among them
	InForce int  // of them, those that are known to refuse the tokens now
}

const (
	storeLimit   = 4 * time.Second // for the store; then the record alone has to do
	confirmLimit = 2 * time.Second // for the other nodes to say that they have heard of it
)

// Revoke ends the tokens of a client that were issued until now (Sub), or one token (JTI), on every node. It returns when that is
// kept in the store or, while the store is away, in the broker's record, and is in force on this node; it waits for the other
// nodes for two seconds at most. Revoking again what is revoked only moves the moment of a client forward. Errors: errs.Invalid,
// errs.TooMany when there are MaxEntries, errs.Unavailable when nothing can keep it: then it may be in force nowhere. The end of ctx
// does not cut it short.
func (r *Revoker) Revoke(ctx context.Context, k Key, reason, by string) (Outcome, error) {
	ctx = context.WithoutCancel(ctx)
	e := r.entry(k, reason, by)
	if err := e.Validate(); err != nil {
		return Outcome{}, err
	}
	if _, known := r.list.get(k); !known && r.list.size.Load() >= MaxEntries {
		r.list.expire()
		if r.list.size.Load() >= MaxEntries {
			return Outcome{}, &errs.Error{Code: errs.TooMany, Msg: "too many revocations are in force; change the key that signs tokens instead"}
		}
	}
	stored, err := r.keep(ctx, e)
	if err != nil {
		return Outcome{}, err
	}
	r.learn(e)
	if !stored {
		r.unstored.Store(true)
	}
	r.metrics.made.WithLabelValues(string(k.Kind)).Inc()
	r.cfg.Log.InfoContext(ctx, "tokens are revoked", slog.String("kind", string(k.Kind)), slog.Time("until", e.Until), slog.Bool("stored", stored))
	o := Outcome{Entry: e, Stored: stored, Nodes: 1, InForce: 1}
	if r.cfg.Nodes != nil {
		o.Nodes, o.InForce = r.confirm(ctx, e, stored)
	}
	return o, nil
}

// entry returns the entry of what is revoked now, merged with what the list has of it.
func (r *Revoker) entry(k Key, reason, by string) Entry {
	now := r.cfg.Now().UTC().Truncate(time.Microsecond)
	e := Entry{Key: k, At: now, Until: now.Truncate(time.Second).Add(r.cfg.Keep + keepMore), Reason: reason, By: by}
	if k.Kind == Sub {
		e.Before = Moment(now)
	}
	if known, ok := r.list.get(k); ok && now.Before(known.Until) {
		if k.Kind == JTI {
			return known // it has expired by then, however often it is revoked
		}
		return Merge(known, e)
	}
	return e
}

// keep writes an entry into the store, or into the record if the store is away.
func (r *Revoker) keep(ctx context.Context, e Entry) (stored bool, err error) {
	writing, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	err = r.cfg.Store.Revoke(writing, []Entry{e})
	if err == nil {
		return true, nil
	}
	if r.cfg.Record == nil {
		return false, errs.Wrap(errs.CodeOf(err), err, "the revocation cannot be stored")
	}
	r.cfg.Log.WarnContext(ctx, "the store is away: a revocation is kept in the broker's record until it is back", slog.Any("error", err))
	fits := false
	writing, cancel = context.WithTimeout(ctx, recordLimit)
	defer cancel()
	err = r.cfg.Record.ChangeRevocations(writing, func(s Summary) Summary {
		next := s.with(append(r.list.all(), e), r.complete.Load(), r.cfg.Now())
		fits = next.has(e)
		return next
	})
	switch {
	case err != nil:
		return false, errs.Wrap(errs.Unavailable, err, "neither the database nor the broker can keep the revocation now")
	case !fits:
		return false, &errs.Error{Code: errs.Unavailable, Msg: "the database cannot keep the revocation now, and the broker's record has no space for it"}
	}
	return false, nil
}

// has reports whether the summary keeps an entry.
func (s Summary) has(e Entry) bool {
	for _, known := range s.Entries {
		if known.Covers(e) {
			return true
		}
	}
	return false
}

// confirm waits until every other living node has an entry in force and the record has it, or for confirmLimit. It returns how
// many nodes there are, and how many of them have it.
func (r *Revoker) confirm(ctx context.Context, e Entry, stored bool) (nodes, inForce int) {
	ctx, cancel := context.WithTimeout(ctx, confirmLimit)
	defer cancel()
	written := make(chan struct{})
	go func() {
		defer close(written)
		if stored && r.recordLacks(r.cfg.Now()) {
			_ = r.writeRecord(ctx, confirmLimit) // keepRecord tries again, and logs it
		}
	}()
	defer func() { <-written }()
	for {
		r.mu.Lock()
		news := r.news
		r.mu.Unlock()
		others := r.cfg.Nodes.OthersRevoked(r.cfg.Now())
		nodes, inForce = 1+len(others), 1
		for _, t := range others {
			if t.has(e, r.list.digest()) {
				inForce++
			}
		}
		if inForce == nodes {
			return nodes, inForce
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nodes, inForce
		}
	}
}
