package limit

import (
	"container/list"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"restante/internal/errs"
	"restante/internal/memory"
)

// What the head of a request may take while it is read. Everything beyond smallHead is held in the budget of the process, for the
// network that it comes from.
const (
	smallHead = 4 << 10  // bytes that cost nothing: as many as net/http reads at a time
	freeHead  = 32 << 10 // bytes beyond which only a few heads are read at a time
	headStep  = 8 << 10  // bytes that are held at a time

	largePerAddress = 8  // heads of more than freeHead that are read at a time from one address
	largeInAll      = 64 // from all addresses

	// A head is copied while its buffer grows, and when it has become strings.
	headCopies = 2

	unfinishedShare = 4    // this part of the connections may be unfinished: a quarter
	maxUnfinished   = 4096 // in all
	minUnfinished   = 16   // in all, however few connections there may be

	// A connection that is unfinished for longer gives way to a new one. Honest clients are faster, unless the network is bad.
	givesWayAfter = time.Second
)

// heads counts the connections that have not sent a whole head yet, and those whose head is large.
type heads struct {
	perAddress, inAll int // negative: any number

	mu       sync.Mutex
	waiting  list.List                 // of *conn, the oldest in front: those that are unfinished
	networks map[netip.Addr]*list.List // the same by network, but for exempt ones
	large    map[netip.Addr]int        // heads that are larger than freeHead and not complete, by network
	allLarge int
}

func newHeads(cfg Config) *heads {
	h := &heads{perAddress: -1, inAll: -1, networks: make(map[netip.Addr]*list.List), large: make(map[netip.Addr]int)}
	if cfg.Connections >= 0 {
		h.inAll = max(min(cfg.Connections/unfinishedShare, maxUnfinished), minUnfinished)
	}
	if cfg.ConnectionsPerAddress >= 0 {
		h.perAddress = max(cfg.ConnectionsPerAddress/unfinishedShare, minUnfinished/2)
		if h.inAll >= 0 {
			h.perAddress = min(h.perAddress, h.inAll/2)
		}
	}
	return h
}

// head is what a connection has sent of a handshake or a head that is not complete.
type head struct {
	mu      sync.Mutex
	phase   phase
	read    int             // bytes
	held    *memory.Holding // of them
	large   bool            // it is counted in heads.large
	entered bool            // it was counted in heads.waiting

	// Guarded by heads.mu.
	all, network *list.Element // in the lists of heads; nil: it is in none
	since        time.Time     // when it was put there
}

// phase is what a connection is doing.
type phase int

const (
	reading phase = iota // the handshake, or the head of a request
	serving              // a handler answers a request, and may read its body; or TLS counts, see secured
	idle                 // between two requests
	framed               // HTTP/2: see frames
)

// enter counts a connection as unfinished. It returns the limit that it exceeds, or the connection that must give way to it. One that
// is known, because it has had an answer already, is never refused.
func (h *heads) enter(c *conn, now time.Time, known bool) (oldest *conn, beyond limit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.head.all != nil {
		return nil, ""
	}
	mine := h.networks[c.network]
	full := func(l *list.List, most int) bool { return l != nil && most >= 0 && l.Len() >= most }
	crowd, unfair := mine, false
	switch {
	case !c.exempt && full(mine, h.perAddress):
		beyond = limitUnfinishedPerAddress
	case full(&h.waiting, h.inAll):
		crowd, unfair = h.crowd(mine)
		beyond = limitUnfinished
	}
	if beyond != "" {
		oldest, _ = crowd.Front().Value.(*conn)
		if !known && !unfair && now.Sub(oldest.head.since) < givesWayAfter {
			return nil, beyond
		}
		h.remove(oldest)
		mine = h.networks[c.network]
	}
	c.head.since, c.head.all = now, h.waiting.PushBack(c)
	if !c.exempt {
		if mine == nil {
			mine = list.New()
			h.networks[c.network] = mine
		}
		c.head.network = mine.PushBack(c)
	}
	return oldest, ""
}

// crowd returns the connections of which the oldest gives way when there are too many in all: those of the network that has the most,
// which is unfair if it has more than one more than the new one's. So however many networks fill the limit, another one gets in. The
// caller holds mu.
func (h *heads) crowd(mine *list.List) (most *list.List, unfair bool) {
	most = &h.waiting
	fair := 1
	if mine != nil {
		fair += mine.Len()
	}
	for _, l := range h.networks {
		if l.Len() > fair && (!unfair || l.Len() > most.Len()) {
			most, unfair = l, true
		}
	}
	return most, unfair
}

// leave counts a connection as unfinished no longer.
func (h *heads) leave(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(c)
}

// remove takes a connection out of the lists. The caller holds mu.
func (h *heads) remove(c *conn) {
	if c.head.all == nil {
		return
	}
	h.waiting.Remove(c.head.all)
	c.head.all = nil
	if c.head.network == nil {
		return
	}
	mine := h.networks[c.network]
	mine.Remove(c.head.network)
	c.head.network = nil
	if mine.Len() == 0 {
		delete(h.networks, c.network)
	}
}

