package memory

import "context"

// Holding is memory that is in use for one owner. Its methods may be called concurrently. A nil Holding counts nothing and refuses
// nothing.
type Holding struct {
	budget *Budget
	kind   Kind
	owner  string

	// Guarded by Budget.mu.
	size     int
	released bool
}

// Hold returns a holding of nothing yet. owner is the client that makes the server hold the memory: the sub of its token, or the
// network of its address. One owner gets a part of what is free at most. The empty owner is the server itself, which may take all.
// Release the holding.
func (b *Budget) Hold(kind Kind, owner string) *Holding {
	if b == nil {
		return nil
	}
	return &Holding{budget: b, kind: kind, owner: owner}
}

// Grow holds n bytes more. When there is no space even after all caches have given way, or when the owner holds its part already, it
// holds nothing more and returns ErrRefused. It may call the drop functions of shares: the caller must hold no lock that these take.
func (h *Holding) Grow(n int) error {
	if h == nil {
		return nil
	}
	over, err := h.grow(n, false)
	Evict(over)
	if err != nil {
		h.budget.refused.WithLabelValues(h.kind.String()).Inc()
	}
	return err
}

// grow is Grow without the eviction and the metric. With first it does not fail while nothing of its kind is held.
func (h *Holding) grow(n int, first bool) (over []*Share, err error) {
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if h.released || !b.fits(h.owner, n) && !(first && b.by[h.kind] == 0) {
		return nil, ErrRefused
	}
	h.size += n
	return b.take(h.owner, h.kind, n), nil
}

// Await holds n bytes more as soon as there is space for them. It blocks until then, or until ctx is done, whose error it returns.
// Of several that wait, any may be the first. While nothing of its kind is held it does not wait, so that what waits goes on however
// little is free.
func (h *Holding) Await(ctx context.Context, n int) error {
	if h == nil {
		return nil
	}
	for counted := false; ; {
		freed := h.budget.waitFreed() // before the attempt, so that what is freed after it is seen
		over, err := h.grow(n, true)
		Evict(over)
		if err == nil {
			return nil
		}
		if !counted {
			counted = true
			h.budget.refused.WithLabelValues(h.kind.String()).Inc()
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// waitFreed returns a channel that is closed when something is given back.
func (b *Budget) waitFreed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.freed == nil {
		b.freed = make(chan struct{})
	}
	return b.freed
}

// Charge holds n bytes more whether there is space or not. It is for what is in memory already and is small, or is bounded by
// something else. With the first of a kind that waits (see Await) it is the only way in which more than the limit can be held. It has no effect after Release.
func (h *Holding) Charge(n int) {
	if h == nil {
		return
	}
	b := h.budget
	b.mu.Lock()
	if h.released {
		b.mu.Unlock()
		return
	}
	h.size += n
	over := b.take(h.owner, h.kind, n)
	b.mu.Unlock()
	Evict(over)
}

// Shrink gives n bytes back, but no more than the holding has.
func (h *Holding) Shrink(n int) {
	if h == nil {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if n = min(n, h.size); n > 0 {
		h.size -= n
		b.take(h.owner, h.kind, -n)
	}
}

// Release gives all back. Grow refuses after that. Further calls have no effect.
func (h *Holding) Release() {
	if h == nil {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h.released = true
	if h.size > 0 {
		b.take(h.owner, h.kind, -h.size)
		h.size = 0
	}
}

// Size returns how many bytes are held.
func (h *Holding) Size() int {
	if h == nil {
		return 0
	}
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	return h.size
}

// Owner returns the owner of the holding; empty for a nil one.
func (h *Holding) Owner() string {
	if h == nil {
		return ""
	}
	return h.owner
}
