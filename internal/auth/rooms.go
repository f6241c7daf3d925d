package auth

import (
	"cmp"
	"slices"
	"strings"

	"restante/internal/chat"
	"restante/internal/errs"
)

// MaxRooms is how many patterns a token may have.
const MaxRooms = 200

// Rooms is a set of rooms: names, and prefixes that end with a star. "*" alone is every room.
type Rooms []string

// Has reports whether the room is in the set.
func (r Rooms) Has(room string) bool {
	for _, pattern := range r {
		if prefix, open := strings.CutSuffix(pattern, "*"); pattern == room || open && strings.HasPrefix(room, prefix) {
			return true
		}
	}
	return false
}

// Validate returns nil if every pattern can match a room, otherwise an errs.Invalid error.
func (r Rooms) Validate() error {
	if len(r) > MaxRooms {
		return errs.Field("rooms", "must be %d patterns at most, are %d", MaxRooms, len(r))
	}
	for _, pattern := range r {
		prefix, open := strings.CutSuffix(pattern, "*")
		if open && prefix == "" {
			continue
		}
		if chat.ValidateRoom(prefix) != nil {
			return errs.Field("rooms", "%q is neither a room's name, nor the beginning of one with a * behind it", pattern)
		}
	}
	return nil
}

// span is a run of names in their order: first, and if it is open, all names that begin with first.
type span struct {
	first string
	open  bool
}

// spans returns the rooms as ascending spans that do not overlap.
func (r Rooms) spans() []span {
	all := make([]span, len(r))
	for i, pattern := range r {
		all[i].first, all[i].open = strings.CutSuffix(pattern, "*")
	}
	slices.SortFunc(all, func(a, b span) int {
		if c := cmp.Compare(a.first, b.first); c != 0 || a.open == b.open {
			return c
		}
		if a.open { // a contains b
			return -1
		}
		return 1
	})
	apart := all[:0]
	for _, s := range all {
		if len(apart) == 0 || !apart[len(apart)-1].has(s.first) {
			apart = append(apart, s)
		}
	}
	return apart
}

func (s span) has(room string) bool {
	return s.first == room || s.open && strings.HasPrefix(room, s.first)
}

// endsBy reports whether every name of the span sorts before the given one or equals it.
func (s span) endsBy(name string) bool { return name >= s.first && (!s.open || !s.has(name)) }

// before returns a text that sorts before the first name of the span, and after all names that sort before that.
func (s span) before() string {
	after, _ := chat.RoomsWith(s.first)
	return after
}
