package drivertest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// neighbours are names that a language's order, a pattern or a case fold would put among others than their bytes do.
var neighbours = []string{
	"a", "a-", "a--", "a-b", "a.", "a.b", "a0", "a9", "a_", "a_b", "aa", "ab", "az", "azz", "b", "ba", "z", "zz", "0", "00", "9",
	"a%", "A", "Ab", "aB", "á", "a\U0010ffff", "a~", "a\x7f", "a b", "ä-b", `a\b`, "a'b",
}

// testRoomsBetween lists the rooms between any two texts, and compares with the order of bytes.
func testRoomsBetween(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var batch []chat.Message
	for _, name := range neighbours {
		batch = append(batch, message(name, "hello"))
	}
	put(t, d, batch...)
	sorted := slices.Sorted(slices.Values(neighbours))
	texts := append([]string{"", "`~", "a,~", "a-~", "a_~", "b~", "a%~"}, sorted...)
	for _, after := range texts {
		for _, before := range texts {
			var want []string
			for _, name := range sorted {
				if name > after && (before == "" || name < before) {
					want = append(want, name)
				}
			}
			for _, limit := range []int{0, 1, 3, len(sorted)} {
				found, err := d.Rooms(t.Context(), after, before, limit)
				if got := namesOf(found); err != nil || !slices.Equal(got, want[:min(limit, len(want))]) {
					t.Errorf("up to %d between %q and %q: %q, %v, want %q", limit, after, before, got, err, want)
				}
			}
		}
	}
}

// testRoomsOfPrefixes finds a fold of rooms among many whose names begin almost so.
func testRoomsOfPrefixes(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var batch []chat.Message
	for i := range 900 {
		batch = append(batch, message(fmt.Sprintf("team.fold-%03d", i), "hello"))
	}
	for _, name := range []string{"team", "team.", "team.fold", "team.fold.", "team.fold_", "team_fold-1", "team.folds", "team.folc-9", "teamxfold-1", "tean", "team-fold-1", "team.fold-"} {
		batch = append(batch, message(name, "hello"))
	}
	put(t, d, batch...)
	for prefix, want := range map[string]int{
		"team.fold-": 901, "team.fold": 905, "team.fold-08": 10, "team.fold-089": 1, "team.": 907, "team_": 1, "team%": 0, "t": 912, "tean": 1, "team.fold-899": 1, "team.fold-9": 0, "u": 0, "": 912,
	} {
		var got []string
		after, before := chat.RoomsWith(prefix)
		for {
			found, err := d.Rooms(t.Context(), after, before, 100)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, namesOf(found)...)
			if len(found) < 100 {
				break
			}
			after = got[len(got)-1]
		}
		if len(got) != want || !slices.IsSorted(got) {
			t.Errorf("%q: %d rooms, want %d: %q", prefix, len(got), want, got)
		}
	}
}

func testRoomsNamed(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	want := map[string]chat.Room{}
	for i, name := range neighbours {
		c.step(1e9)
		stored := put(t, d, messages(name, i%3+1)...).Messages
		last := stored[len(stored)-1]
		want[name] = chat.Room{Name: name, LastSeq: last.Seq, OldestSeq: 1, LastStoredAt: last.StoredAt, Epoch: epochOf(t, d)}
	}
	for _, names := range [][]string{nil, {}, {"unknown"}, {"b", "unknown", "a", "A", "b"}, {"a_", "a%"}, {"_", "%", ""}, neighbours} {
		var exist []chat.Room
		for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
			if r, ok := want[name]; ok {
				exist = append(exist, r)
			}
		}
		before := slices.Clone(names)
		if got, err := d.RoomsNamed(t.Context(), names); err != nil || !slices.Equal(got, exist) {
			t.Errorf("rooms named %q: %+v, %v, want %+v", names, got, err, exist)
		}
		if !slices.Equal(names, before) {
			t.Errorf("the names were changed to %q", names)
		}
	}
	if found, err := d.Rooms(t.Context(), "", "", 100); err != nil || len(found) != len(neighbours) {
		t.Errorf("reading rooms has made some: %+v, %v", found, err)
	}
	many := make([]string, driver.MaxNames)
	for i := range many {
		many[i] = neighbours[i%len(neighbours)]
	}
	if found, err := d.RoomsNamed(t.Context(), many); err != nil || len(found) != len(neighbours) {
		t.Errorf("%d names: %d rooms, %v", len(many), len(found), err)
	}
	if _, err := d.RoomsNamed(t.Context(), append(many, "a")); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("%d names: %v, want an error of class invalid", len(many)+1, err)
	}
}

func namesOf(found []chat.Room) []string {
	names := make([]string, len(found))
	for i, r := range found {
		names[i] = r.Name
	}
	if !slices.IsSortedFunc(found, func(a, b chat.Room) int { return cmp.Compare(a.Name, b.Name) }) {
		return append(names, "not sorted")
	}
	return names
}
