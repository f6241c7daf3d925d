package hub

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/singleflight"

	"restante/internal/chat"
	"restante/internal/memory"
	"restante/internal/turn"
)

// pageMessages is how many numbers are in a block. The store cuts each block into pages by their bytes.
const pageMessages = 128

// pages reads history for readers that are behind the tail. The store cuts the log into pages with the same borders for every
// reader, so that readers with different cursors share the pages, each read and encoded once. Reads of the store take turns;
// cached pages do not. Its methods may be called concurrently.
type pages struct {
	history SharedHistory
	memory  *memory.Budget
	reading singleflight.Group
	turns   *turn.Turns
	metrics *metrics

	mu      sync.Mutex
	rooms   map[string]*cachedRoom // those that have cached pages, or whose pages readers wait for
	changes uint64                 // how often messages may have changed; a page is kept if none has while it was read
}

// cachedRoom is what is cached of a room.
type cachedRoom struct {
	blocks  map[blockKey]*block
	last    int64 // no cached page has a later message
	waiting int   // readers that wait for a page
}

// blockKey names a block of a room in one epoch and one encoding. The borders of its pages are known only when they have been read.
type blockKey struct {
	epoch chat.Epoch
	enc   encoding
	n     int64
}

type block struct {
	pages  []*cachedPage // few
	wanted list.List     // the numbers, of type int64, that readers wait for, the one that came first in front
}

type cachedPage struct {
	segment
	share *memory.Share
}

// pageOverhead is about what a cached page takes besides its messages, in bytes.
const pageOverhead = 512

func newPages(h SharedHistory, b *memory.Budget, turns *turn.Turns, m *metrics) *pages {
	return &pages{history: h, memory: b, turns: turns, metrics: m, rooms: make(map[string]*cachedRoom)}
}

// errNotReadable is why a message that was announced is not in the page that should hold it.
var errNotReadable = errors.New("is announced but cannot be read")

// find returns a segment that holds the message seq. It blocks while it reads the store; readers of the same page wait for one
// read. If the store does not have the message, the error is errNotReadable.
func (p *pages) find(ctx context.Context, of *room, e encoding, seq int64) (segment, error) {
	room, key := of.name, blockKey{of.epoch, e, (seq - 1) / pageMessages}
	if s, ok := p.cached(room, key, seq); ok {
		return s, nil
	}
	wanted := p.want(room, key, seq)
	defer p.unwant(room, key, wanted)
	// Other readers may have begun the first read of this page before this message was stored. That is not possible with the
	// second one. Reads of other pages of the block come in between.
	for reads := 0; reads < 2; {
		r, err := p.share(ctx, room, key)
		if err != nil || r.holds(seq) {
			return r.segment, err
		}
		if s, ok := p.cached(room, key, seq); ok {
			return s, nil
		}
		if r.wanted == seq {
			reads++
		}
	}
	return segment{}, fmt.Errorf("room %s: message %d %w", room, seq, errNotReadable)
}

// found is a page that was read because a reader wanted a message. The page may not hold it.
type found struct {
	segment
	wanted int64
}

// share reads a page of the block together with the other readers that want one now. It begins no later than the next change, so
// that a reader that comes after a change does not share what was read before it.
func (p *pages) share(ctx context.Context, room string, key blockKey) (found, error) {
	p.mu.Lock()
	changes := p.changes
	p.mu.Unlock()
	name := fmt.Sprintf("%s %s %d %d %d", room, key.epoch.ID, key.enc, key.n, changes)
	// The reader that begins the read must not end it for the others.
	shared := context.WithoutCancel(ctx)
	done := p.reading.DoChan(name, func() (any, error) { return p.read(shared, room, key) })
	select {
	case r := <-done:
		f, _ := r.Val.(found)
		return f, r.Err
	case <-ctx.Done():
		return found{}, ctx.Err()
	}
}

// read reads the page that the reader who has waited longest wants, when its turn has come. It reads nothing if no reader waits
// any more by then: clients that join and leave at once must not use up the turns of those that stay.
func (p *pages) read(ctx context.Context, room string, key blockKey) (found, error) {
	done, err := p.turns.Take(ctx)
	if err != nil {
		return found{}, err
	}
	defer done()
	seq, changes := p.next(room, key)
	if seq == 0 {
		return found{}, nil
	}
	if s, ok := p.cached(room, key, seq); ok { // another reader has read it meanwhile
		return found{s, seq}, nil
	}
	p.metrics.pageReads.Inc()
	messages, err := p.history.Page(ctx, room, seq)
	if err != nil {
		return found{}, fmt.Errorf("read the page of message %d of room %s: %w", seq, room, err)
	}
	if len(messages) == 0 {
		return found{wanted: seq}, nil
	}
	if e := messages[0].Epoch; e != "" && e != key.epoch.ID {
		return found{}, errTurning
	}
	s := encode(key.enc, key.epoch, messages)
	p.keep(room, key, s, changes)
	return found{s, seq}, nil
}

