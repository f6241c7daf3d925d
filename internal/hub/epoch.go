package hub

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"restante/internal/chat"
	"restante/internal/retry"
)

// Enter tells the hub which epoch the store is in. If that is another one than before, the hub drops everything that it keeps of
// the rooms, stops writing to its present connections, and asks them to connect again, a thousand a second (Run does that).
// Connections that come meanwhile are of the new epoch. After Enter has returned, no connection is given a message of an epoch
// before. It does not block for long.
func (h *Hub) Enter(e chat.Epoch) {
	h.entering.Lock()
	defer h.entering.Unlock()
	over := h.turn(e)
	if len(over) == 0 {
		return
	}
	h.cfg.Log.Info("the store is in another epoch; all readers connect again",
		slog.String("epoch", e.ID), slog.Int("connections", len(over)))
	for _, c := range over {
		c.cut()
	}
	h.renewals.add(over)
}

// turn makes e the present epoch, and returns the connections of the one before.
func (h *Hub) turn(e chat.Epoch) (over []*conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := h.present
	if before != nil && before.ID == e.ID {
		return nil
	}
	h.present = &e
	if before == nil {
		return nil // nobody has joined a room yet
	}
	over = slices.Collect(maps.Keys(h.conns))
	h.conns = make(map[*conn]struct{})
	h.rooms = make(map[string]*room)
	h.pages.dropAll()
	return over
}

// epoch returns the present epoch: the one of the last Enter, before that the one that the store says. It may have to wait for the
// store, which may still be finding out.
func (h *Hub) epoch(ctx context.Context) (chat.Epoch, error) {
	h.mu.RLock()
	present := h.present
	h.mu.RUnlock()
	if present != nil {
		return *present, nil
	}
	e, err := h.logs.Shared.Epoch()
	if err != nil { // it still finds out: reads wait for it
		var known chat.Room
		known, err = h.firstLooks.share(ctx, func() (chat.Room, error) { return h.logs.Shared.Room(ctx, chat.DefaultRoom) })
		e = known.Epoch
	}
	if err != nil {
		return e, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.present == nil { // otherwise Enter has said it meanwhile
		h.present = &e
	}
	return *h.present, nil
}

// Why the hub doubts that the store is in the epoch that it knows: the values of a label.
const (
	doubtAnnouncement = "announcement" // a message of another epoch was announced
	doubtNumbers      = "numbers"      // the store has fewer messages in a room than were announced
)

// doubt drops the messages that the hub keeps of all rooms, since they may be those of another epoch. It asks the store to look
// which epoch it is in, and compares the rooms with it. Readers read the store meanwhile.
func (h *Hub) doubt(why string) {
	for _, r := range h.listRooms() {
		r.dropTail()
	}
	h.pages.dropAll()
	h.metrics.doubts.WithLabelValues(why).Inc()
	h.cfg.Look()
	h.Resync()
}

// renewals are connections of an epoch that is over. They wait to be asked to connect again: all at once would come back at
// once.
type renewals struct {
	wake chan struct{} // buffered: one element

	mu      sync.Mutex
	waiting []*conn
}

const (
	renewEvery = time.Millisecond
	renewAll   = 10 * time.Second // at most, for any number of connections
)

func (w *renewals) add(conns []*conn) {
	w.mu.Lock()
	w.waiting = append(w.waiting, conns...)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run asks those that wait until ctx is done.
func (w *renewals) run(ctx context.Context) {
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		conns := w.waiting
		w.waiting = nil
		w.mu.Unlock()
		w.spread(ctx, conns)
	}
}

func (w *renewals) spread(ctx context.Context, conns []*conn) {
	every := min(renewEvery, renewAll/time.Duration(max(len(conns), 1)))
	begun := time.Now()
	for i, c := range conns {
		if due := begun.Add(time.Duration(i) * every); time.Until(due) > renewEvery && retry.Sleep(ctx, time.Until(due)) != nil {
			return
		}
		c.sink.Renew()
	}
}
