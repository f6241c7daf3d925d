// Package hub is the last step of the journey: it delivers the rooms' logs to the connections. Every connection is a
// reader of logs with a cursor per room. Live delivery, catching up, reconnecting and being slow are one mechanism (see
// conn). A room in memory is a short tail of its log, encoded once and shared by all readers (see tail). Older messages
// come from the store, page by page (see pages).
package hub

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"

	"restante/internal/chat"
	"restante/internal/journey"
	"restante/internal/memory"
	"restante/internal/signalr"
)

// Hub delivers messages to connections. Its methods may be called concurrently.
type Hub struct {
	cfg     Config
	logs    Logs
	accept  journey.Accepter
	pages   *pages
	quota   *quota
	lagging *lagging
	pumps   []*pump
	signalr *signalr.Server
	metrics *metrics
	opened  atomic.Uint32 // how many connections were opened so far; spreads them over the pumps

	resyncAsked chan struct{} // buffered: one element

	entering   sync.Mutex // one Enter at a time
	firstLooks looks      // at the store, while its epoch is not known
	renewals   renewals

	mu       sync.RWMutex
	present  *chat.Epoch        // nil until it is known
	rooms    map[string]*room   // the rooms of the present epoch that have readers
	conns    map[*conn]struct{} // the connections of the present epoch
	streams  map[*stream]context.CancelFunc
	draining bool
}

// New returns a hub that reads logs and gives what its connections send to accept. What a client may read is decided by
// logs.Guarded, and what it may send by accept (see package auth). Messages are delivered while Run runs.
func New(cfg Config, logs Logs, accept journey.Accepter) *Hub {
	cfg = cfg.withDefaults()
	h := &Hub{
		cfg: cfg, logs: logs, accept: accept,
		rooms: make(map[string]*room), conns: make(map[*conn]struct{}), streams: make(map[*stream]context.CancelFunc),
		resyncAsked: make(chan struct{}, 1), renewals: renewals{wake: make(chan struct{}, 1)},
		lagging: newLagging(), quota: newQuota(cfg.MaxRoomsPerClient),
	}
	h.metrics = newMetrics(cfg.Metrics, gauges{lag: h.lagging.slowest, rooms: h.openRooms, streams: h.openStreams})
	h.pages = newPages(logs.Shared, cfg.Memory, cfg.Turns, h.metrics)
	for i := range runtime.NumCPU() {
		h.pumps = append(h.pumps, newPump(i, h.metrics))
	}
	cfg.SignalR.Keeps = keepsParam
	h.signalr = signalr.New(chatHub{h}, cfg.SignalR)
	return h
}

// Recheck ends the SignalR connections whose clients have shown nothing newer than a token that was revoked, see signalr.Config.Valid.
// Event streams end by the context of their request. It does not block.
func (h *Hub) Recheck() { h.signalr.Recheck() }

// Run delivers messages and compares rooms with the store (see Resync and Config.CompareEvery) until ctx is done. It returns nil.
func (h *Hub) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, p := range h.pumps {
		running.Go(func() { p.run(ctx) })
	}
	running.Go(func() { (&resyncs{h: h}).run(ctx) })
	running.Go(func() { h.renewals.run(ctx) })
	running.Wait()
	return nil
}

// Deliver wakes the readers of the rooms that stored belongs to. It does not block and does not keep the slice. The
// messages of a room must come in the order of their numbers. It ignores messages that the hub knows already. Messages of
// another epoch say that the store is in that one, or that somebody is late: the hub ignores them, and compares its rooms with
// the store (see doubt).
func (h *Hub) Deliver(stored []chat.Message) {
	groups, foreign := h.byRoom(stored)
	if foreign {
		h.doubt(doubtAnnouncement)
	}
	for r, messages := range groups {
		readers, repeated, over := r.extend(messages, h.cfg.TailBytes)
		memory.Evict(over)
		if repeated > 0 {
			h.pages.announced(r.name, repeated)
		}
		for _, p := range h.pumps {
			p.mark(r)
		}
		if !h.cfg.Log.Enabled(context.Background(), slog.LevelDebug) {
			continue
		}
		for _, m := range messages {
			h.cfg.Log.Debug("delivering", slog.String("id", m.ID), slog.String("room", m.Room),
				slog.Int64("seq", m.Seq), slog.Int("readers", readers))
		}
	}
}

