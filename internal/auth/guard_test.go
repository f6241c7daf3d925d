package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"restante/internal/chat"
	"restante/internal/errs"
)

// accepted is a journey.Accepter that keeps its messages.
type accepted []chat.Message

func (a *accepted) Accept(_ context.Context, m chat.Message) (chat.Message, error) {
	*a = append(*a, m)
	return m, nil
}

func TestCheckSender_AcceptsOnlyWhatTheClientMaySend(t *testing.T) {
	writer := &Client{ID: "ann", Rooms: Rooms{chat.DefaultRoom, "team-*"}, Publish: true}
	reader := &Client{ID: "ann", Rooms: Rooms{"*"}}
	refusedClient := Refused(t.Context(), refused(expired))
	for name, tc := range map[string]struct {
		ctx      context.Context
		room, id string
		want     errs.Code
	}{
		"its own":                {With(t.Context(), writer), "team-a", "ann", ""},
		"its own by default":     {With(t.Context(), writer), "", "", ""},
		"its own with blanks":    {With(t.Context(), writer), "team-a", " ann\u3000", ""},
		"its own when blank":     {With(t.Context(), writer), "", "\u200b ", ""},
		"another room":           {With(t.Context(), writer), "other", "ann", errs.Forbidden},
		"another's name":         {With(t.Context(), writer), "team-a", "bob", errs.Forbidden},
		"read only token":        {With(t.Context(), reader), "team-a", "ann", errs.Forbidden},
		"no client":              {refusedClient, "team-a", "ann", errs.Unauthenticated},
		"not checked":            {t.Context(), "team-a", "ann", errs.Unauthenticated},
		"without authentication": {With(t.Context(), Anyone()), "any", "bob", ""},
		"not even a client id":   {With(t.Context(), Anyone()), "any", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got accepted
			_, err := CheckSender(&got).Accept(tc.ctx, chat.Message{Room: tc.room, ClientID: tc.id})
			if errs.CodeOf(err) != tc.want || len(got) != map[bool]int{true: 1, false: 0}[tc.want == ""] {
				t.Errorf("%v accepted with error %v, want %q", got, err, tc.want)
			}
			if tc.want == "" && tc.id != got[0].ClientID && got[0].ClientID != "ann" {
				t.Errorf("%q became %q", tc.id, got[0].ClientID)
			}
			if name == "its own by default" && (got[0].ClientID != "ann" || got[0].Room != chat.DefaultRoom) {
				t.Errorf("%+v is not the client's in the default room", got[0])
			}
		})
	}
}

// rooms is a Reader that has rooms of these names, in order, and counts what is read.
type rooms struct {
	names       []string
	calls, rows int
}

var errRead = errors.New("was read")

func (r *rooms) After(context.Context, string, int64, int) ([]chat.Message, error) {
	return nil, errRead
}

func (r *rooms) Before(context.Context, string, int64, int) ([]chat.Message, error) {
	return nil, errRead
}
func (r *rooms) SeqAt(context.Context, string, time.Time) (int64, error)  { return 0, errRead }
func (r *rooms) Room(context.Context, string) (chat.Room, error)          { return chat.Room{}, errRead }
func (r *rooms) Beginning(context.Context, string, string) (int64, error) { return 0, errRead }

func (r *rooms) Rooms(_ context.Context, after, before string, limit int) ([]chat.Room, error) {
	if limit < 1 || limit > chat.MaxPage {
		limit = chat.MaxPage
	}
	r.calls++
	i, found := slices.BinarySearch(r.names, after)
	if found {
		i++
	}
	var page []chat.Room
	for ; i < len(r.names) && len(page) < limit && (before == "" || r.names[i] < before); i++ {
		page = append(page, chat.Room{Name: r.names[i]})
	}
	r.rows += len(page)
	return page, nil
}

func (r *rooms) RoomsNamed(_ context.Context, names []string) ([]chat.Room, error) {
	var found []chat.Room
	r.calls++
	for _, name := range r.names {
		if slices.Contains(names, name) {
			found = append(found, chat.Room{Name: name})
		}
	}
	return found, nil
}

func TestLog_ReadsOnlyWhatTheClientMay(t *testing.T) {
	log := Log{&rooms{}}
	reads := map[string]func(ctx context.Context, room string) error{
		"after":  func(ctx context.Context, room string) error { _, err := log.After(ctx, room, 0, 1); return err },
		"before": func(ctx context.Context, room string) error { _, err := log.Before(ctx, room, 9, 1); return err },
		"seqat":  func(ctx context.Context, room string) error { _, err := log.SeqAt(ctx, room, time.Time{}); return err },
		"room":   func(ctx context.Context, room string) error { _, err := log.Room(ctx, room); return err },
	}
	ann := With(t.Context(), &Client{ID: "ann", Rooms: Rooms{"team-*"}})
	for name, read := range reads {
		if err := read(ann, "team-a"); !errors.Is(err, errRead) {
			t.Errorf("%s of its room: %v", name, err)
		}
		if err := read(ann, "other"); errs.CodeOf(err) != errs.Forbidden {
			t.Errorf("%s of another room: %v", name, err)
		}
		if err := read(t.Context(), "team-a"); errs.CodeOf(err) != errs.Unauthenticated {
			t.Errorf("%s without a client: %v", name, err)
		}
	}
	if _, err := log.Rooms(t.Context(), "", "", 1); errs.CodeOf(err) != errs.Unauthenticated {
		t.Errorf("the rooms, without a client: %v", err)
	}
	if _, err := log.RoomsNamed(t.Context(), []string{"a"}); errs.CodeOf(err) != errs.Unauthenticated {
		t.Errorf("rooms by name, without a client: %v", err)
	}
}

