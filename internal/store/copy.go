package store

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"restante/internal/chat"
	"restante/internal/errs"
)

// Copy copies everything from one store to another: rooms, ids, numbers, times, and the switches. Another Run continues a
// copy that was interrupted, at any point. Nothing may be appended to From meanwhile.
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
		total += r.LastSeq
	}
	p.roomsDone.Store(0)
	p.messagesDone.Store(0)
	p.rooms.Store(int64(len(rooms)))
	p.messages.Store(total)
}

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
	if err := c.switches(ctx); err != nil {
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
			err := c.room(running, r.Name, copied[r.Name])
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
			return nil, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("the target has other messages: room %q ends there with number %d, "+
				"in the source with %d; copy into an empty database", r.Name, r.LastSeq, of)}
		}
		copied[r.Name] = r.LastSeq
	}
	return copied, nil
}

// room copies what follows the target's last message, and that one once more: Restore compares it.
func (c *Copy) room(ctx context.Context, name string, last int64) error {
	pages := make(chan []chat.Message, 1)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(pages)
		return eachPage(ctx, c.From, name, max(last-1, 0), func(page []chat.Message) error {
			select {
			case pages <- page:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	g.Go(func() error {
		c.progress.messagesDone.Add(max(last-1, 0))
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

// allRooms returns every room of a store, in the order of their names.
func allRooms(ctx context.Context, s *Store) ([]chat.Room, error) {
	var all []chat.Room
	for after := ""; ; after = all[len(all)-1].Name {
		page, err := s.Rooms(ctx, after, chat.MaxPage)
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
