package auth

import (
	"fmt"
	"strings"
	"testing"

	"restante/internal/errs"
)

func TestRooms_Has(t *testing.T) {
	for _, tc := range []struct {
		rooms Rooms
		room  string
		want  bool
	}{
		{nil, "lobby", false},
		{Rooms{"lobby"}, "lobby", true},
		{Rooms{"lobby"}, "lobby2", false},
		{Rooms{"lobby"}, "lob", false},
		{Rooms{"lob*"}, "lob", true},
		{Rooms{"lob*"}, "lobby", true},
		{Rooms{"lob*"}, "lo", false},
		{Rooms{"a", "b*", "c"}, "c", true},
		{Rooms{"*"}, "anything", true},
		{Rooms{""}, "anything", false},
	} {
		if got := tc.rooms.Has(tc.room); got != tc.want {
			t.Errorf("%q has %q: %v", tc.rooms, tc.room, got)
		}
	}
}

func TestRooms_Validate(t *testing.T) {
	for _, good := range []Rooms{nil, {"*"}, {"lobby", "team-*", "0*"}, {strings.Repeat("a", 64) + "*"}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "-*", "**", "a*b", "*a", "Lobby", "a b", "é*", strings.Repeat("a", 65) + "*"} {
		if err := (Rooms{"lobby", bad}).Validate(); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRooms_SpansFollowEachOther(t *testing.T) {
	for _, tc := range []struct {
		rooms Rooms
		want  string
	}{
		{nil, ""},
		{Rooms{"b", "a", "b"}, "a b"},
		{Rooms{"team-a", "team", "team*", "tea", "teb"}, "tea team* teb"},
		{Rooms{"a*", "ab*", "abc", "b"}, "a* b"},
		{Rooms{"x", "*"}, "*"},
	} {
		var got []string
		for _, s := range tc.rooms.spans() {
			star := ""
			if s.open {
				star = "*"
			}
			got = append(got, fmt.Sprint(s.first, star))
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%q: %q, want %q", tc.rooms, got, tc.want)
		}
	}
}
