package hub

import (
	"context"
	"sync"

	"restante/internal/chat"
)

// looks are the looks of many joins at one room in the store. Joins that wait share the next look. A join never takes part in a look
// that began before the join did, so it sees everything that was stored before it.
type looks struct {
	mu   sync.Mutex
	now  *look // the one that began last; nil before the first
	next *look // the one that has not begun yet; nil when nobody waits for one
}

// look is one look at the store. known and err are set when done is closed.
type look struct {
	done  chan struct{}
	known chat.Room
	err   error
}

// share returns what a look that began after the call of share has found. It blocks until then, or until ctx is done. The first
// caller that waits for a look does it, also for the others, and is not ended by ctx.
func (l *looks) share(ctx context.Context, ask func() (chat.Room, error)) (chat.Room, error) {
	l.mu.Lock()
	next, before := l.next, l.now
	if next != nil {
		l.mu.Unlock()
		select {
		case <-next.done:
			return next.known, next.err
		case <-ctx.Done():
			return chat.Room{}, ctx.Err()
		}
	}
	next = &look{done: make(chan struct{})}
	l.next = next
	l.mu.Unlock()
	if before != nil {
		<-before.done
	}
	l.mu.Lock()
	l.now, l.next = next, nil // callers from now on wait for the look after this one
	l.mu.Unlock()
	defer close(next.done)
	next.known, next.err = ask()
	return next.known, next.err
}
