package signalr

import "sync"

// backlog is the bytes that an outlet has taken and its transport has not, with the waiting for room among them. All of
// it is guarded by mu, so that a waiter cannot miss the moment between looking and waiting.
type backlog struct {
	mu      sync.Mutex
	pending []byte
	bound   int           // pending bytes beyond which a client's next message is not read
	room    chan struct{} // closed, and forgotten, when there is room again; nil while nobody waits
	ended   bool          // nothing is taken any more
	moving  bool          // a goroutine is writing to the peer
	since   int64         // when it began or, later, when the peer last took something, as Server.now
}

// idle returns a channel that is closed when some of what waits has gone; nil when nothing waits, or all is over.
func (b *backlog) idle() (gone <-chan struct{}, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || len(b.pending) == 0 {
		return nil, b.ended
	}
	return b.waitRoom(), false
}

// congested returns a channel that is closed when some of what waits has gone; nil when no more waits than may, or all
// is over.
func (b *backlog) congested() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || len(b.pending) <= b.bound {
		return nil
	}
	return b.waitRoom()
}

// stuckSince returns since when the peer has taken nothing of what is being written; ok is false when nothing is.
func (b *backlog) stuckSince() (since int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since, b.moving
}

// waitRoom returns the channel that madeRoom will close. mu is held.
func (b *backlog) waitRoom() <-chan struct{} {
	if b.room == nil {
		b.room = make(chan struct{})
	}
	return b.room
}

// madeRoom wakes all who wait. mu is held.
func (b *backlog) madeRoom() {
	if b.room != nil {
		close(b.room)
		b.room = nil
	}
}
