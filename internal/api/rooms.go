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
	"restante/internal/errs"
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
	After  string     `query:"after" doc:"the rooms whose names sort after this one" example:"lobby"`
	Prefix string     `query:"prefix" doc:"the rooms whose names begin with this: the beginning of a name; all rooms if it is empty" example:"team-"`
	Limit  limitParam `query:"limit" doc:"rooms in the page; default 100" example:"100"`
	Names  []string   `query:"name,explode" maxItems:"200" doc:"the rooms of these names, as many of them as have messages and may be read; it stands alone, once for each name" example:"[\"lobby\"]"`
}

// wanted returns which rooms the request is for.
func (in *listRoomsInput) wanted() (rooms, error) {
	r := rooms{prefix: in.Prefix, names: in.Names, limit: in.Limit.orDefault()}
	var after string
	after, r.before = chat.RoomsWith(in.Prefix)
	r.after = max(in.After, after)
	var faults []error
	if in.Prefix != "" && chat.ValidateRoom(in.Prefix) != nil {
		faults = append(faults, errs.Field("prefix", "must be the beginning of a room's name: %s", chat.RoomForm))
	}
	for _, name := range in.Names {
		if chat.ValidateRoom(name) != nil {
			faults = append(faults, errs.Field("name", "must be %s", chat.RoomForm))
			break
		}
	}
	for _, other := range []struct {
		name  string
		given bool
	}{{"after", in.After != ""}, {"prefix", in.Prefix != ""}, {"limit", in.Limit != 0}} {
		if other.given && len(in.Names) > 0 {
			faults = append(faults, errs.Field(other.name, "cannot be combined with name"))
		}
	}
	return r, errors.Join(faults...)
}

// rooms says which rooms are to be listed: those of the names if there are any, else a page of those between two texts.
type rooms struct {
	names         []string
	prefix        string
	after, before string
	limit         int
}

type roomsOutput struct{ Body roomPage }

func (a *API) listRooms(h huma.API) {
	register(h, route.ListRooms, huma.Operation{
		Tags:    []string{tagRooms},
		Summary: "List the rooms",
		Description: "The rooms that have messages and that the caller may read, in order of their names. With `prefix`, those whose names begin with it; " +
			"`next` is absent if the page has all of them that follow `after`. With `name`, those of the given names: what is left out has no messages, or is not for the caller.",
	}, readErrors, func(ctx context.Context, in *listRoomsInput) (*roomsOutput, error) {
		wanted, err := in.wanted()
		if err != nil {
			return nil, failed(err)
		}
		out, err := a.roomList(ctx, wanted)
		if err != nil {
			return nil, failed(err)
		}
		return &roomsOutput{out}, nil
	})
}

func (a *API) roomList(ctx context.Context, wanted rooms) (out roomPage, err error) {
	found, epoch, err := a.readRooms(ctx, wanted)
	if err != nil {
		return out, err
	}
	found, more := wanted.cut(found)
	out = roomPage{Rooms: make([]roomEntry, len(found)), Epoch: epoch}
	for i, r := range found {
		out.Rooms[i] = roomEntry{Name: r.Name, LastSeq: r.LastSeq, OldestSeq: r.OldestSeq}
		if !r.LastStoredAt.IsZero() {
			out.Rooms[i].LastStoredAt = r.LastStoredAt.UTC().Format(chat.TimeFormat)
		}
	}
	if more {
		q := url.Values{"after": {found[len(found)-1].Name}, "limit": {strconv.Itoa(wanted.limit)}}
		if wanted.prefix != "" {
			q.Set("prefix", wanted.prefix)
		}
		out.Next = route.ListRooms.Path() + "?" + q.Encode()
	}
	return out, nil
}

// readRooms reads rooms when its turn has come, and the epoch that all of them are of. If the store has gone back meanwhile, it reads
// once more.
func (a *API) readRooms(ctx context.Context, wanted rooms) (found []chat.Room, epoch string, err error) {
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
		found, err := wanted.read(ctx, a.cfg.Rooms)
		if err != nil {
			return nil, "", err
		}
		if !slices.ContainsFunc(found, func(r chat.Room) bool { return r.Epoch.ID != present.ID }) {
			return found, present.ID, nil
		}
	}
	return nil, "", errTorn
}

// read reads the rooms once. After a full page of a prefix it reads one more room: who searches asks whether this was all.
func (r rooms) read(ctx context.Context, from Directory) ([]chat.Room, error) {
	if len(r.names) > 0 {
		return from.RoomsNamed(ctx, r.names)
	}
	found, err := from.Rooms(ctx, r.after, r.before, r.limit)
	if err != nil || len(found) < r.limit || r.prefix == "" {
		return found, err
	}
	next, err := from.Rooms(ctx, found[len(found)-1].Name, r.before, 1)
	return append(found, next...), err
}

// cut returns the rooms of the page, of those that read has returned, and whether the list goes on. A full page of all rooms counts as
// one that goes on.
func (r rooms) cut(found []chat.Room) (page []chat.Room, more bool) {
	if len(r.names) > 0 {
		return found, false
	}
	return found[:min(r.limit, len(found))], len(found) > r.limit || len(found) == r.limit && r.prefix == ""
}