func TestLog_RoomsAreThoseOfTheModel(t *testing.T) {
	name := rapid.StringMatching(`[a-c0][a-c0._-]{0,3}`)
	pattern := rapid.OneOf(name, rapid.Just("*"), rapid.Map(name, func(s string) string { return s + "*" }))
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(name, rapid.ID).Draw(t, "names")
		slices.Sort(names)
		client := &Client{Rooms: rapid.SliceOfN(pattern, 0, 8).Draw(t, "patterns")}
		after := rapid.OneOf(rapid.Just(""), name, rapid.StringN(0, 3, 10)).Draw(t, "after")
		limit := rapid.IntRange(-1, 10).Draw(t, "limit")
		first, before := chat.RoomsWith(rapid.OneOf(rapid.Just(""), name).Draw(t, "prefix"))
		after = max(first, after)

		var want []string
		for _, name := range names {
			if name > after && (before == "" || name < before) && client.CanRead(name) == nil && (limit < 1 || len(want) < limit) {
				want = append(want, name)
			}
		}
		got, err := Log{&rooms{names: names}}.Rooms(With(context.Background(), client), after, before, limit)
		if err != nil || !slices.EqualFunc(got, want, func(room chat.Room, name string) bool { return room.Name == name }) {
			t.Fatalf("%v, %v; want %q", got, err, want)
		}
	})
}

func TestLog_RoomsByNameAreThoseThatTheClientMayRead(t *testing.T) {
	log := &rooms{names: []string{"lobby", "secret", "team-a", "team-b"}}
	ann := With(t.Context(), &Client{ID: "ann", Rooms: Rooms{"lobby", "team-*"}})
	asked := []string{"team-b", "secret", "team-c", "lobby", "lobby", "secret2"}
	found, err := Log{log}.RoomsNamed(ann, asked)
	if err != nil || len(found) != 2 || found[0].Name != "lobby" || found[1].Name != "team-b" || asked[1] != "secret" {
		t.Errorf("%v, %v of %q", found, err, asked)
	}
	found, err = Log{log}.RoomsNamed(ann, []string{"secret"})
	if err != nil || len(found) != 0 || log.calls != 1 {
		t.Errorf("%v, %v after %d calls", found, err, log.calls)
	}
}

func TestLog_RoomsOfAPrefixCostNoOthers(t *testing.T) {
	many := &rooms{}
	for i := range 200_000 {
		many.names = append(many.names, fmt.Sprintf("room-%06d", i))
	}
	for prefix, want := range map[string]int{"room-1": 1, "room-123456": 1, "room-12345": 1, "room-2": 0, "room-": 2, "s": 0, "rooms": 0, "room-0": 1} {
		many.calls, many.rows = 0, 0
		after, before := chat.RoomsWith(prefix)
		ctx := With(t.Context(), &Client{Rooms: Rooms{"room-123456", "room-000007", "zoo*"}})
		found, err := Log{many}.Rooms(ctx, after, before, 10)
		if err != nil || len(found) != want || many.calls > 3 || many.rows > 30 {
			t.Errorf("%q: %v, %v after %d calls for %d rooms", prefix, found, err, many.calls, many.rows)
		}
	}
}

func TestLog_RoomsInBetweenCostNothing(t *testing.T) {
	many := &rooms{}
	for i := range 200_000 {
		many.names = append(many.names, fmt.Sprintf("room-%06d", i))
	}
	client := &Client{Rooms: Rooms{"room-00001*", "room-199999", "room-15*", "zoo"}}
	got, err := Log{many}.Rooms(With(t.Context(), client), "", "", 20)
	if err != nil || len(got) != 20 || got[9].Name != "room-000019" || got[10].Name != "room-150000" {
		t.Errorf("%v, %v", got, err)
	}
	got, err = Log{many}.Rooms(With(t.Context(), client), "room-159998", "", 20)
	if err != nil || len(got) != 2 || got[1].Name != "room-199999" {
		t.Errorf("%v, %v", got, err)
	}
	for _, limit := range []int{0, chat.MaxPage + 1} {
		few := &Client{Rooms: Rooms{"room-00000*", "room-199999"}}
		got, err = Log{&rooms{names: many.names}}.Rooms(With(t.Context(), few), "", "", limit)
		if err != nil || len(got) != 11 {
			t.Errorf("limit %d: %v, %v", limit, got, err)
		}
	}
	if many.calls > 6 || many.rows > 100 {
		t.Errorf("%d calls for %d rooms", many.calls, many.rows)
	}
}
