package hub

import (
	"fmt"
	"sync"

	"restante/internal/errs"
)

// What the hub's things take in memory, in bytes, besides messages.
const (
	priceOfRoom   = 1 << 10  // a room with readers: its lists, and its places in maps
	priceOfStream = 16 << 10 // an event stream: its request, its buffers, and its place in lists
	priceOfReader = 192      // a reader: itself, its places in lists, and its place in the quota
)

// takeSpace counts a new reader of the connection, or returns why there is no space for it. The caller holds mu.
func (c *conn) takeSpace(room string) error {
	if err := c.hub.quota.take(c.owner, room); err != nil {
		return err
	}
	if err := c.joined.Grow(priceOfReader); err != nil {
		c.hub.quota.give(c.owner, room)
		return err
	}
	return nil
}

// quota bounds how many different rooms an owner has joined with all its connections. Its methods may be called concurrently.
type quota struct {
	limit int // negative: any number

	mu     sync.Mutex
	joined map[string]map[string]int // how many readers an owner has, by room
}

func newQuota(limit int) *quota { return &quota{limit: limit, joined: make(map[string]map[string]int)} }

// take counts a reader, or returns an errs.TooMany error.
func (q *quota) take(owner, room string) error {
	if owner == "" || q.limit < 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	rooms := q.joined[owner]
	if rooms[room] == 0 && len(rooms) >= q.limit {
		return &errs.Error{Code: errs.TooMany, Msg: fmt.Sprintf("a client may have joined %d rooms at a time; leave one first", q.limit)}
	}
	if rooms == nil {
		rooms = make(map[string]int)
		q.joined[owner] = rooms
	}
	rooms[room]++
	return nil
}

// give uncounts a reader that take has counted.
func (q *quota) give(owner, room string) {
	if owner == "" || q.limit < 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	rooms := q.joined[owner]
	if rooms[room]--; rooms[room] > 0 {
		return
	}
	delete(rooms, room)
	if len(rooms) == 0 {
		delete(q.joined, owner)
	}
}