// Listens reports whether a room has readers on this node. It does not block.
func (h *Hub) Listens(room string) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rooms[room] != nil
}

// Passed notes that a message was stored in a room without readers. Only its Room, Seq, ID and Epoch are set. If it is not new, the
// pages of its room are read again when somebody needs them. A message of another epoch is treated as in Deliver. It does not
// block.
func (h *Hub) Passed(m chat.Message) {
	h.mu.RLock()
	foreign := h.isForeign(&m)
	h.mu.RUnlock()
	if foreign {
		h.doubt(doubtAnnouncement)
		return
	}
	h.pages.announced(m.Room, m.Seq)
}

// Changed forgets what was read of a room, because its messages may have changed. It does not block.
func (h *Hub) Changed(room string) { h.pages.changed(room) }

// isForeign reports whether a message is of another epoch than the present one. The caller holds mu.
func (h *Hub) isForeign(m *chat.Message) bool {
	return m.Epoch != "" && h.present != nil && m.Epoch != h.present.ID
}

// byRoom groups the messages of the rooms that have readers on this node. foreign says that some are of another epoch.
func (h *Hub) byRoom(stored []chat.Message) (groups map[*room][]chat.Message, foreign bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	groups = make(map[*room][]chat.Message)
	for _, m := range stored {
		if h.isForeign(&m) {
			foreign = true
			continue
		}
		if r := h.rooms[m.Room]; r != nil {
			groups[r] = append(groups[r], m)
		} else {
			h.pages.announced(m.Room, m.Seq) // the last reader has left since Listens was asked
		}
	}
	return groups, foreign
}

// Drain ends the hub's connections and refuses new ones. It tells SignalR clients to reconnect, spread over the time
// until ctx's deadline, and ends event streams, whose clients reconnect by themselves. It returns when the SignalR
// connections have ended or ctx is done.
func (h *Hub) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	for _, end := range h.streams {
		end()
	}
	h.mu.Unlock()
	return h.signalr.Drain(ctx)
}

// ServeHTTP serves the SignalR endpoint and its /negotiate.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.signalr.ServeHTTP(w, r) }

// newConn returns a connection of the client of ctx that follows no room yet. Close it.
func (h *Hub) newConn(ctx context.Context, s sink, e encoding) *conn {
	n := int(h.opened.Add(1)) % len(h.pumps)
	c := &conn{hub: h, sink: s, enc: e, pump: h.pumps[n], owner: h.cfg.Owner(ctx)}
	c.joined = h.cfg.Memory.Hold(memory.Room, c.owner)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c] = struct{}{}
	return c
}

// forget removes a connection that has ended.
func (h *Hub) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// open returns the room in the present epoch, and keeps it open until leave has been called as often as open. If the room was
// open already, its tail may be behind the store, because announcements are late or the broker is away; see resolve.
func (h *Hub) open(ctx context.Context, name string) (*room, error) {
	if _, err := h.epoch(ctx); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rooms[name]
	if r == nil {
		held := h.cfg.Memory.Hold(memory.Room, h.cfg.Owner(ctx))
		if err := held.Grow(priceOfRoom); err != nil {
			return nil, err
		}
		r = newRoom(name, *h.present, len(h.pumps), h.cfg.Memory)
		r.held = held
		h.rooms[name] = r
	}
	r.refs++
	return r, nil
}

func (h *Hub) leave(r *room) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.refs--; r.refs > 0 {
		return
	}
	if h.rooms[r.name] == r { // otherwise it is of an epoch that is over
		delete(h.rooms, r.name)
	}
	r.close()
}

func (h *Hub) openRooms() float64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return float64(len(h.rooms))
}

func (h *Hub) openStreams() float64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return float64(len(h.streams))
}
