package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
)

// Rooms are found by the index of their names.
func TestRooms_AreFoundByTheIndexOfNames(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	for query, want := range map[string]string{
		selectBetweenNames: "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (name>? AND name<?)",
		selectRoomsNamed:   "SEARCH rooms USING INDEX sqlite_autoindex_rooms_1 (name=?)",
	} {
		args := []any{"a", "b", 1}
		if plan := planOf(t, d, query, args[:strings.Count(query, "?")]...); plan[0] != want || strings.Contains(strings.Join(plan, ", "), "SCAN rooms") {
			t.Errorf("%s: %q, want %q", query, plan, want)
		}
	}
}
