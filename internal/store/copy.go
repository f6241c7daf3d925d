package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Copy copies everything from one store to another: rooms, ids, numbers, times, the switches, what is revoked, and the identity of the store with its
// epochs, so that the target goes on as the source. Another Run continues a copy that was interrupted, at any point. Nothing may
// be appended to From meanwhile.
type Copy struct {
	From, To *Store

	progress struct{ rooms, roomsDone, messages, messagesDone atomic.Int64 }
}

// copiedAtOnce is how many rooms are copied at the same time, so that both stores are busy.
const copiedAtOnce = 4

// Progress is how far a Run or a Check is.
type Progress struct {
	Rooms, RoomsDone       int64
	Messages, MessagesDone int64 // what an earlier copy has copied counts as done
}

// Progress may be called at any time, also while Run or Check is running.
func (c *Copy) Progress() Progress {
	p := &c.progress
	return Progress{p.rooms.Load(), p.roomsDone.Load(), p.messages.Load(), p.messagesDone.Load()}
}

// begin sets the progress to 0 of everything.
func (c *Copy) begin(rooms []chat.Room) {
	p := &c.progress
	total := int64(0)
	for _, r := range rooms {
		total += kept(r)
	}
	p.roomsDone.Store(0)
	p.messagesDone.Store(0)
	p.rooms.Store(int64(len(rooms)))
	p.messages.Store(total)
}

// kept returns how many messages a room has.
func kept(r chat.Room) int64 { return r.LastSeq - r.Oldest() + 1 }

// Run copies what To does not have yet. If the target has anything else, Run returns an error of class errs.Conflict that
// names the room and the number. It blocks until everything is copied, ctx is done or something fails.
func (c *Copy) Run(ctx context.Context) error {
	rooms, err := allRooms(ctx, c.From)
	if err != nil {
		return fmt.Errorf("list the rooms of the source: %w", err)
	}
	copied, err := c.copied(ctx, rooms)
	if err != nil {
		return err
	}
	if err := c.epochs(ctx); err != nil {
		return err
	}
	if err := c.switches(ctx); err != nil {
		return err
	}
	if err := c.revocations(ctx); err != nil {
		return err
	}
	c.begin(rooms)
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(copiedAtOnce)
	for _, r := range rooms {
		if running.Err() != nil {
			break
		}
		g.Go(func() error {
			err := c.room(running, r, copied[r.Name])
			if err != nil {
				return fmt.Errorf("copy room %q: %w", r.Name, err)
			}
			c.progress.roomsDone.Add(1)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// epochs gives the target the identity of the source. It runs before the messages: afterwards the target is no new store.
func (c *Copy) epochs(ctx context.Context) error {
	l, err := c.From.Lineage(ctx)
	if err != nil {
		return fmt.Errorf("read the epochs of the source: %w", err)
	}
	if err := c.To.RestoreEpochs(ctx, l); err != nil {
		return fmt.Errorf("copy the epochs: %w", err)
	}
	return nil
}

// switches switches on in the target what is on in the source. It runs before the messages, which may need the features.
func (c *Copy) switches(ctx context.Context) error {
	on, err := c.From.Switches(ctx)
	if err != nil {
		return fmt.Errorf("read the switches of the source: %w", err)
	}
	for _, s := range on {
		if err := c.To.SwitchOn(ctx, s.Feature, s.Release); err != nil {
			return fmt.Errorf("copy the switch %s: %w", s.Feature, err)
		}
	}
	return nil
}

// copied returns the last number of each room that the target has already.
func (c *Copy) copied(ctx context.Context, rooms []chat.Room) (map[string]int64, error) {
	targets, err := allRooms(ctx, c.To)
	if err != nil {
		return nil, fmt.Errorf("list the rooms of the target: %w", err)
	}
	last := make(map[string]int64, len(rooms))
	for _, r := range rooms {
		last[r.Name] = r.LastSeq
	}
	copied := make(map[string]int64, len(targets))
	for _, r := range targets {
		if of, known := last[r.Name]; !known || r.LastSeq > of {
			return nil, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("the target has other messages: room %q ends with number %d in the target, "+
				"with %d in the source; copy into an empty database", r.Name, r.LastSeq, of)}
		}
		copied[r.Name] = r.LastSeq
	}
	return copied, nil
}

// room copies what follows the target's last message, and that one once more: Restore compares it.
func (c *Copy) room(ctx context.Context, r chat.Room, last int64) error {
	if err := c.floor(ctx, r); err != nil {
		return err
	}
	last = max(last-1, 0)
	pages := make(chan []chat.Message, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(pages)
		return eachPage(ctx, c.From, r.Name, last, func(page []chat.Message) error {
			select {
			case pages <- page:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	g.Go(func() error {
		c.progress.messagesDone.Add(max(last-r.Oldest()+1, 0))
		for page := range pages {
			if err := c.To.Restore(ctx, page); err != nil {
				return err
			}
			c.progress.messagesDone.Add(int64(len(page)))
		}
		return nil
	})
	return g.Wait()
}

// floor creates in the target a room whose oldest messages have been removed in the source. If all have, it is stamped with the time
// of the last one, else with the latest time that is before the oldest one that is kept.
func (c *Copy) floor(ctx context.Context, r chat.Room) error {
	below := chat.Room{Name: r.Name, LastSeq: r.Oldest() - 1, LastStoredAt: r.LastStoredAt}
	if below.LastSeq == 0 {
		return nil
	}
	if r.OldestSeq > 0 {
		oldest, err := c.From.After(ctx, r.Name, below.LastSeq, 1)
		if err != nil {
			return err
		}
		if len(oldest) > 0 {
			below.LastStoredAt = oldest[0].StoredAt.Add(-time.Microsecond)
		}
	}
	return c.To.RestoreRoom(ctx, below)
}

// allRooms returns every room of a store, in the order of their names.
func allRooms(ctx context.Context, s *Store) ([]chat.Room, error) {
	var all []chat.Room
	for after := ""; ; after = all[len(all)-1].Name {
		page, err := s.Rooms(ctx, after, "", chat.MaxPage)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return all, nil
		}
		all = append(all, page...)
	}
}

// eachPage calls do with the messages of a room that follow seq, page by page.
func eachPage(ctx context.Context, s *Store, room string, seq int64, do func([]chat.Message) error) error {
	for {
		page, err := s.After(ctx, room, seq, chat.MaxPage)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		if err := do(page); err != nil {
			return err
		}
		seq = page[len(page)-1].Seq
	}
}
