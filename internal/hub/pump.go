package hub

import (
	"context"
	"sync"
	"time"
)

// A pump writes new messages to its share of the level connections. After a long pass over them it rests about as long
// before the next one. Publishers run meanwhile and messages gather, so the next pass writes several messages at once
// instead of one. That makes fan-out cheap. When the pump has rested, it writes the next message at once.
const (
	longPass = time.Millisecond
	maxRest  = 5 * time.Millisecond
)

type pump struct {
	index   int
	metrics *metrics
	wake    chan struct{} // buffered: one element

	mu    sync.Mutex
	dirty []*room // rooms with messages that the pump has not read
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

// run writes until ctx is done.
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
			r.marked[p.index].Store(false) // before the pass, so that a message during the pass marks the room again
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
		p.metrics.deliverSeconds.Observe(max(0, time.Since(t.sentAt).Seconds())) // the clock of the sender's node may differ
	}
}
