package hub

import (
	"context"
	"fmt"
	"strconv"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"restante/internal/chat"
)

const (
	pageMessages   = 128       // messages in a page
	maxCachedPage  = 256 << 10 // bytes; a larger page is read again for every reader
	cachedPages    = 256       // so the cache is 64 MiB at most, usually a tenth of that
	concurrentRead = 4         // page reads at once; the other readers wait their turn
)

// History is the store: After returns up to limit messages of the room with Seq > seq, ascending; Room what is known of
// a room. Both may be called concurrently.
type History interface {
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	Room(ctx context.Context, name string) (chat.Room, error)
}

// pages reads history for readers that are behind the tail. The log is cut into pages of pageMessages at fixed numbers,
// so that readers with different cursors share the pages, each read and encoded once.
type pages struct {
	history History
	cache   *lru.Cache[pageKey, segment]
	reading singleflight.Group
	slots   *semaphore.Weighted
	metrics *metrics
}

type pageKey struct {
	room string
	enc  encoding
	page int64
}

func newPages(h History, m *metrics) *pages {
	cache, err := lru.New[pageKey, segment](cachedPages)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &pages{history: h, cache: cache, slots: semaphore.NewWeighted(concurrentRead), metrics: m}
}

// find returns a segment that holds the message seq. It blocks while it reads the store; readers of the same page wait
// for one read.
func (p *pages) find(ctx context.Context, room string, e encoding, seq int64) (segment, error) {
	key := pageKey{room, e, (seq - 1) / pageMessages}
	if s, ok := p.cache.Get(key); ok && s.holds(seq) {
		return s, nil
	}
	name := room + " " + strconv.Itoa(int(e)) + " " + strconv.FormatInt(key.page, 10)
	// The read is shared, so that the one reader that began it must not end it for the others.
	shared := context.WithoutCancel(ctx)
	done := p.reading.DoChan(name, func() (any, error) { return p.read(shared, key) })
	select {
	case r := <-done:
		s, _ := r.Val.(segment)
		if r.Err == nil && !s.holds(seq) { // another reader's read began before this message was stored
			s, r.Err = p.read(shared, key)
		}
		if r.Err == nil && !s.holds(seq) {
			r.Err = fmt.Errorf("room %s: message %d is announced but cannot be read", room, seq)
		}
		return s, r.Err
	case <-ctx.Done():
		return segment{}, ctx.Err()
	}
}

func (p *pages) read(ctx context.Context, key pageKey) (segment, error) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return segment{}, err
	}
	defer p.slots.Release(1)
	p.metrics.pageReads.Inc()

	messages, err := p.history.After(ctx, key.room, key.page*pageMessages, pageMessages)
	if err != nil {
		return segment{}, fmt.Errorf("read page %d of room %s: %w", key.page, key.room, err)
	}
	if len(messages) == 0 {
		return segment{}, nil
	}
	s := encode(key.enc, messages)
	if len(s.buf) <= maxCachedPage {
		p.cache.Add(key, s)
	}
	return s, nil
}
