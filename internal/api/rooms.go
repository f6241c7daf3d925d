package api

import (
	"context"
	"errors"
	"math"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/chat"
	"restante/internal/route"
)

type listMessagesInput struct {
	Room   string     `path:"room" example:"lobby"`
	After  seqParam   `query:"after" doc:"the oldest messages with a greater number" example:"42"`
	Before seqParam   `query:"before" doc:"the newest messages with a smaller number" example:"43"`
	Since  string     `query:"since" doc:"the oldest messages that were stored later than this time of RFC 3339" example:"2026-01-02T15:04:05.123Z"`
	Limit  limitParam `query:"limit" doc:"messages in the page; default 100" example:"100"`
}

type messagesOutput struct{ Body messagePage }

func (a *API) listMessages(h huma.API) {
	register(h, route.ListMessages, huma.Operation{
		Tags:    []string{tagRooms},
		Summary: "Read a page of a room",
		Description: "Without `after`, `before` or `since`: the newest page. `next` is the path of the page that goes on in the same direction. " +
			"A page of very long messages is shorter than `limit`: it ends with 1 MiB of text. " +
			"A room that nobody has written to is empty. If `oldest_seq` is greater than the number asked for, what lies between is not kept any more.",
	}, readErrors, func(ctx context.Context, in *listMessagesInput) (*messagesOutput, error) {
		page, err := a.page(ctx, in)
		if err != nil {
			return nil, failed(err)
		}
		return &messagesOutput{page}, nil
	})
}

func (a *API) page(ctx context.Context, in *listMessagesInput) (messagePage, error) {
	named := map[string]bool{"after": in.After.Set, "before": in.Before.Set, "since": in.Since != ""}
	if err := errors.Join(chat.ValidateRoom(in.Room), exclusive(named)); err != nil {
		return messagePage{}, err
	}
	forward := in.After.Set || in.Since != ""
	list, err := a.read(ctx, in, forward)
	if err != nil {
		return messagePage{}, err
	}
	room, err := a.cfg.Rooms.Room(ctx, in.Room) // read after the page, so that last_seq is not less than its numbers
	if err != nil {
		return messagePage{}, err
	}
	out := messagePage{Messages: wireMessages(list), LastSeq: room.LastSeq, OldestSeq: room.OldestSeq}
	if len(list) == 0 {
		return out, nil
	}
	first, last := list[0].Seq, list[len(list)-1].Seq
	switch {
	case forward && last < room.LastSeq:
		out.Next = nextMessages(in, "after", last)
	case !forward && first > room.OldestSeq:
		out.Next = nextMessages(in, "before", first)
	}
	return out, nil
}

func (a *API) read(ctx context.Context, in *listMessagesInput, forward bool) ([]chat.Message, error) {
	limit := in.Limit.orDefault()
	if !forward {
		before := int64(math.MaxInt64)
		if in.Before.Set {
			before = in.Before.Value
		}
		list, err := a.cfg.History.Before(ctx, in.Room, before, limit)
		return chat.LastPage(list), err
	}
	after, err := a.cursor(ctx, in.Room, in.After, in.Since)
	if err != nil {
		return nil, err
	}
	page, _, err := a.pageAfter(ctx, in.Room, after, limit)
	return page, err
}

func nextMessages(in *listMessagesInput, direction string, seq int64) string {
	return strings.Replace(route.ListMessages.Path(), "{room}", in.Room, 1) + "?" + direction + "=" + strconv.FormatInt(seq, 10) +
		"&limit=" + strconv.Itoa(in.Limit.orDefault())
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
		limit := in.Limit.orDefault()
		rooms, err := a.cfg.Rooms.Rooms(ctx, in.After, limit)
		if err != nil {
			return nil, failed(err)
		}
		out := roomPage{Rooms: make([]roomEntry, len(rooms))}
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
		return &roomsOutput{out}, nil
	})
}
