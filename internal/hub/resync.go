package hub

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"restante/internal/retry"
)

// concurrentCompare is how many rooms the store is asked about at once. It is enough for a node with thousands of rooms
// to finish in about a second, and few enough for its readers, which want pages of history then, to get their turn.
const concurrentCompare = 4

// Resync compares every room that has readers with the store, and wakes the readers of those that are behind. Call it
// when announcements may have been lost, once new ones arrive again. It does not block: Run does the work, and repeats it
// until the store has answered. Calls that come before a comparison begins are one.
//
// It misses no message. A message that was stored before the store is asked about its room is in the answer. One that is
// stored after that is announced even later, and arrives. A room that is opened meanwhile, and is not among the compared
// ones, asks the store itself (room.load), when announcements already find it.
func (h *Hub) Resync() {
	select {
	case h.resyncAsked <- struct{}{}:
	default:
	}
}

// runResyncs runs the comparisons that Resync asks for until ctx is done.
func (h *Hub) runResyncs(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.resyncAsked:
			h.resync(ctx)
		}
	}
}

// resync compares the open rooms, and repeats it for those for which the store has failed, until none is left, ctx is
// done, or Resync is called again, which begins with all rooms.
func (h *Hub) resync(ctx context.Context) {
	h.metrics.resyncs.Inc()
	start, behind := time.Now(), 0
	pauses := retry.NewBackoff(100*time.Millisecond, 5*time.Second)
	rooms := h.listRooms()
	total := len(rooms)
	for len(rooms) > 0 {
		found, left, err := h.compare(ctx, rooms)
		behind += found
		if len(left) == 0 || ctx.Err() != nil {
			break
		}
		h.cfg.Log.WarnContext(ctx, "rooms cannot be compared with the store now; their readers may wait for messages",
			slog.Int("rooms", len(left)), slog.Any("error", err))
		rooms = nil
		select {
		case <-ctx.Done():
		case <-h.resyncAsked:
			h.Resync() // the next one begins with all rooms
		case <-time.After(pauses.Next()):
			rooms = h.stillOpen(left)
		}
	}
	if behind > 0 {
		h.cfg.Log.InfoContext(ctx, "rooms were behind the store; their readers have been woken",
			slog.Int("behind", behind), slog.Int("rooms", total), slog.Duration("took", time.Since(start)))
	}
}

// compare asks the store about the rooms. It stops after concurrentCompare failures. It returns how many rooms were
// behind and, with the last error, the rooms that are left, the failed ones last.
func (h *Hub) compare(ctx context.Context, rooms []*room) (behind int, left []*room, err error) {
	var mu sync.Mutex
	var failed []*room
	take := func() *room {
		mu.Lock()
		defer mu.Unlock()
		if len(rooms) == 0 || len(failed) >= concurrentCompare || ctx.Err() != nil {
			return nil
		}
		r := rooms[0]
		rooms = rooms[1:]
		return r
	}
	var workers sync.WaitGroup
	for range min(concurrentCompare, len(rooms)) {
		workers.Go(func() {
			for r := take(); r != nil; r = take() {
				found, fault := h.compareRoom(ctx, r)
				mu.Lock()
				if found {
					behind++
				}
				if fault != nil {
					failed, err = append(failed, r), fault
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return behind, append(rooms[:len(rooms):len(rooms)], failed...), err
}

// compareRoom asks the store for the last number of the room's log, and wakes its readers if the tail ends before it. In
// a busy room the announcement of the last message may be on its way: then the readers read it from the store, once.
func (h *Hub) compareRoom(ctx context.Context, r *room) (behind bool, err error) {
	known, err := h.logs.Shared.Room(ctx, r.name)
	if err != nil || !r.reach(known.LastSeq) {
		return false, err
	}
	h.metrics.roomsBehind.Inc()
	for _, p := range h.pumps {
		p.mark(r)
	}
	return true, nil
}

// listRooms returns the open rooms.
func (h *Hub) listRooms() []*room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.rooms))
}

// stillOpen removes the rooms that have been closed from the list.
func (h *Hub) stillOpen(list []*room) []*room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.DeleteFunc(list, func(r *room) bool { return h.rooms[r.name] != r })
}
