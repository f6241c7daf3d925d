package hub

import (
	"context"
	"sync"
	"time"
)

// A pump writes new messages to its share of the level connections. When a pass over them was long, it rests about as
// long before the next one: publishers get to run, messages gather, and the next pass writes several at once instead of
// one, which is what makes fan-out cheap. After a quiet spell the first message goes out at once.
const (
	longPass = time.Millisecond
	maxRest  = 5 * time.Millisecond
)

type pump struct {
	index   int
	metrics *metrics
	wake    chan struct{} // has room for one

	mu    sync.Mutex
	dirty []*room // rooms with messages that the pump has not looked at
}

func newPump(index int, m *metrics) *pump {
	return &pump{index: index, metrics: m, wake: make(chan struct{}, 1)}
}

// mark tells the pump that a room has new messages. It does not block.
func (p *pump) mark(r *room) {
	if r.marked[p.index].Swap(true) {
		return
	}
	p.mu.Lock()
	p.dirty = append(p.dirty, r)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run serves until ctx is done.
func (p *pump) run(ctx context.Context) {
	var rooms, spare []*room
	var readers []*reader
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		start := time.Now()
		p.mu.Lock()
		rooms, p.dirty = p.dirty, spare[:0]
		p.mu.Unlock()
		for _, r := range rooms {
			r.marked[p.index].Store(false) // before the look, so that what comes after it marks the room again
			readers = r.appendReaders(readers[:0], p.index)
			p.pass(ctx, r, readers)
		}
		clear(rooms)
		clear(readers[:cap(readers)])
		spare = rooms

		if took := time.Since(start); took > longPass {
			rest.Reset(min(took, maxRest))
			select {
			case <-ctx.Done():
				return
			case <-rest.C:
			}
		}
	}
}

// pass writes a room's new messages to the readers.
func (p *pump) pass(ctx context.Context, r *room, readers []*reader) {
	t := r.tail.Load()
	pushed := 0
	for _, rd := range readers {
		pushed += rd.conn.push(ctx, rd)
	}
	if pushed == 0 {
		return
	}
	p.metrics.delivered.Add(float64(pushed))
	if !t.sentAt.IsZero() {
		p.metrics.deliverSeconds.Observe(max(0, time.Since(t.sentAt).Seconds())) // the sender's node may have another clock
	}
}
