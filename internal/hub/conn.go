package hub

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"restante/internal/chat"
)

// sink is where a connection's bytes go. TryWrite takes all of payload without blocking, or reports false and takes
// nothing while earlier bytes wait for the peer; it does not keep payload. Wait blocks while such bytes wait; an error
// means that the connection is over.
type sink interface {
	TryWrite(payload []byte) bool
	Wait(ctx context.Context) error
}

// conn is one connection as a reader of logs, whatever its transport. It is level while it has, of each of its rooms,
// all that there is: then a pump writes to it. Otherwise it is behind, and a goroutine of its own, which lives until
// the connection is level again, reads at the pace of the peer. Joining with an old cursor, catching up, and being slow
// are this one state; nothing is queued in it.
type conn struct {
	hub  *Hub
	sink sink
	enc  encoding
	pump *pump

	mu       sync.Mutex
	readers  []*reader // few: one per joined room
	behind   bool
	closed   bool
	catching sync.WaitGroup     // the goroutine of a connection that is behind
	stop     context.CancelFunc // ends that goroutine; nil before the first
}

// reader is a connection's place in one room: a cursor, and nothing else that grows.
type reader struct {
	conn *conn
	room *room
	slot int // in the room's list; guarded by room.mu

	// Guarded by conn.mu.
	next  int64 // seq of the message it needs next
	moves int   // how often the client has moved the cursor, so that a read in progress does not move it back
	left  bool
}

// follow begins to read a room from the message after the given one on, or with Now from the next one on, and returns
// what the store knows of the room; if it is joined already, the cursor moves there. It blocks while it asks the store.
//
// Only follow makes readers, whatever the transport, and it resolves the cursor through the guard first: a reader of a
// room that the client may not read cannot exist. ctx is that of the connection's opening request, or has its values.
func (c *conn) follow(ctx context.Context, name string, after int64) (known chat.Room, err error) {
	if err := c.mayJoin(name); err != nil {
		return known, err
	}
	known, next, err := c.hub.resolve(ctx, name, after)
	if err != nil {
		return known, err
	}
	r, err := c.hub.enter(ctx, name)
	if err != nil {
		return known, err
	}
	r.saw(known.LastSeq)
	c.mu.Lock()
	defer c.mu.Unlock()
	rd := c.reader(name)
	if c.closed || rd != nil {
		c.hub.leave(r) // a reader holds its room once
	}
	switch {
	case c.closed:
		return known, nil
	case rd != nil:
		rd.next = next
		rd.moves++
	default:
		rd = &reader{conn: c, room: r, next: next}
		c.readers = append(c.readers, rd)
		r.add(rd)
	}
	// A message that was announced before add, or not at all yet, has woken nobody for this reader.
	if rd.next <= r.last() {
		c.fallBehind(ctx)
	}
	return known, nil
}

// mayJoin returns an errs.TooMany error if the connection has joined as many rooms as it may, and not this one. Nobody
// joins meanwhile: the calls of a connection come one at a time.
func (c *conn) mayJoin(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reader(name) != nil {
		return nil
	}
	return c.hub.mayHave(len(c.readers) + 1)
}

// unfollow ends the reading of a room, if it is joined.
func (c *conn) unfollow(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, rd := range c.readers {
		if rd.room.name == name {
			c.readers = append(c.readers[:i:i], c.readers[i+1:]...)
			c.drop(rd)
			return
		}
	}
}

// close ends all reading and waits until nothing is written any more.
func (c *conn) close() {
	c.mu.Lock()
	c.closed = true
	for _, rd := range c.readers {
		c.drop(rd)
	}
	c.readers = nil
	if c.stop != nil {
		c.stop()
	}
	c.mu.Unlock()
	c.catching.Wait()
}

func (c *conn) drop(rd *reader) {
	rd.left = true
	rd.room.remove(rd)
	c.hub.leave(rd.room)
}

func (c *conn) reader(name string) *reader {
	for _, rd := range c.readers {
		if rd.room.name == name {
			return rd
		}
	}
	return nil
}

