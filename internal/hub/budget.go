package hub

import (
	"container/list"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// What takes memory of a budget, as the metric has it.
const (
	keptTail = "tail"
	keptPage = "page"
)

// budget bounds the memory that the tails and the cached pages of a hub take together. When there is more than the limit, what
// was not used for the longest time is dropped first: a tail is used when its room gets messages, a page when a reader reads it.
// All that is dropped can be read from the store again. Its methods may be called concurrently, and take constant time for each
// share that they change.
type budget struct {
	limit   int
	evicted *prometheus.CounterVec

	mu   sync.Mutex
	kept int       // bytes
	used list.List // the shares that keep something, of type *share, the one that was used last in front
}

// share is the memory of one tail or page.
type share struct {
	what string
	drop func() // lets the memory go; it takes locks of its own

	// Guarded by budget.mu.
	size  int
	place *list.Element // in budget.used; nil while the size is 0
}

func newBudget(limit int) *budget {
	b := &budget{limit: limit, evicted: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "restante_hub_evicted_total",
		Help: "Newest ends of rooms, and pages of history, that were dropped because the hub's memory was used up.",
	}, []string{"what"})}
	for _, what := range []string{keptTail, keptPage} { // exist before the first time
		b.evicted.WithLabelValues(what)
	}
	return b
}

// set says that a share is used now and keeps so many bytes from now on. It returns the shares that must give way. The caller
// evicts them once it holds no lock.
func (b *budget) set(s *share, size int) (over []*share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resize(s, size)
	for b.kept > b.limit {
		coldest, _ := b.used.Back().Value.(*share)
		b.resize(coldest, 0)
		over = append(over, coldest)
	}
	return over
}

// resize gives a share its size and its place. The caller holds mu.
func (b *budget) resize(s *share, size int) {
	b.kept += size - s.size
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

// touch says that a share is used now.
func (b *budget) touch(s *share) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.place != nil {
		b.used.MoveToFront(s.place)
	}
}

// evict drops what must give way.
func (b *budget) evict(over []*share) {
	for _, s := range over {
		s.drop()
		b.evicted.WithLabelValues(s.what).Inc()
	}
}

// bytes returns how much is kept.
func (b *budget) bytes() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return float64(b.kept)
}
