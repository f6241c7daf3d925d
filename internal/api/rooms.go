package api

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/chat"
	"restante/internal/route"
)

type listMessagesInput struct {
	Room   string   `path:"room" example:"lobby"`
	After  seqParam `query:"after" doc:"the oldest messages with a greater number" example:"42"`
	Before seqParam `query:"before" doc:"the newest messages with a smaller number" example:"43"`
	CursorParams
	Since string     `query:"since" doc:"the oldest messages that were stored later than this time of RFC 3339" example:"2026-01-02T15:04:05.123Z"`
	Limit limitParam `query:"limit" doc:"messages in the page; default 100" example:"100"`
}

type messagesOutput struct{ Body messagePage }

func (a *API) listMessages(h huma.API) {
	register(h, route.ListMessages, huma.Operation{
		Tags:    []string{tagRooms},
		Summary: "Read a page of a room",
		Description: "Without `after`, `before` or `since`: the newest page. `next` is the path of the page that goes on in the same direction. " +
			"A page of very long messages is shorter than `limit`: it ends with 1 MiB of text. " +
			"A room that nobody has written to is empty. An `after` greater than `last_seq` is an error. " +
			"A page that does not go on where the request said has a `reset`: the number is of another `epoch`, or what follows it is not kept any more.",
	}, readErrors, func(ctx context.Context, in *listMessagesInput) (*messagesOutput, error) {
		page, err := a.page(ctx, in)
		if err != nil {
			return nil, failed(err)
		}
		return &messagesOutput{page}, nil
	})
}

func (a *API) page(ctx context.Context, in *listMessagesInput) (messagePage, error) {
	q, err := in.wanted()
	if err != nil {
		return messagePage{}, err
	}
	p, err := a.readPage(ctx, q)
	if err != nil {
		return messagePage{}, err
	}
	out := messagePage{
		Messages: wireMessages(p.messages), LastSeq: p.last(), OldestSeq: p.oldest(),
		Epoch: p.room.Epoch.ID, Reset: (*reset)(p.reset),
	}
	if len(p.messages) == 0 {
		return out, nil
	}
	first, last := p.messages[0].Seq, p.messages[len(p.messages)-1].Seq
	switch {
	case q.forward() && last < out.LastSeq:
		out.Next = nextMessages(q, "after", last, out.Epoch)
	case !q.forward() && first > out.OldestSeq:
		out.Next = nextMessages(q, "before", first, out.Epoch)
	}
	return out, nil
}

func (in *listMessagesInput) wanted() (*wanted, error) {
	q := &wanted{room: in.Room, after: in.After, before: in.Before, epoch: in.Epoch, limit: in.Limit.orDefault()}
	named := map[string]bool{"after": in.After.Set, "before": in.Before.Set, "since": in.Since != ""}
	var sinceErr error
	q.since, sinceErr = optionalTime("since", in.Since)
	return q, errors.Join(chat.ValidateRoom(in.Room), exclusive(named), in.check(in.After.Set, in.After.Set || in.Before.Set), sinceErr)
}

func nextMessages(q *wanted, direction string, seq int64, epoch string) string {
	return strings.Replace(route.ListMessages.Path(), "{room}", q.room, 1) + "?" + direction + "=" + strconv.FormatInt(seq, 10) +
		"&epoch=" + epoch + "&limit=" + strconv.Itoa(q.limit)
}

type listRoomsInput struct {
	After string     `query:"after" doc:"the rooms whose names sort after this one" example:"lobby"`
	Limit limitParam `query:"limit" doc:"rooms in the page; default 100" example:"100"`
}

type roomsOutput struct{ Body roomPage }

func (a *API) listRooms(h huma.API) {
	register(h, route.ListRooms, huma.Operation{
		Tags:        []string{tagRooms},
		Summary:     "List the rooms",
		Description: "The rooms that have messages and that the caller may read, in order of their names.",
	}, readErrors, func(ctx context.Context, in *listRoomsInput) (*roomsOutput, error) {
		out, err := a.roomList(ctx, in.After, in.Limit.orDefault())
		if err != nil {
			return nil, failed(err)
		}
		return &roomsOutput{out}, nil
	})
}

func (a *API) roomList(ctx context.Context, after string, limit int) (out roomPage, err error) {
	rooms, epoch, err := a.readRooms(ctx, after, limit)
	if err != nil {
		return out, err
	}
	out = roomPage{Rooms: make([]roomEntry, len(rooms)), Epoch: epoch}
	for i, r := range rooms {
		out.Rooms[i] = roomEntry{Name: r.Name, LastSeq: r.LastSeq, OldestSeq: r.OldestSeq}
		if !r.LastStoredAt.IsZero() {
			out.Rooms[i].LastStoredAt = r.LastStoredAt.UTC().Format(chat.TimeFormat)
		}
	}
	if len(rooms) == limit {
		q := url.Values{"after": {rooms[limit-1].Name}, "limit": {strconv.Itoa(limit)}}
		out.Next = route.ListRooms.Path() + "?" + q.Encode()
	}
	return out, nil
}

// readRooms reads a page of the list of rooms when its turn has come, and the epoch that all of it is of. If the store has gone
// back meanwhile, it reads once more.
func (a *API) readRooms(ctx context.Context, after string, limit int) (rooms []chat.Room, epoch string, err error) {
	done, err := a.cfg.Turns.Take(ctx)
	if err != nil {
		return nil, "", err
	}
	defer done()
	for range 2 {
		present, err := a.cfg.Epoch()
		if err != nil {
			return nil, "", err
		}
		rooms, err := a.cfg.Rooms.Rooms(ctx, after, limit)
		if err != nil {
			return nil, "", err
		}
		if !slices.ContainsFunc(rooms, func(r chat.Room) bool { return r.Epoch.ID != present.ID }) {
			return rooms, present.ID, nil
		}
	}
	return nil, "", errTorn
}
