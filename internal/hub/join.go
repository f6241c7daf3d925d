package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/retry"
)

// position is where a reader has begun: what the store knows of its room, and the Reset that its client must be told if it does
// not begin where its cursor is, nil otherwise.
type position struct {
	chat.Room
	reset *chat.Reset
}

// A join looks at the store again while that changes to another epoch: joinLooks times, for about two seconds.
const joinLooks = 8

// errTurning is why nothing is read of a store that is about to tell which epoch it is in.
var errTurning = &errs.Error{
	Code: errs.Unavailable, Msg: "the store goes on in another epoch, or lacks messages that were announced",
	RetryAfter: time.Second,
}

// follow begins to read a room after the cursor. If the room is joined already, follow moves its cursor. A Reset is written
// before the messages. It returns what the store knows of the room, and blocks while it asks the store. ctx has the
// values of the request whose rights count.
func (c *conn) follow(ctx context.Context, cursor chat.Cursor) (position, error) {
	return c.enroll(ctx, cursor, true)
}

// join is follow for a caller that tells the client what it returns. Nothing is written to the reader until the caller has done that
// and calls release.
func (c *conn) join(ctx context.Context, cursor chat.Cursor) (position, error) {
	return c.enroll(ctx, cursor, false)
}

// release begins to write to the reader of a room that was joined, if it has not been left meanwhile.
func (c *conn) release(ctx context.Context, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	rd := c.reader(name)
	if rd == nil {
		return
	}
	rd.held = false
	if rd.isBehind() {
		c.fallBehind(ctx)
	}
}

// enroll makes the reader. Only enroll makes readers, whatever the transport, and it checks the right of the client before it
// reads anything: a reader of a room that the client may not read cannot exist, and even a refused cursor would tell how long
// the room is. It checks the right again before it makes the reader, because the client may have shown a newer token meanwhile.
func (c *conn) enroll(ctx context.Context, cursor chat.Cursor, tell bool) (at position, err error) {
	if err := c.mayJoin(cursor.Room); err != nil {
		return at, err
	}
	if err := chat.ValidateRoom(cursor.Room); err != nil {
		return at, err
	}
	if err := auth.Require(ctx, cursor.Room); err != nil {
		return at, err
	}
	r, after, at, err := c.hub.enter(ctx, cursor)
	if err != nil {
		return at, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.mayRead(cursor.Room); err != nil {
		c.hub.leave(r)
		return position{}, err
	}
	rd := c.reader(cursor.Room)
	if c.closed || rd != nil {
		c.hub.leave(r) // a reader has entered its room once
	} else if err := c.takeSpace(cursor.Room); err != nil {
		c.hub.leave(r)
		return position{}, err
	}
	switch {
	case c.closed:
		return at, nil
	case rd != nil:
		rd.next = after + 1
		rd.moves++
	default:
		rd = &reader{conn: c, room: r, next: after + 1}
		c.readers = append(c.readers, rd)
		r.add(rd)
	}
	rd.reset, rd.held = nil, !tell
	if tell {
		rd.reset = at.reset
	}
	// No pump writes a message to this reader that was announced before add, or that is not announced yet.
	if rd.isBehind() {
		c.fallBehind(ctx)
	}
	return at, nil
}

// enter opens the room of a cursor, and returns the number after which its reader begins. It keeps the room open until leave has
// been called as often as enter.
func (h *Hub) enter(ctx context.Context, cursor chat.Cursor) (r *room, after int64, at position, err error) {
	pauses := retry.NewBackoff(20*time.Millisecond, 500*time.Millisecond)
	for n := 1; ; n++ {
		if r, err = h.open(context.WithoutCancel(ctx), cursor.Room); err != nil {
			return nil, 0, at, err
		}
		if after, at, err = h.resolve(ctx, r, cursor); err == nil {
			return r, after, at, nil
		}
		h.leave(r)
		if !errors.Is(err, errTurning) || n == joinLooks || pauses.Wait(ctx) != nil {
			return nil, 0, at, err
		}
	}
}

// resolve checks a cursor and returns after which number its reader begins.
//
// Only the store says what "now" is, and it says the same to the client (last_seq) and to its reader. The room's tail
// cannot say it: announcements may be late, or lost until the next Resync, so the tail may be behind the store, and it
// may have passed it by the time it is read. A reader that began after the tail would get messages again that the client
// knows to be before now, or would miss those that came in between.
func (h *Hub) resolve(ctx context.Context, r *room, cursor chat.Cursor) (after int64, at position, err error) {
	if at.Room, err = h.look(ctx, r); err != nil {
		return 0, at, err
	}
	after, at.reset, err = chat.Resume(at.Room, cursor, func(epoch string) (int64, error) {
		return h.logs.Guarded.Beginning(context.WithoutCancel(ctx), r.name, epoch)
	})
	if err == nil {
		h.metrics.countReset(at.reset)
	}
	return after, at, err
}

// look asks the store about an open room, together with others that ask now. The answer is younger than the call. It notes what
// it finds in the room. It returns errTurning when the store is in another epoch than the room, or has fewer messages than were
// announced.
func (h *Hub) look(ctx context.Context, r *room) (chat.Room, error) {
	heard := r.last()
	known, err := r.looks.share(ctx, func() (chat.Room, error) {
		// The read is short and has its own time limit. Tied to the connection's context it would leave 360 bytes of
		// bookkeeping in that context for the life of every connection.
		return h.logs.Shared.Room(context.WithoutCancel(ctx), r.name)
	})
	switch {
	case err != nil:
		return known, fmt.Errorf("open room %s: %w", r.name, err)
	case known.Epoch.ID != r.epoch.ID:
		return known, errTurning
	case known.LastSeq < heard:
		if r.fallBack(heard, known.LastSeq) {
			h.doubt(doubtNumbers)
		}
		return known, errTurning
	}
	r.saw(known.LastSeq)
	return known, nil
}
