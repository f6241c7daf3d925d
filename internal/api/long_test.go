package api

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
)

// Pages of long messages end with their bytes before they have as many messages as were asked for. Nothing may be lost
// at these borders, whichever way a client reads.
func TestPages_OfLongMessagesLoseNothing(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 100)
	var want []int64
	for i := range s.rooms["lobby"] {
		s.rooms["lobby"][i].Msg = strings.Repeat("x", chat.MaxMsgBytes)
		want = append(want, int64(i+1))
	}
	a := newAPI(t, s)
	if got := missed(t, do(a, "GET", "/messages/since?since=2026-01-01", "")); !slices.Equal(got, want) {
		t.Errorf("all that was missed: %v", got)
	}
	var linked []int64
	for next := "/messages/since?since=2026-01-01&limit=90"; next != ""; {
		w := do(a, "GET", next, "")
		linked = append(linked, missed(t, w)...)
		next, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	if !slices.Equal(linked, want) {
		t.Errorf("missed, by Link: %v", linked)
	}
	for direction, reverse := range map[string]bool{"?after=0&limit=90": false, "?limit=90": true} {
		got := walk(t, a, "/rooms/lobby/messages"+direction, reverse)
		if !slices.Equal(got, want) {
			t.Errorf("%s, by next: %v", direction, got)
		}
	}
}

// walk follows next from page to page and returns the numbers in the room's order.
func walk(t *testing.T, a *API, next string, reverse bool) (seqs []int64) {
	t.Helper()
	for pages := 0; next != ""; pages++ {
		var page struct {
			Messages []chat.Message
			Next     string
		}
		w := do(a, "GET", next, "")
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || pages > 10 {
			t.Fatalf("page %d, %s: %v", pages, next, err)
		}
		var these []int64
		for _, m := range page.Messages {
			these = append(these, m.Seq)
		}
		if reverse {
			seqs = append(these, seqs...)
		} else {
			seqs = append(seqs, these...)
		}
		next = page.Next
	}
	return seqs
}
