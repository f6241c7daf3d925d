package auth

import (
	"context"
	"errors"
	"sync"

	"restante/internal/errs"
)

// checkRevoked returns nil unless the client's token was revoked, or that is not known. A nil Verifier revokes nothing.
func (v *Verifier) checkRevoked(c *Client) error {
	if v == nil || v.cfg.Revoked == nil {
		return nil
	}
	err := v.cfg.Revoked(c.ID, c.TokenID, c.Issued)
	if errs.CodeOf(err) == errs.Unauthenticated {
		return refused(revoked)
	}
	return err
}

// IsRevoked reports whether err, of From or Verify, says that the token was revoked.
func IsRevoked(err error) bool { return errors.Is(err, revoked) }

// watches are what has to end when a token is revoked.
type watches struct {
	mu  sync.Mutex
	all map[*watch]struct{}
}

// watch ends one thing, once.
type watch struct {
	mu     sync.Mutex
	client *Client
	end    func() // nil: it was called, or is not wanted any more
}

// WhenRevoked has end called once when the token of a request is revoked: at once if it is revoked already. end must not block. The
// caller calls stop when end is not wanted any more; after it has returned end is not called.
func WhenRevoked(ctx context.Context, end func()) (stop func()) {
	found, ok := ctx.Value(contextKey{}).(identity)
	if !ok || found.client == nil || found.by == nil || found.by.cfg.Revoked == nil {
		return func() {}
	}
	w, v := &watch{client: found.client, end: end}, found.by
	v.watches.add(w)
	v.recheck(w) // it may have been revoked after the check of the request
	return func() {
		v.watches.remove(w)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.end = nil
	}
}

func (s *watches) add(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*watch]struct{}{}
	}
	s.all[w] = struct{}{}
}

func (s *watches) remove(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, w)
}

// Recheck ends what lasts longer than the check of its token, if that was revoked: event streams, and bodies that still come. It does
// not block.
func (v *Verifier) Recheck() {
	v.watches.mu.Lock()
	all := make([]*watch, 0, len(v.watches.all))
	for w := range v.watches.all {
		all = append(all, w)
	}
	v.watches.mu.Unlock()
	for _, w := range all {
		v.recheck(w)
	}
}

// recheck ends what is watched if its token was revoked.
func (v *Verifier) recheck(w *watch) {
	if !IsRevoked(v.checkRevoked(w.client)) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end == nil {
		return
	}
	v.metrics.ended.Inc()
	w.end()
	w.end = nil
}
