package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/testkit"
)

// roomList is an answer of GET /rooms.
type roomList struct {
	Rooms []struct {
		Name         string
		LastSeq      int64  `json:"last_seq"`
		LastStoredAt string `json:"last_stored_at"`
	}
	Epoch, Next string
}

// findRooms follows a list of rooms to its end.
func findRooms(t *testing.T, s *testkit.Server, query string) (names []string, pages int) {
	t.Helper()
	for next := "/rooms?" + query; next != ""; pages++ {
		body, _ := get(t, "GET", s.URL()+next, 200)
		var page roomList
		decode(t, body, &page)
		for _, r := range page.Rooms {
			if r.LastSeq != 1 || r.LastStoredAt == "" {
				t.Errorf("%+v", r)
			}
			names = append(names, r.Name)
		}
		next = page.Next
	}
	return names, pages
}

// A fold of 900 rooms is found by its prefix among others whose names are almost so.
func TestRooms_FoundByPrefixAndName(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		var all []string
		for i := range 900 {
			all = append(all, fmt.Sprintf("fold-%03d", i))
		}
		all = append(all, "fold", "fold.1", "fold_1", "folds", "foldx-1", "fole", "f-1", "f.1", "f_1", "f0", "fo", "z")
		for _, room := range all {
			get(t, "POST", s.URL()+"/message?msg=x&client_id=ann&room="+room, 202)
		}
		for _, room := range all {
			s.WaitSeq(room, 1)
		}
		slices.Sort(all)
		for prefix, pages := range map[string]int{"fold-": 9, "fold": 10, "fold.": 1, "fold_": 1, "fold-08": 1, "f": 10, "f-": 1, "z": 1, "absent": 1} {
			var want []string
			for _, name := range all {
				if strings.HasPrefix(name, prefix) {
					want = append(want, name)
				}
			}
			if got, n := findRooms(t, s, "prefix="+prefix); !slices.Equal(got, want) || n != pages {
				t.Errorf("%q: %d rooms in %d pages, want %d in %d", prefix, len(got), n, len(want), pages)
			}
		}
		if got, n := findRooms(t, s, "prefix=&limit=500"); !slices.Equal(got, all) || n != 2 {
			t.Errorf("no prefix: %d rooms in %d pages", len(got), n)
		}
		names := url.Values{"name": {"z", "absent", "fold.1", "z"}}
		for i := range chat.MaxNames - 4 {
			names.Add("name", fmt.Sprintf("%064d", i))
		}
		if got, _ := findRooms(t, s, names.Encode()); strings.Join(got, " ") != "fold.1 z" {
			t.Errorf("by name: %q", got)
		}
	})
}
