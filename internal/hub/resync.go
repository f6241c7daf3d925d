package hub

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"restante/internal/retry"
)

const (
	// betweenLooks is the least time between two looks at the store, and how long a room that seems to be behind has for its
	// announcements to arrive.
	betweenLooks = time.Second
	// leastRest is how long the hub compares nothing by itself after a look, as a multiple of how long the store took for that.
	leastRest = 4
	// unheardLog is how often the hub logs that announcements are lost without a sign.
	unheardLog = time.Minute
)

// Resync drops all pages, compares every room that has readers with the store, and wakes the readers of those that are behind.
// Call it when announcements may have been lost, once new ones arrive again. It does not block: Run does the work, and repeats it
// until the store has answered. However often it is called, the store is asked once a second at most.
//
// It misses no message. A message that was stored before the store is asked about its room is in the answer. One that is
// stored after that is announced even later, and arrives. A room that is opened meanwhile, and is not among the compared
// ones, asks the store itself (room.load), when announcements already find it.
func (h *Hub) Resync() {
	h.pages.dropAll()
	select {
	case h.resyncAsked <- struct{}{}:
	default:
	}
}

// resyncs compares the open rooms with the store: when Resync asks for it, and every CompareEvery. It is one goroutine,
// which has one query under way at most.
type resyncs struct {
	h       *Hub
	began   time.Time // when the last look at the store began
	took    time.Duration
	unheard time.Time // when a room was last found behind although Resync had not been called
	logged  time.Time // when that was last logged
}

// run compares until ctx is done.
func (c *resyncs) run(ctx context.Context) {
	for {
		asked, ok := c.wait(ctx)
		if !ok {
			return
		}
		if asked {
			c.h.metrics.resyncs.Inc()
		}
		behind, total := c.look(ctx)
		if len(behind) > 0 && retry.Sleep(ctx, betweenLooks) == nil {
			c.lookAgain(ctx, behind, total, asked || len(c.h.resyncAsked) > 0)
		}
		if retry.Sleep(ctx, time.Until(c.began.Add(betweenLooks))) != nil {
			return
		}
	}
}

// wait waits until a comparison is due, and reports whether Resync has asked for it. It returns false for ok when ctx is
// done.
func (c *resyncs) wait(ctx context.Context) (asked, ok bool) {
	var due <-chan time.Time // never without CompareEvery
	if every := c.h.cfg.CompareEvery; every > 0 {
		timer := time.NewTimer(time.Until(c.began.Add(max(every, (1+leastRest)*c.took))))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-c.h.resyncAsked:
		return true, true
	case <-due:
		return false, true
	case <-ctx.Done():
		return false, false
	}
}

// look asks the store for the last numbers of all open rooms, until it answers or ctx is done. It returns the rooms whose
// tails end before that, each with the number, and how many rooms it has compared.
func (c *resyncs) look(ctx context.Context) (behind map[*room]int64, total int) {
	pauses := retry.NewBackoff(betweenLooks, 5*time.Second)
	for failures := 0; ; failures++ {
		c.began = time.Now()
		rooms := c.h.listRooms()
		behind, err := c.compare(ctx, rooms)
		if err == nil {
			return behind, len(rooms)
		}
		if ctx.Err() != nil {
			return nil, 0
		}
		if failures == 0 {
			c.h.cfg.Log.WarnContext(ctx, "rooms cannot be compared with the store now; their readers may wait for messages",
				slog.Int("rooms", len(rooms)), slog.Any("error", err))
		}
		if retry.Sleep(ctx, max(pauses.Next(), betweenLooks)) != nil {
			return nil, 0
		}
	}
}

// compare asks the store about the rooms once. It doubts the epoch if the store has fewer messages than were announced.
func (c *resyncs) compare(ctx context.Context, rooms []*room) (behind map[*room]int64, err error) {
	if len(rooms) == 0 {
		return nil, nil
	}
	names, heard := make([]string, len(rooms)), make([]int64, len(rooms))
	for i, r := range rooms {
		names[i], heard[i] = r.name, r.last()
	}
	last, err := c.h.logs.Shared.LastSeqs(ctx, names)
	c.took = time.Since(c.began)
	if err != nil {
		return nil, err
	}
	ghosts := false
	for i, r := range rooms {
		ghosts = ghosts || last[i] < heard[i] && r.fallBack(heard[i], last[i])
		if last[i] > r.tail.Load().last {
			if behind == nil {
				behind = make(map[*room]int64)
			}
			behind[r] = last[i]
		}
	}
	if ghosts {
		c.h.doubt(doubtNumbers)
	}
	return behind, nil
}

// lookAgain wakes the readers of the rooms that are still behind the number that the store had a while ago. The others have
// caught up by announcements that were on their way: they keep their tails, so that the readers of a busy room do not
// read the store.
func (c *resyncs) lookAgain(ctx context.Context, behind map[*room]int64, total int, asked bool) {
	woken := 0
	for r, last := range behind {
		if !c.h.isOpen(r) || !r.reach(last) {
			continue
		}
		woken++
		for _, p := range c.h.pumps {
			p.mark(r)
		}
	}
	if woken == 0 {
		return
	}
	c.h.metrics.roomsBehind.Add(float64(woken))
	if !asked {
		c.noteUnheard(ctx, woken)
		return
	}
	c.h.cfg.Log.InfoContext(ctx, "rooms were behind the store; their readers have been woken",
		slog.Int("behind", woken), slog.Int("rooms", total), slog.Duration("took", time.Since(c.began)))
}

// noteUnheard counts rooms that were behind although nothing had said that announcements may be lost. Once may be a delay.
// If it happens again within a minute, it is logged, once a minute.
func (c *resyncs) noteUnheard(ctx context.Context, rooms int) {
	now, before := time.Now(), c.unheard
	c.unheard = now
	if before.IsZero() || now.Sub(before) > unheardLog {
		return
	}
	c.h.metrics.roomsUnheard.Add(float64(rooms))
	if !c.logged.IsZero() && now.Sub(c.logged) < unheardLog {
		return
	}
	c.logged = now
	c.h.cfg.Log.WarnContext(ctx, "messages are stored without being announced in time; their readers get them from the store",
		slog.Int("rooms", rooms))
}

// listRooms returns the open rooms.
func (h *Hub) listRooms() []*room {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Values(h.rooms))
}

// isOpen reports whether the room is still one that has readers.
func (h *Hub) isOpen(r *room) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.rooms[r.name] == r
}
