package hub

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"restante/internal/chat"
)

// room is a room that has readers. Its tail is replaced under mu and read without a lock.
type room struct {
	name   string
	tail   atomic.Pointer[tail]
	stored atomic.Int64  // the greatest last seq that a join has seen in the store: the tail may be behind it
	marked []atomic.Bool // per pump: it has yet to look at the newest messages
	refs   int           // readers, and those about to be; guarded by Hub.mu

	mu      sync.Mutex
	using   [encodings]int // readers per encoding
	readers [][]*reader    // one list per pump
	loaded  bool           // the tail's last seq has been compared with the store
}

func newRoom(name string, pumps int) *room {
	r := &room{name: name, marked: make([]atomic.Bool, pumps), readers: make([][]*reader, pumps)}
	r.tail.Store(&tail{})
	return r
}

// load makes the room know how far its log goes in the store. Messages that are stored meanwhile are announced.
func (r *room) load(ctx context.Context, h History) error {
	r.mu.Lock()
	loaded := r.loaded
	r.mu.Unlock()
	if loaded {
		return nil
	}
	known, err := h.Room(ctx, r.name)
	if err != nil {
		return fmt.Errorf("open room %s: %w", r.name, err)
	}
	r.reach(known.LastSeq)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded = true
	return nil
}

// reach makes the tail end at last if it ended before that, and reports whether it did. It holds no messages then:
// readers fetch them from the store.
func (r *room) reach(last int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last <= r.tail.Load().last {
		return false
	}
	r.tail.Store(&tail{last: last})
	return true
}

// saw notes what a join has seen in the store. The tail stays as it is, and nobody else is woken: most often the
// announcement is on its way, and dropping the tail would send all readers of a busy room to the store at each join.
func (r *room) saw(last int64) {
	for {
		seen := r.stored.Load()
		if last <= seen || r.stored.CompareAndSwap(seen, last) {
			return
		}
	}
}

// extend adds stored messages to the tail and returns how many readers the room has.
func (r *room) extend(messages []chat.Message, limit int) (readers int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tail.Store(r.tail.Load().with(messages, r.using, limit))
	for _, n := range r.using {
		readers += n
	}
	return readers
}

// last returns the seq of the newest message that is known to be stored.
func (r *room) last() int64 { return max(r.tail.Load().last, r.stored.Load()) }

// add adds a reader to the list of its pump.
func (r *room) add(rd *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := &r.readers[rd.conn.pump.index]
	rd.slot = len(*list)
	*list = append(*list, rd)
	r.using[rd.conn.enc]++
}

// remove takes a reader off its list.
func (r *room) remove(rd *reader) {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := &r.readers[rd.conn.pump.index]
	end := len(*list) - 1
	moved := (*list)[end]
	(*list)[rd.slot], moved.slot = moved, rd.slot
	(*list)[end] = nil
	*list = (*list)[:end]
	r.using[rd.conn.enc]--
}

// appendReaders appends the readers that a pump serves.
func (r *room) appendReaders(dst []*reader, pump int) []*reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(dst, r.readers[pump]...)
}
