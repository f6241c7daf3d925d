package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"golang.org/x/sync/errgroup"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// Contents is what both stores of a Copy contain.
type Contents struct {
	Rooms    int
	Messages int64
	Checksum [sha256.Size]byte // over every field of every message
}

// Check reads both stores whole and compares each room: the number of its messages, its last number, and a checksum over
// all of them. A difference is an error of class errs.Conflict that names the room and the first number that differs. A
// feature that is on in From must be on in To, what is revoked there must be revoked in To, and both must be one store with the same epochs.
func (c *Copy) Check(ctx context.Context) (Contents, error) {
	if err := c.sameSwitches(ctx); err != nil {
		return Contents{}, err
	}
	if err := c.sameEpochs(ctx); err != nil {
		return Contents{}, err
	}
	if err := c.sameRevocations(ctx); err != nil {
		return Contents{}, err
	}
	rooms, err := c.sameRooms(ctx)
	if err != nil {
		return Contents{}, err
	}
	c.begin(rooms)
	sums := make([]summary, len(rooms))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiedAtOnce)
	for i, r := range rooms {
		g.Go(func() (err error) {
			sums[i], err = c.compare(ctx, r)
			c.progress.roomsDone.Add(1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return Contents{}, err
	}
	total := Contents{Rooms: len(rooms)}
	all := sha256.New()
	for i := range sums {
		total.Messages += sums[i].messages
		all.Write([]byte(rooms[i].Name))
		all.Write(sums[i].checksum[:])
	}
	all.Sum(total.Checksum[:0])
	return total, nil
}

// sameSwitches returns an error if a feature is on in the source only.
func (c *Copy) sameSwitches(ctx context.Context) error {
	from, err := c.From.Switches(ctx)
	if err != nil {
		return fmt.Errorf("read the switches of the source: %w", err)
	}
	to, err := c.To.Switches(ctx)
	if err != nil {
		return fmt.Errorf("read the switches of the target: %w", err)
	}
	for _, s := range from {
		if !slices.ContainsFunc(to, func(t driver.Switch) bool { return t.Feature == s.Feature }) {
			return differs("only the source uses %s", s.Feature)
		}
	}
	return nil
}

// sameEpochs returns an error if the stores are not one store with the same epochs.
func (c *Copy) sameEpochs(ctx context.Context) error {
	from, err := c.From.Lineage(ctx)
	if err != nil {
		return fmt.Errorf("read the epochs of the source: %w", err)
	}
	to, err := c.To.Lineage(ctx)
	if err != nil {
		return fmt.Errorf("read the epochs of the target: %w", err)
	}
	if !from.Same(to) {
		return differs("store %s with %d epochs and %d beginnings of rooms in the source, %s with %d and %d in the target",
			from.Store, len(from.Epochs), len(from.Begins), to.Store, len(to.Epochs), len(to.Begins))
	}
	return nil
}

// sameRooms returns the rooms, which must be equal on both sides.
func (c *Copy) sameRooms(ctx context.Context) ([]chat.Room, error) {
	from, err := allRooms(ctx, c.From)
	if err != nil {
		return nil, fmt.Errorf("list the rooms of the source: %w", err)
	}
	to, err := allRooms(ctx, c.To)
	if err != nil {
		return nil, fmt.Errorf("list the rooms of the target: %w", err)
	}
	for i := range max(len(from), len(to)) {
		switch {
		case i == len(from) || i < len(to) && to[i].Name < from[i].Name:
			return nil, differs("only the target has room %q", to[i].Name)
		case i == len(to) || from[i].Name < to[i].Name:
			return nil, differs("only the source has room %q", from[i].Name)
		case state(from[i]) != state(to[i]):
			return nil, differs("room %q has numbers %d to %d of %v in the source, %d to %d of %v in the target", from[i].Name,
				from[i].Oldest(), from[i].LastSeq, from[i].LastStoredAt, to[i].Oldest(), to[i].LastSeq, to[i].LastStoredAt)
		}
	}
	return from, nil
}

// state returns what is compared of a room.
func state(r chat.Room) chat.Room {
	r.Epoch = chat.Epoch{}
	return r
}

func differs(format string, args ...any) error {
	return &errs.Error{Code: errs.Conflict, Msg: "source and target differ: " + fmt.Sprintf(format, args...) +
		"; if a server was still running, stop it and copy again"}
}

// summary is what Check compares of two rooms.
type summary struct {
	messages int64
	checksum [sha256.Size]byte
}

func (c *Copy) compare(ctx context.Context, room chat.Room) (summary, error) {
	var sums [2]summary
	g, limited := errgroup.WithContext(ctx)
	for i, s := range []*Store{c.From, c.To} {
		g.Go(func() (err error) {
			sums[i], err = summarise(limited, s, room.Name, func(n int) {
				if i == 0 {
					c.progress.messagesDone.Add(int64(n))
				}
			})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return summary{}, fmt.Errorf("check room %q: %w", room.Name, err)
	}
	if sums[0] == sums[1] && sums[0].messages == kept(room) {
		return sums[0], nil
	}
	return summary{}, c.locate(ctx, room.Name)
}

func summarise(ctx context.Context, s *Store, room string, read func(n int)) (summary, error) {
	var sum summary
	h := sha256.New()
	var buf []byte
	err := eachPage(ctx, s, room, 0, func(page []chat.Message) error {
		for i := range page {
			buf = digest(h, buf[:0], &page[i])
		}
		sum.messages += int64(len(page))
		read(len(page))
		return nil
	})
	h.Sum(sum.checksum[:0])
	return sum, err
}

// digest adds a message to h. It writes texts with their lengths, so that different messages give different bytes.
func digest(h hash.Hash, buf []byte, m *chat.Message) []byte {
	buf = binary.AppendVarint(buf, m.Seq)
	buf = binary.AppendVarint(buf, m.SentAt.UnixMicro())
	buf = binary.AppendVarint(buf, m.StoredAt.UnixMicro())
	for _, text := range []string{m.ID, m.ClientID, m.Msg} {
		buf = binary.AppendVarint(buf, int64(len(text)))
		buf = append(buf, text...)
	}
	h.Write(buf)
	return buf
}

// locate returns an error that names the first number at which two rooms differ.
func (c *Copy) locate(ctx context.Context, room string) error {
	for seq := int64(0); ; {
		from, fromErr := c.From.After(ctx, room, seq, chat.MaxPage)
		to, toErr := c.To.After(ctx, room, seq, chat.MaxPage)
		if fromErr != nil || toErr != nil {
			return fmt.Errorf("check room %q: source %w, target %w", room, fromErr, toErr)
		}
		if i, same := driver.Difference(from, to); !same {
			longer := slices.Concat(from[i:], to[i:])
			return differs("room %q from number %d on", room, longer[0].Seq)
		}
		if len(from) == 0 {
			return differs("room %q has gaps", room)
		}
		seq = from[len(from)-1].Seq
	}
}
