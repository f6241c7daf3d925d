package memory

import "container/list"

// Share is the memory of one cached thing. It gives way: when there is no space, what was not used for the longest time is dropped
// first.
type Share struct {
	budget *Budget
	kind   Kind
	drop   func()

	// Guarded by Budget.mu.
	size  int
	place *list.Element // in Budget.used; nil while the size is 0
}

// Share returns a share that keeps nothing yet. drop lets the memory go. It is called when the share must give way, by the
// caller that needs the memory, without locks of the budget; the share keeps nothing by then.
func (b *Budget) Share(kind Kind, drop func()) *Share {
	return &Share{budget: b, kind: kind, drop: drop}
}

// Set says that a share is used now and keeps so many bytes from now on. It returns the shares that must give way. The caller gives
// them to Evict once it holds no lock that their drop functions take.
func (s *Share) Set(size int) (over []*Share) {
	b := s.budget
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resize(s, size)
	return b.overflow()
}

// Touch says that a share is used now.
func (s *Share) Touch() {
	b := s.budget
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.place != nil {
		b.used.MoveToFront(s.place)
	}
}

// Evict drops what must give way.
func Evict(over []*Share) {
	for _, s := range over {
		s.drop()
		s.budget.evicted.WithLabelValues(s.kind.String()).Inc()
	}
}

// resize gives a share its size and its place. The caller holds mu.
func (b *Budget) resize(s *Share, size int) {
	b.kept += size - s.size
	b.by[s.kind] += size - s.size
	s.size = size
	switch {
	case size == 0 && s.place != nil:
		b.used.Remove(s.place)
		s.place = nil
	case size == 0:
	case s.place == nil:
		s.place = b.used.PushFront(s)
	default:
		b.used.MoveToFront(s.place)
	}
}
