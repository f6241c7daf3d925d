package signalr

import (
	"sync"

	"restante/internal/memory"
)

// backlog is the bytes that an outlet has accepted and its transport has not written yet. Callers wait in it for space.
// mu guards all of it, so that no wake-up is lost between the check and the wait.
type backlog struct {
	mu      sync.Mutex
	pending []byte
	bound   int           // with more pending bytes, the client's next message is not read
	space   chan struct{} // closed and set to nil when space is free again; nil while no caller waits
	ended   bool          // nothing more is accepted
	moving  bool          // a goroutine is writing to the peer
	level   memory.Level  // of the bytes that wait
	since   int64         // when it began to write, or when the peer last accepted bytes, as Server.now
}

// idle returns a channel that is closed when some pending bytes are written; nil when none are pending, or the connection
// has ended.
func (b *backlog) idle() (written <-chan struct{}, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || len(b.pending) == 0 {
		return nil, b.ended
	}
	return b.waitSpace(), false
}

// congested returns a channel that is closed when some pending bytes are written; nil when they are within the bound, or
// the connection has ended.
func (b *backlog) congested() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended || len(b.pending) <= b.bound {
		return nil
	}
	return b.waitSpace()
}

// stuckSince returns since when the peer has accepted none of the bytes that are being written; ok is false when nothing is
// being written.
func (b *backlog) stuckSince() (since int64, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.since, b.moving
}

// waitSpace returns the channel that spaceFreed will close. The caller holds mu.
func (b *backlog) waitSpace() <-chan struct{} {
	if b.space == nil {
		b.space = make(chan struct{})
	}
	return b.space
}

// spaceFreed wakes all callers that wait. The caller holds mu.
func (b *backlog) spaceFreed() {
	if b.space != nil {
		close(b.space)
		b.space = nil
	}
}
