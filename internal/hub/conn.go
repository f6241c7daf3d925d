package hub

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/memory"
	"restante/internal/retry"
	"restante/internal/signalr"
)

// sink takes a connection's bytes. TryWrite takes all of payload, which is one message, without blocking, or reports false and
// takes nothing while earlier bytes wait for the peer. It does not keep payload. TryWriteRun does the same with messages of
// a room, which run names so that they can be read again. Wait blocks while such bytes wait. Its error means that
// the connection has ended. Renew asks the peer to connect again, and ends the connection; it returns at once.
type sink interface {
	TryWrite(payload []byte) bool
	TryWriteRun(payload []byte, run signalr.Run) bool
	Wait(ctx context.Context) error
	Renew()
}

// conn is one connection as a reader of logs, whatever its transport. It is level while it has every message of its
// rooms' tails: then a pump writes to it. Otherwise it is behind: then a goroutine of its own reads at the pace of the
// peer, and ends when the connection is level again. Joining with an old cursor, catching up, and being slow are this one
// state. The connection queues no messages in it.
type conn struct {
	hub    *Hub
	sink   sink
	enc    encoding
	pump   *pump
	owner  string          // of what is kept for it, see Config.Owner
	joined *memory.Holding // what its readers take
	lag    atomic.Int64    // messages that it does not have yet, of the room in which it is furthest behind; 0 while it is level

	mu       sync.Mutex
	client   *auth.Client // whose rights it has since a newer token was shown; nil before
	readers  []*reader    // few: one per joined room
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
	next  int64       // seq of the message it needs next
	moves int         // how often the client has moved the cursor; a read that began before a move must not move it back
	reset *chat.Reset // what the client must be told before the next message; nil: nothing
	held  bool        // nothing is written to it before the call that made or moved it has been answered
	left  bool
}

// isBehind reports whether there is something to write to the reader. The caller holds conn.mu.
func (rd *reader) isBehind() bool { return !rd.held && (rd.reset != nil || rd.next <= rd.room.last()) }

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

// renew gives the connection the rights of a newer token, and stops reading the rooms that it does not allow. From its return on
// nothing of them is written.
func (c *conn) renew(client *auth.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client = client
	c.readers = slices.DeleteFunc(slices.Clone(c.readers), func(rd *reader) bool {
		if client.CanRead(rd.room.name) == nil {
			return false
		}
		c.drop(rd)
		return true
	})
}

// mayRead returns an errs.Forbidden error if a token that was shown while a call was running does not allow the room any more. The
// caller holds mu.
func (c *conn) mayRead(room string) error {
	if c.client == nil {
		return nil
	}
	return c.client.CanRead(room)
}

// stillReads is mayRead for a call that has read the room by itself.
func (c *conn) stillReads(room string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mayRead(room)
}

// close stops all reading and waits until nothing more is written.
func (c *conn) close() {
	c.cut()
	c.catching.Wait()
	c.hub.forget(c)
	c.joined.Release()
}

// cut stops all reading. From its return on nothing is written.
func (c *conn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, rd := range c.readers {
		c.drop(rd)
	}
	c.readers = nil
	if c.stop != nil {
		c.stop()
	}
	c.hub.lagging.remove(c)
}

// isClosed reports whether reading has been stopped.
func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *conn) drop(rd *reader) {
	rd.left = true
	c.hub.quota.give(c.owner, rd.room.name)
	c.joined.Shrink(priceOfReader)
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
	for !c.behind && !rd.left && !rd.held {
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
		if !c.sink.TryWriteRun(payload, runOf(rd.room, rd.next, upto)) {
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
		if rd.isBehind() {
			dst = append(dst, rd)
			lag = max(lag, rd.room.last()-rd.next+1)
		}
	}
	c.lag.Store(lag)
	// If a message joins a tail after this check, the pump finds the connection level, because it reads behind under mu.
	if c.behind = len(dst) > 0; !c.behind {
		c.hub.lagging.remove(c)
	}
	return dst, c.behind
}

// advance is a step of a reader's cursor: the messages from to upto, or the Reset that passes over them, and how often the
// client had moved the cursor.
type advance struct {
	payload []byte
	from    int64
	upto    int64
	moves   int
	reset   *chat.Reset // nil: the payload is messages
}

// read returns the next bytes for a reader: what it must be told, or messages from the tail or the store.
func (c *conn) read(ctx context.Context, rd *reader) (a advance, err error) {
	c.mu.Lock()
	a.from, a.moves, a.reset = rd.next, rd.moves, rd.reset
	c.mu.Unlock()
	var s segment
	if a.reset == nil {
		s, a.reset, err = c.find(ctx, rd.room, a.from)
	}
	switch {
	case err != nil:
	case a.reset != nil:
		a.payload, a.upto = c.enc.appendReset(nil, a.reset, rd.room.epoch), a.reset.After
	default:
		a.payload, a.upto = s.from(a.from)
	}
	return a, err
}

// find returns a segment that holds the message, or what the reader must be told because the message has been removed.
func (c *conn) find(ctx context.Context, r *room, seq int64) (segment, *chat.Reset, error) {
	if s, ok := r.tail.Load().find(c.enc, seq); ok {
		return s, nil, nil
	}
	s, err := c.hub.pages.find(ctx, r, c.enc, seq)
	if !errors.Is(err, errNotReadable) {
		return s, nil, err
	}
	// The look also finds a store that has fewer messages than were announced.
	known, lookErr := c.hub.look(ctx, r)
	if lookErr != nil {
		return s, nil, lookErr
	}
	before := chat.Cursor{Room: r.name, Seq: seq - 1, Epoch: r.epoch.ID}
	_, reset, resumeErr := chat.Resume(known, before, nil)
	if resumeErr != nil || reset == nil {
		return s, nil, err
	}
	c.hub.metrics.countReset(reset)
	return s, reset, nil
}

// write writes what was read and moves the cursor. It does nothing if the peer has become slow, or if the client has moved
// the cursor or left the room meanwhile: after the answer to a move, the client gets no message from before the move.
func (c *conn) write(rd *reader, a advance) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rd.left || rd.moves != a.moves {
		return
	}
	if a.reset != nil {
		if c.sink.TryWrite(a.payload) {
			rd.next, rd.reset = a.upto+1, nil
		}
		return
	}
	if !c.sink.TryWriteRun(a.payload, runOf(rd.room, a.from, a.upto)) {
		return
	}
	rd.next = a.upto + 1
	c.hub.metrics.delivered.Add(float64(a.upto - a.from + 1))
}
