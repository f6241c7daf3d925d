package auth

import "strings"

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