// cached returns the cached page that holds a message.
func (p *pages) cached(room string, key blockKey, seq int64) (segment, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rooms[room]; r != nil && r.blocks[key] != nil {
		for _, page := range r.blocks[key].pages {
			if page.holds(seq) {
				page.share.Touch()
				return page.segment, true
			}
		}
	}
	return segment{}, false
}

// keep caches a page, in place of those that have messages of it, such as the last page of a room before it grew. It does not if
// messages may have changed since changes was read.
func (p *pages) keep(room string, key blockKey, s segment, changes uint64) {
	if (s.first-1)/pageMessages != key.n {
		return
	}
	p.mu.Lock()
	if p.changes != changes {
		p.mu.Unlock()
		return
	}
	r, b := p.block(room, key)
	b.pages = slices.DeleteFunc(b.pages, func(old *cachedPage) bool {
		replaced := old.first <= s.last() && s.first <= old.last()
		if replaced {
			old.share.Set(0)
		}
		return replaced
	})
	page := &cachedPage{segment: s}
	page.share = p.memory.Share(memory.Page, func() { p.drop(room, key, page) })
	b.pages = append(b.pages, page)
	r.last = max(r.last, s.last())
	over := page.share.Set(s.size() + pageOverhead)
	p.mu.Unlock()
	memory.Evict(over)
}

// drop removes a page that gave way.
func (p *pages) drop(room string, key blockKey, page *cachedPage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rooms[room]
	if r == nil || r.blocks[key] == nil {
		return
	}
	b := r.blocks[key]
	b.pages = slices.DeleteFunc(b.pages, func(other *cachedPage) bool { return other == page })
	p.tidy(room, key)
}

// announced notes that a message was announced. If it is not new, it may have changed: then the pages of its room are dropped.
func (p *pages) announced(room string, seq int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r := p.rooms[room]; {
	case r == nil:
	case seq <= r.last:
		p.forget(room)
	case r.waiting > 0:
		p.changes++ // a page that is being read may have it
	}
}

// changed drops the pages of a room.
func (p *pages) changed(room string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(room)
}

// dropAll drops all pages.
func (p *pages) dropAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	for room := range p.rooms {
		p.forget(room)
	}
}

// forget drops the pages of a room. The caller holds mu.
func (p *pages) forget(room string) {
	p.changes++
	r := p.rooms[room]
	if r == nil {
		return
	}
	r.last = 0
	for key, b := range r.blocks {
		for _, page := range b.pages {
			page.share.Set(0)
		}
		b.pages = nil
		p.tidy(room, key)
	}
}

// want notes that a reader waits for a message.
func (p *pages) want(room string, key blockKey, seq int64) *list.Element {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, b := p.block(room, key)
	r.waiting++
	return b.wanted.PushBack(seq)
}

// unwant notes that the reader waits no more.
func (p *pages) unwant(room string, key blockKey, wanted *list.Element) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, b := p.block(room, key)
	r.waiting--
	b.wanted.Remove(wanted)
	p.tidy(room, key)
}

// next returns the message of a block that a reader has waited for longest, 0 if none waits.
func (p *pages) next(room string, key blockKey) (seq int64, changes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.rooms[room]; r != nil && r.blocks[key] != nil && r.blocks[key].wanted.Len() > 0 {
		seq, _ = r.blocks[key].wanted.Front().Value.(int64)
	}
	return seq, p.changes
}

// block returns a block and its room, and makes them if they are not there. The caller holds mu.
func (p *pages) block(room string, key blockKey) (*cachedRoom, *block) {
	r := p.rooms[room]
	if r == nil {
		r = &cachedRoom{blocks: make(map[blockKey]*block)}
		p.rooms[room] = r
	}
	b := r.blocks[key]
	if b == nil {
		b = new(block)
		r.blocks[key] = b
	}
	return r, b
}

// tidy removes a block, and its room, if nothing of it is cached or waited for. The caller holds mu.
func (p *pages) tidy(room string, key blockKey) {
	r := p.rooms[room]
	if b := r.blocks[key]; len(b.pages) > 0 || b.wanted.Len() > 0 {
		return
	}
	delete(r.blocks, key)
	if len(r.blocks) == 0 {
		delete(p.rooms, room)
	}
}
