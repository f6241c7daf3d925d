package hub

import (
	"sync"
	"sync/atomic"

	"restante/internal/chat"
	"restante/internal/memory"
)

// room is a room that has readers. Its tail is replaced under mu and read without a lock.
type room struct {
	name   string
	epoch  chat.Epoch // of all that the room has; a room of another epoch is another one
	tail   atomic.Pointer[tail]
	stored atomic.Int64    // the greatest last seq that a join has read from the store; the tail may be behind it
	held   *memory.Holding // what the room takes but for its tail, of the client that has opened it
	marked []atomic.Bool   // per pump: it has not written the newest messages yet
	refs   int             // readers, and joins in progress; guarded by Hub.mu

	mu      sync.Mutex
	share   *memory.Share  // of the tail
	closed  bool           // it has no readers any more, and keeps no tail
	using   [encodings]int // readers per encoding
	readers [][]*reader    // one list per pump
	looks   looks
	loaded  bool // the tail's last seq has been compared with the store
}

func newRoom(name string, epoch chat.Epoch, pumps int, b *memory.Budget) *room {
	r := &room{name: name, epoch: epoch, marked: make([]atomic.Bool, pumps), readers: make([][]*reader, pumps)}
	r.share = b.Share(memory.Tail, r.dropTail)
	r.tail.Store(&tail{})
	return r
}

// reach replaces a tail that ends before last with an empty one that ends at last, and reports whether it did. Readers
// then read the messages from the store.
func (r *room) reach(last int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.jump(last)
}

// jump is reach for a caller that holds mu.
func (r *room) jump(last int64) bool {
	if last <= r.tail.Load().last {
		return false
	}
	r.empty(last)
	return true
}

// empty replaces the tail with an empty one that ends at last. The caller holds mu.
func (r *room) empty(last int64) {
	r.tail.Store(&tail{last: last})
	r.share.Set(0)
}

// dropTail lets the messages of the tail go. Readers then read them from the store.
func (r *room) dropTail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.empty(r.tail.Load().last)
}

// close ends a room that has no readers any more.
func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.empty(r.tail.Load().last)
	r.held.Release()
}

// saw notes the last number that a join has read from the store. The first one is where the tail of the room begins: messages
// that are stored meanwhile are announced. Later ones keep the tail and wake no other reader: usually the announcement is on its
// way, and without the tail all readers of a busy room would read the store at each join.
func (r *room) saw(last int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.loaded {
		r.loaded = true
		r.jump(last)
	}
	r.stored.Store(max(r.stored.Load(), last))
}

// fallBack makes last the last number of the room, because the store has no more messages than that, although heard was
// announced. It does nothing, and returns false, if that has been done already, or a message after heard was announced meanwhile.
func (r *room) fallBack(heard, last int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.last(); now > heard || now <= last {
		return false
	}
	r.stored.Store(min(r.stored.Load(), last))
	r.empty(min(r.tail.Load().last, last))
	return true
}

// extend adds stored messages to the tail, of up to limit bytes per encoding. It returns how many readers the room has, the least
// number of a message that is not new, 0 if all are, and what must give way to the tail: the caller evicts that.
func (r *room) extend(messages []chat.Message, limit int) (readers int, repeated int64, over []*memory.Share) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, 0, nil
	}
	before := r.tail.Load()
	t := before.with(r.epoch, messages, r.using, limit)
	r.tail.Store(t)
	for _, n := range r.using {
		readers += n
	}
	return readers, before.repeated(messages), r.share.Set(t.size())
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

// remove removes a reader from the list of its pump.
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
