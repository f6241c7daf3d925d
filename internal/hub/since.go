package hub

import (
	"context"
	"errors"

	"restante/internal/chat"
)

// page is the answer of GetMessagesSince.
type page struct {
	Messages  []chat.Message `json:"messages"`
	LastSeq   int64          `json:"last_seq"`
	OldestSeq int64          `json:"oldest_seq"`
	Epoch     string         `json:"epoch"`
	Reset     *chat.Reset    `json:"reset,omitempty"`
}

// sinceTries is how often a page is read again because the room had changed between the two reads that it is made of.
const sinceTries = 3

// since reads the messages after a cursor through the guard when its turn has come.
func (h *Hub) since(ctx context.Context, cursor chat.Cursor, limit int) (any, error) {
	done, err := h.pages.turns.Take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	for range sinceTries {
		var p page
		if p, err = h.pageAfter(ctx, cursor, limit); err == nil {
			h.metrics.countReset(p.Reset)
			return p, nil
		}
		if !errors.Is(err, errTurning) {
			break
		}
	}
	return nil, err
}

// pageAfter reads the room and its messages. It returns errTurning if the two are of different epochs, or if messages have been
// removed in between.
func (h *Hub) pageAfter(ctx context.Context, cursor chat.Cursor, limit int) (page, error) {
	known, err := h.logs.Guarded.Room(ctx, cursor.Room)
	if err != nil {
		return page{}, err
	}
	after, reset, err := chat.Resume(known, cursor, func(epoch string) (int64, error) {
		return h.logs.Guarded.Beginning(ctx, cursor.Room, epoch)
	})
	if err != nil {
		return page{}, err
	}
	messages, err := h.logs.Guarded.After(ctx, cursor.Room, after, limit)
	if err != nil {
		return page{}, err
	}
	switch {
	case len(messages) == 0 && after < known.LastSeq:
		return page{}, errTurning
	case len(messages) == 0:
		messages = []chat.Message{}
	case messages[0].Seq != after+1, messages[0].Epoch != "" && messages[0].Epoch != known.Epoch.ID:
		return page{}, errTurning
	}
	return page{Messages: messages, LastSeq: known.LastSeq, OldestSeq: known.OldestSeq, Epoch: known.Epoch.ID, Reset: reset}, nil
}