// takeLarge counts a head that is larger than freeHead, or reports that there are too many.
func (h *heads) takeLarge(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := h.large[c.network]
	switch {
	case !c.exempt && mine >= largePerAddress:
		return false
	case h.allLarge >= largeInAll && (mine > 0 || h.allLarge >= 2*largeInAll): // the first of an address may be one more
		return false
	}
	h.allLarge++
	h.large[c.network]++
	return true
}

func (h *heads) giveLarge(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.allLarge--
	if h.large[c.network]--; h.large[c.network] == 0 {
		delete(h.large, c.network)
	}
}

// count returns how many connections are unfinished.
func (h *heads) count() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return float64(h.waiting.Len())
}

// wait counts a connection as unfinished that has sent a part of a head. It is called before the rest is read into p. net/http reads
// a single byte while a request is answered, to notice that the client disconnects.
func (c *conn) wait(p []byte) {
	c.head.mu.Lock()
	defer c.head.mu.Unlock()
	if len(p) == 1 || c.head.read == 0 || c.head.entered || c.head.phase == serving || c.closed.Load() {
		return
	}
	c.head.entered = true
	oldest, _ := c.limits.heads.enter(c, time.Now(), true)
	c.limits.giveWay(oldest)
}

// counted counts n bytes that were read if they are of a head. It returns the limit that they exceed.
func (c *conn) counted(n int) (beyond limit) {
	c.head.mu.Lock()
	defer c.head.mu.Unlock()
	if c.head.phase == idle && n > 0 {
		c.head.phase = reading
	}
	if c.head.phase != reading || n <= 0 {
		return ""
	}
	return c.grown(n)
}

// grown notes n more bytes of a head. It returns the limit that they exceed. The caller holds c.head.mu.
func (c *conn) grown(n int) (beyond limit) {
	c.head.read += n
	if c.head.read <= smallHead {
		return ""
	}
	if c.head.read > freeHead && !c.head.large {
		if c.head.large = c.limits.heads.takeLarge(c); !c.head.large {
			return limitLargeHeads
		}
	}
	if c.head.held == nil {
		c.head.held = c.limits.cfg.Memory.Hold(memory.Head, c.owner())
	}
	need := headCopies*(c.head.read-smallHead) - c.head.held.Size()
	if need > 0 && c.head.held.Grow((need+headStep-1)/headStep*headStep) != nil {
		return limitMemory
	}
	return ""
}

// rest notes that a head is complete, and what the connection does next. It returns what is held for the head, which the caller
// releases.
func (c *conn) rest(next phase) (held *memory.Holding) {
	c.head.mu.Lock()
	defer c.head.mu.Unlock()
	c.head.phase = next
	return c.finish()
}

// finish is rest without a change of the phase. The caller holds c.head.mu.
func (c *conn) finish() (held *memory.Holding) {
	held, c.head.held, c.head.read = c.head.held, nil, 0
	if c.head.large {
		c.head.large = false
		c.limits.heads.giveLarge(c)
	}
	if c.head.entered {
		c.head.entered = false
		c.limits.heads.leave(c)
	}
	return held
}

// owner is who holds the memory of the connection before the client of a request is known. A proxy has many clients.
func (c *conn) owner() string {
	if c.exempt {
		return ""
	}
	return OwnerOf(c.from)
}

// refuse answers over a connection that its head takes too much, and returns the error with which reading ends. It reads on for a
// moment, into p: the answer would get lost if the connection were closed while bytes wait.
func (c *conn) refuse(over net.Conn, p []byte, beyond limit) error {
	c.limits.note(c.from, beyond)
	_ = c.SetDeadline(time.Now().Add(lingerTime))
	if _, err := over.Write(refusedHead); err != nil {
		return errRefused
	}
	if half, ok := over.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	for left := lingerBytes; left > 0; {
		n, err := over.Read(p)
		if err != nil {
			break
		}
		left -= n
	}
	return errRefused
}

// How long, and for how many bytes, a refused connection is read on.
const (
	lingerTime  = 250 * time.Millisecond
	lingerBytes = 512 << 10
)

// refusal is the answer of HTTP/1.1 to a connection that cannot be served.
func refusal(detail string, code errs.Code) []byte {
	body := problem(detail, code)
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nCache-Control: no-store\r\n"+
		"Retry-After: 1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// problem is the body of a refusal.
func problem(detail string, code errs.Code) string {
	return fmt.Sprintf(`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":%q,"code":%q}`+"\n", detail, code)
}

const noSpace = "the server has no memory left for the head of this request; make it smaller, or try again"

// The answers to connections that are refused.
var (
	rejection   = refusal("there are too many connections; try again", errs.TooMany)
	refusedHead = refusal(noSpace, errs.Unavailable)
)

// errRefused ends the reading of a connection that was refused. net/http answers nothing to an error of this type.
var errRefused error = &net.OpError{Op: "read", Net: "tcp", Err: net.ErrClosed}
