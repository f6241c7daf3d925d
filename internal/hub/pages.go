package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"restante/internal/chat"
	"restante/internal/turn"
)

const (
	pageMessages  = 128       // messages in a page
	maxCachedPage = 256 << 10 // bytes; a larger page is shared only by the readers that wait for it, then read again
	cachedPages   = 256       // so the cache is 64 MiB at most, usually a tenth of that
)

// pages reads history for readers that are behind the tail. It cuts the log into pages of pageMessages at fixed numbers,
// so that readers with different cursors share the pages, each read and encoded once. Reads of the store take turns;
// cached pages do not.
type pages struct {
	history History
	cache   *lru.Cache[pageKey, segment]
	reading singleflight.Group
	turns   *turn.Turns
	metrics *metrics
	drops   atomic.Int64 // how often all pages were forgotten

	mu     sync.Mutex
	wanted map[pageKey]int // how many readers wait for a page to be read
}

type pageKey struct {
	room  string
	epoch chat.Epoch
	enc   encoding
	page  int64
}

// errNotReadable is why a message that was announced is not in the page that should hold it.
var errNotReadable = errors.New("is announced but cannot be read")

func newPages(h History, turns *turn.Turns, m *metrics) *pages {
	cache, err := lru.New[pageKey, segment](cachedPages)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &pages{history: h, cache: cache, turns: turns, metrics: m, wanted: make(map[pageKey]int)}
}

// find returns a segment that holds the message seq, or an error that is errNotReadable if the store does not return it. It
// blocks while it reads the store; readers of the same page wait for one read.
func (p *pages) find(ctx context.Context, r *room, e encoding, seq int64) (segment, error) {
	key := pageKey{r.name, r.epoch, e, (seq - 1) / pageMessages}
	// Other readers may have begun the first read before this message was stored, or may have left, so that it was not
	// done. Neither is possible with the second read.
	for range 2 {
		if s, ok := p.cache.Get(key); ok && s.holds(seq) {
			return s, nil
		}
		s, err := p.share(ctx, key)
		if err != nil || s.holds(seq) {
			return s, err
		}
	}
	return segment{}, fmt.Errorf("room %s: message %d %w", r.name, seq, errNotReadable)
}

// share reads a page together with the other readers that want it now.
func (p *pages) share(ctx context.Context, key pageKey) (segment, error) {
	p.want(key, 1)
	defer p.want(key, -1)
	name := fmt.Sprint(key.room, key.epoch.ID, key.enc, key.page, p.drops.Load())
	// The reader that begins the read must not end it for the others.
	shared := context.WithoutCancel(ctx)
	done := p.reading.DoChan(name, func() (any, error) { return p.read(shared, key) })
	select {
	case r := <-done:
		s, _ := r.Val.(segment)
		return s, r.Err
	case <-ctx.Done():
		return segment{}, ctx.Err()
	}
}

// read reads a page when its turn has come. It returns an empty page if no reader wants it any more by then: clients that
// join and leave at once must not use up the turns of those that stay.
func (p *pages) read(ctx context.Context, key pageKey) (segment, error) {
	done, err := p.turns.Take(ctx)
	if err != nil {
		return segment{}, err
	}
	defer done()
	if p.want(key, 0) == 0 {
		return segment{}, nil
	}
	if s, ok := p.cache.Get(key); ok && len(s.ends) == pageMessages { // another reader has read it meanwhile
		return s, nil
	}
	p.metrics.pageReads.Inc()
	drops := p.drops.Load()
	messages, err := p.history.After(ctx, key.room, key.page*pageMessages, pageMessages)
	if err != nil {
		return segment{}, fmt.Errorf("read page %d of room %s: %w", key.page, key.room, err)
	}
	if len(messages) == 0 {
		return segment{}, nil
	}
	if e := messages[0].Epoch; e != "" && e != key.epoch.ID {
		return segment{}, errTurning
	}
	s := encode(key.enc, key.epoch, messages)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(s.buf) <= maxCachedPage && drops == p.drops.Load() {
		p.cache.Add(key, s)
	}
	return s, nil
}

// drop forgets all pages, also those that are being read now.
func (p *pages) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drops.Add(1)
	p.cache.Purge()
}

// want changes the number of readers that wait for a page, and returns it.
func (p *pages) want(key pageKey, change int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.wanted[key] + change
	if n == 0 {
		delete(p.wanted, key)
	} else {
		p.wanted[key] = n
	}
	return n
}