// push writes what a level connection has not seen of a room, without blocking, and returns the number of messages.
// Where that does not work, because the socket is full or the tail does not reach back far enough, the connection
// falls behind.
func (c *conn) push(ctx context.Context, rd *reader) (pushed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.behind && !rd.left {
		t := rd.room.tail.Load()
		if rd.next > t.last {
			break
		}
		s, ok := t.find(c.enc, rd.next)
		if !ok {
			c.fallBehind(ctx)
			break
		}
		payload, upto := s.from(rd.next)
		if !c.sink.TryWrite(payload) {
			c.fallBehind(ctx)
			break
		}
		pushed += int(upto - rd.next + 1)
		rd.next = upto + 1
	}
	return pushed
}

// fallBehind hands the connection from its pump to a goroutine of its own. The caller holds mu.
func (c *conn) fallBehind(ctx context.Context) {
	if c.behind || c.closed {
		return
	}
	c.behind = true
	c.hub.metrics.fallenBehind.Inc()
	// It ends with the connection (close), not with the call or the pump that found it behind.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.catching.Go(func() {
		defer stop()
		c.catchUp(ctx)
	})
}

// catchUp reads and writes, waiting for the peer, until the connection is level or over. Its rooms take turns.
func (c *conn) catchUp(ctx context.Context) {
	const firstPause, maxPause = 50 * time.Millisecond, 5 * time.Second
	pause := firstPause
	var behind []*reader
	for ctx.Err() == nil {
		var ok bool
		if behind, ok = c.behindReaders(behind[:0]); !ok {
			return
		}
		for _, rd := range behind {
			// Wait first, read then: what waits for a slow peer is bytes that its sink has, never a page of history.
			if c.sink.Wait(ctx) != nil {
				return
			}
			a, err := c.read(ctx, rd)
			if err == nil {
				pause = firstPause
				c.write(rd, a)
				continue
			}
			if ctx.Err() != nil {
				return
			}
			// The store does not answer. The cursor stays where it is.
			c.hub.cfg.Log.WarnContext(ctx, "a reader waits for the store", slog.Any("error", err))
			select {
			case <-ctx.Done():
			case <-time.After(pause/2 + rand.N(pause)):
			}
			pause = min(2*pause, maxPause)
		}
	}
}

// behindReaders appends the readers that have something to read. When there is none, the connection is level again:
// from here on a pump writes to it, and the caller must not.
func (c *conn) behindReaders(dst []*reader) (readers []*reader, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false
	}
	for _, rd := range c.readers {
		if rd.next <= rd.room.last() {
			dst = append(dst, rd)
		}
	}
	// A message that joins a tail after this look finds the connection level: the pump looks at behind under mu.
	c.behind = len(dst) > 0
	return dst, c.behind
}

// advance is what takes a reader's cursor from one place to another.
type advance struct {
	payload []byte
	from    int64
	upto    int64
	moves   int
}

// read returns the next bytes for a reader, from the tail or from the store.
func (c *conn) read(ctx context.Context, rd *reader) (a advance, err error) {
	c.mu.Lock()
	a.from, a.moves = rd.next, rd.moves
	c.mu.Unlock()
	s, ok := rd.room.tail.Load().find(c.enc, a.from)
	if !ok {
		if s, err = c.hub.pages.find(ctx, rd.room.name, c.enc, a.from); err != nil {
			return a, err
		}
	}
	a.payload, a.upto = s.from(a.from)
	return a, nil
}

// write writes what was read and moves the cursor, unless the peer has become slow, or the client has moved the cursor or
// left the room meanwhile: a client never gets a message from before a move after the answer to it.
func (c *conn) write(rd *reader, a advance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rd.left || rd.moves != a.moves || !c.sink.TryWrite(a.payload) {
		return
	}
	rd.next = a.upto + 1
	c.hub.metrics.delivered.Add(float64(a.upto - a.from + 1))
}

// lag returns how many messages the connection has not been given of the room it is furthest behind in.
func (c *conn) lag() (lag int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, rd := range c.readers {
		lag = max(lag, rd.room.last()-rd.next+1)
	}
	return lag
}
