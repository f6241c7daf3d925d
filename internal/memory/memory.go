// Package memory bounds what clients can make the process keep. There is one Budget in a process. Caches, such as the newest
// messages of rooms, fill a part of it and give way. Whatever a client has sent, or waits for, is held in the budget while it is in
// memory, and is refused when there is no space. In the journey it stands at every door and in the hub.
package memory

import (
	"container/list"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/errs"
)

// Kind is what takes memory: a label of the metrics.
type Kind int

// The kinds. Tail and Page are of caches, which give way. The others are held until they are released.
const (
	Tail       Kind = iota // the newest messages of a room
	Page                   // a page of history that was read
	Connection             // what an open connection takes besides its bytes
	Head                   // of a request
	Body                   // of a request, while the request is answered
	Handshake              // of a connection that has not finished it
	Negotiated             // a connection that was negotiated and is not open yet, with the bytes that came for it
	Room                   // a room that a connection has joined
	Partial                // a message of a connection that is not complete yet, or is being handled
	Pending                // bytes that a peer has not taken yet
	Kept                   // bytes that are kept until a client has acknowledged them
	Read                   // a page of history while it is read
	Answer                 // a page of history while it is sent to a client
	kinds                  // the number of kinds
)

// String returns the value of the label "what".
func (k Kind) String() string {
	return [kinds]string{
		"tail", "page", "connection", "head", "body", "handshake", "negotiated", "room", "partial", "pending", "kept", "read", "answer",
	}[k]
}

// RetryAfter is how long a client that was refused should wait.
const RetryAfter = time.Second

// ErrRefused is an errs.Unavailable error: there is no space in the budget for what was asked.
var ErrRefused error = &errs.Error{
	Code: errs.Unavailable, NotDone: true, RetryAfter: RetryAfter,
	Msg: "the server has no memory left for this",
}

// Config configures a Budget.
type Config struct {
	// Limit is how many bytes there are. It must be positive.
	Limit int
	// Caches is how many of them caches may fill. Default: a quarter, but 64 MiB at least and Limit at most.
	Caches int
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
}

const (
	smallCaches = 64 << 20  // what caches may fill of a small budget
	reserve     = 4         // this part of the limit is for owners that hold little: a quarter
	minSmall    = 4 << 10   // bytes that any owner gets while there is space
	maxSmall    = 256 << 10 // bytes that an owner gets of the reserve at most
)

// Budget is the memory for clients. Its methods may be called concurrently and do not block, unless they say so. Each takes constant
// time, and a little more for each share that gives way. A nil Budget has no limit and counts nothing.
type Budget struct {
	limit, caches int
	refused       *prometheus.CounterVec
	evicted       *prometheus.CounterVec

	mu     sync.Mutex
	held   int // bytes of all holdings
	kept   int // bytes of all shares
	by     [kinds]int
	used   list.List // the shares that keep something, of type *Share, the one that was used last in front
	owners map[string]*owner
	freed  chan struct{} // closed when something was given back; nil while nobody waits
}

// owner is what one client holds. It exists while it holds something.
type owner struct{ held int }

// New returns a budget of which nothing is used.
func New(cfg Config) *Budget {
	if cfg.Caches == 0 {
		cfg.Caches = max(cfg.Limit/4, smallCaches)
	}
	b := &Budget{limit: cfg.Limit, caches: min(cfg.Caches, cfg.Limit), owners: make(map[string]*owner)}
	b.register(cfg.Metrics)
	return b
}

// Limit returns how many bytes there are; 0 for a nil budget.
func (b *Budget) Limit() int {
	if b == nil {
		return 0
	}
	return b.limit
}

// Used returns how many bytes are kept and held.
func (b *Budget) Used() int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept + b.held
}

// Of returns how many bytes a kind takes.
func (b *Budget) Of(kind Kind) int {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.by[kind]
}

// fits reports whether an owner may hold n bytes more: they are free once the caches have given way, and they leave something for
// others, however many clients take as much as they get. An owner gets a quarter, at most, of what is free beyond the reserve. The
// reserve is for owners that hold little: one gets up to maxSmall of it, less when it is nearly used up, but minSmall as long as there
// is any. The caller holds mu.
func (b *Budget) fits(name string, n int) bool {
	free := b.limit - b.held
	if n > free {
		return false
	}
	if name == "" {
		return true
	}
	held := n
	if o := b.owners[name]; o != nil {
		held += o.held
	}
	return held <= (free-b.limit/reserve)/4 || held <= min(max(free/64, minSmall), maxSmall)
}

// take counts n bytes more for an owner, and returns what must give way. n may be negative. The caller holds mu.
func (b *Budget) take(name string, kind Kind, n int) (over []*Share) {
	b.held += n
	b.by[kind] += n
	if name != "" {
		o := b.owners[name]
		if o == nil {
			o = &owner{}
			b.owners[name] = o
		}
		if o.held += n; o.held == 0 {
			delete(b.owners, name)
		}
	}
	if n < 0 && b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
	return b.overflow()
}

// overflow takes the coldest shares out until the rest fits. The caller holds mu, and drops what is returned after that.
func (b *Budget) overflow() (over []*Share) {
	for b.kept > 0 && (b.kept > b.caches || b.kept+b.held > b.limit) {
		coldest, _ := b.used.Back().Value.(*Share)
		b.resize(coldest, 0)
		over = append(over, coldest)
	}
	return over
}
