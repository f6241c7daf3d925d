package hub

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// concurrentCompare is how many rooms the store is asked about at once. A node with thousands of rooms is through in a
// second or so, and its readers, which want pages of history at the same moment, still get their turn.
const concurrentCompare = 4

// Resync compares every room that has readers with the store, and wakes the readers of those that are behind: it is to
// be called when announcements may have been lost, and later ones are heard again. It does not block: Run does the
// work, and goes on until the store has answered. Calls that come while a comparison is to begin are one.
//
// It leaves no hole. A message that was stored before the store is asked about its room is in the answer. One that is
// stored after that is announced later still, and heard. A room that is opened meanwhile, and is not among the compared
// ones, asks the store itself (room.load), at a time when announcements find it.
func (h *Hub) Resync() {
	select {
	case h.resyncAsked <- struct{}{}:
	default:
	}
}

// runResyncs does what Resync asks for until ctx is done.
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

// resync compares the open rooms, and again those for which the store has failed, until none is left, ctx is done, or
// Resync was called again: then all of them are to be compared anew.
func (h *Hub) resync(ctx context.Context) {
	const firstPause, maxPause = 100 * time.Millisecond, 5 * time.Second
	h.metrics.resyncs.Inc()
	start, pause, behind := time.Now(), firstPause, 0
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
		case <-time.After(pause/2 + rand.N(pause)):
			rooms = h.stillOpen(left)
		}
		pause = min(2*pause, maxPause)
	}
	if behind > 0 {
		h.cfg.Log.InfoContext(ctx, "rooms were behind the store; their readers have been woken",
			slog.Int("behind", behind), slog.Int("rooms", total), slog.Duration("took", time.Since(start)))
	}
}

// compare asks the store about the rooms. It returns how many were behind and, with the last error, those that it could
// not ask about, the failed ones last: after as many failures as there are questions at once it leaves the store alone.
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

// compareRoom asks the store how far the room's log goes, and wakes its readers if that is further than the tail. In a
// busy room that can be a message whose announcement is on its way: then they read it from the store, once, as well.
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

// stillOpen takes the rooms that have been closed off the list.
func (h *Hub) stillOpen(list []*room) []*room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.DeleteFunc(list, func(r *room) bool { return h.rooms[r.name] != r })
}
