package hub

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/chat"
	"restante/internal/retry"
)

// sink takes a connection's bytes. TryWrite takes all of payload without blocking, or reports false and takes nothing
// while earlier bytes wait for the peer. It does not keep payload. Wait blocks while such bytes wait. Its error means that
// the connection has ended.
type sink interface {
	TryWrite(payload []byte) bool
	Wait(ctx context.Context) error
}

// conn is one connection as a reader of logs, whatever its transport. It is level while it has every message of its
// rooms' tails: then a pump writes to it. Otherwise it is behind: then a goroutine of its own reads at the pace of the
// peer, and ends when the connection is level again. Joining with an old cursor, catching up, and being slow are this one
// state. The connection queues no messages in it.
type conn struct {
	hub  *Hub
	sink sink
	enc  encoding
	pump *pump
	lag  atomic.Int64 // messages that it does not have yet, of the room in which it is furthest behind; 0 while it is level

	mu       sync.Mutex
	readers  []*reader // few: one per joined room
	behind   bool
	closed   bool
	catching sync.WaitGroup     // the goroutine of a connection that is behind
	stop     context.CancelFunc // ends that goroutine; nil before the first
}

// reader is a connection's cursor in one room. Nothing in it grows.
type reader struct {
	conn *conn
	room *room
	slot int // index in the room's list; guarded by room.mu

	// Guarded by conn.mu.
	next  int64 // seq of the message it needs next
	moves int   // how often the client has moved the cursor; a read that began before a move must not move it back
	left  bool
}

// follow begins to read a room after the message with the given number, or with Now from the next message on. If the
// room is joined already, follow moves its cursor. It returns what the store knows of the room, and blocks while it asks
// the store.
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
		c.hub.leave(r) // a reader has entered its room once
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
	// No pump writes a message to this reader that was announced before add, or that is not announced yet.
	if rd.next <= r.last() {
		c.fallBehind(ctx)
	}
	return known, nil
}

// mayJoin returns an errs.TooMany error if the connection has joined as many rooms as it may, and not this one. The calls
// of a connection come one at a time, so it joins no room between this check and the join.
func (c *conn) mayJoin(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reader(name) != nil {
		return nil
	}
	return c.hub.checkRooms(len(c.readers) + 1)
}

// unfollow stops reading a room, if it is joined.
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

// close stops all reading and waits until nothing more is written.
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
	c.hub.lagging.remove(c)
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

// push writes to a level connection, without blocking, the messages of a room that it does not have yet, and returns
// their number. If the socket is full, or the tail begins after the reader's next message, the connection falls behind.
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
	if c.behind && !rd.left {
		c.lag.Store(max(c.lag.Load(), rd.room.last()-rd.next+1))
	}
	return pushed
}

// fallBehind moves the connection from its pump to a goroutine of its own. The caller holds mu.
func (c *conn) fallBehind(ctx context.Context) {
	if c.behind || c.closed {
		return
	}
	c.behind = true
	c.hub.lagging.add(c)
	c.hub.metrics.fallenBehind.Inc()
	// The goroutine ends with the connection (close), not with the call or the pump that found it behind.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	c.catching.Go(func() {
		defer stop()
		c.catchUp(ctx)
	})
}

// catchUp reads and writes, waiting for the peer, until the connection is level or closed. Its rooms take turns.
func (c *conn) catchUp(ctx context.Context) {
	var pauses *retry.Backoff // nil while the store answers
	var behind []*reader
	for ctx.Err() == nil {
		var ok bool
		if behind, ok = c.behindReaders(behind[:0]); !ok {
			return
		}
		for _, rd := range behind {
			// Wait before reading: a slow peer then keeps only the bytes of its sink in memory, never a page of history.
			if c.sink.Wait(ctx) != nil {
				return
			}
			a, err := c.read(ctx, rd)
			if err == nil {
				pauses = nil
				c.write(rd, a)
				continue
			}
			if ctx.Err() != nil {
				return
			}
			// The store does not answer, so the cursor stays.
			c.hub.cfg.Log.WarnContext(ctx, "a reader waits for the store", slog.Any("error", err))
			if pauses == nil {
				pauses = retry.NewBackoff(50*time.Millisecond, 5*time.Second)
			}
			if pauses.Wait(ctx) != nil {
				return
			}
		}
	}
}

// behindReaders appends the readers that have something to read. If none has, the connection is level again: from now on
// a pump writes to it, and the caller must not.
func (c *conn) behindReaders(dst []*reader) (readers []*reader, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, false
	}
	lag := int64(0)
	for _, rd := range c.readers {
		if n := rd.room.last() - rd.next + 1; n > 0 {
			dst = append(dst, rd)
			lag = max(lag, n)
		}
	}
	c.lag.Store(lag)
	// If a message joins a tail after this check, the pump finds the connection level, because it reads behind under mu.
	if c.behind = len(dst) > 0; !c.behind {
		c.hub.lagging.remove(c)
	}
	return dst, c.behind
}

// advance is a step of a reader's cursor: the messages from to upto, and how often the client had moved the cursor.
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

// write writes what was read and moves the cursor. It does nothing if the peer has become slow, or if the client has moved
// the cursor or left the room meanwhile: after the answer to a move, the client gets no message from before the move.
func (c *conn) write(rd *reader, a advance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rd.left || rd.moves != a.moves || !c.sink.TryWrite(a.payload) {
		return
	}
	rd.next = a.upto + 1
	c.hub.metrics.delivered.Add(float64(a.upto - a.from + 1))
}
