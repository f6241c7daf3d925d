package api

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"restante/internal/chat"
)

func TestListMessages_BeforeANumberOfAnotherEpochIsTheNewestPage(t *testing.T) {
	srv := serving(t, beenBack(t))
	for _, tt := range []struct {
		query string
		first int64
		reset *chat.Reset
	}{
		{"before=5&limit=2", 3, nil},
		{"before=5&limit=2&epoch=" + epochIDs[2], 3, nil},
		{"before=1000&limit=2", 11, nil},
		{"before=1000&limit=2&epoch=" + epochIDs[2], 11, nil},
		{"before=5&limit=2&epoch=" + epochIDs[0], 11, wantReset(chat.ReasonEpoch, 5, 0)},
		{"before=10&limit=2&epoch=" + epochIDs[0], 11, wantReset(chat.ReasonEpoch, 6, 0)},
	} {
		got := readMessagePage(t, srv, tt.query)
		if got.status != 200 || got.first != tt.first {
			t.Errorf("%s: %+v", tt.query, got)
		}
		sameReset(t, tt.query, got.reset, tt.reset)
	}
	if got := readMessagePage(t, srv, "before=5&rev=2"); got.status != 422 || got.field != "rev" {
		t.Errorf("before with rev: %+v", got)
	}
}

// A client that follows the links of pages is told when the store goes back between two of them.
func TestPages_NoticeThatTheStoreWentBack(t *testing.T) {
	for _, first := range []string{"/rooms/lobby/messages?after=0&limit=4", "/rooms/lobby/messages?limit=4", "/messages/since?since=2026-01-01&limit=4"} {
		s := newMemory()
		fill(t, s, "lobby", 10)
		a := newAPI(t, s)
		w := do(a, "GET", first, "")
		next, _, _ := strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
		if next == "" {
			var page struct{ Next string }
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			next = page.Next
		}
		s.goBack("lobby", 2)
		fill(t, s, "lobby", 8)
		w = do(a, "GET", next, "")
		told := w.Body.String() + w.Header().Get("Restante-Reset")
		if w.Code != 200 || !strings.Contains(told, `"reason":"epoch","epoch":"`+epochIDs[1]+`","last_seq":10,"after":2}`) {
			t.Errorf("%s, then %s: %d %s", first, next, w.Code, told)
		}
		if u, err := url.Parse(next); err != nil || u.Query().Get("epoch") != epochIDs[0] {
			t.Errorf("%s, then %s, %v", first, next, err)
		}
	}
}

// pageDoors are the doors that read pages, as paths.
var pageDoors = []string{
	"/rooms/lobby/messages", "/rooms/lobby/messages?after=2", "/rooms/lobby/messages?since=2026-01-01", "/rooms/lobby/messages?before=9",
	"/messages/since?after=2", "/messages/since?since=2026-01-01", "/messages/since?since=2026-01-01&limit=3",
}

// Between the look at the room and the read of its messages the store goes back: the answer is of one epoch, or there is none.
func TestPages_AreOfOneEpoch(t *testing.T) {
	for _, target := range pageDoors {
		for times, status := range map[int]int{1: 200, 2: 503} {
			s := newMemory()
			fill(t, s, "lobby", 10)
			a := newAPI(t, s, func(c *Config) {
				c.Rooms = &leaving{Directory: s, leave: func() { s.goBack("lobby", 5) }, times: times}
			})
			w := do(a, "GET", target, "")
			told := w.Body.String() + w.Header().Get("Restante-Epoch")
			if w.Code != status || status == 200 && (!strings.Contains(told, epochIDs[1]) || strings.Contains(told, `"seq":6`)) {
				t.Errorf("%s, went back %d times: %d %s", target, times, w.Code, told)
			}
		}
	}
}

// An empty page has no message that says which epoch it is of: that the room should have some says it.
func TestPages_EmptyOnesAreOfOneEpoch(t *testing.T) {
	for target, back := range map[string]int{
		"/rooms/lobby/messages": 0, "/rooms/lobby/messages?before=9": 0, "/rooms/lobby/messages?after=8&epoch=" + epochIDs[0]: 5,
		"/messages/since?since=2026-01-01": 0, "/messages/since?after=8&epoch=" + epochIDs[0]: 5,
	} {
		s := newMemory()
		fill(t, s, "lobby", 10)
		a := newAPI(t, s, func(c *Config) { c.Rooms = &leaving{Directory: s, leave: func() { s.goBack("lobby", back) }, times: 1} })
		w := do(a, "GET", target, "")
		if told := w.Body.String() + w.Header().Get("Restante-Epoch"); w.Code != 200 || !strings.Contains(told, epochIDs[1]) || strings.Contains(told, epochIDs[0]) {
			t.Errorf("%s: %d %s", target, w.Code, told)
		}
	}
}

// leaving is a directory that changes the store after it was asked.
type leaving struct {
	Directory
	leave func()
	times int
}

// Room is Directory's.
func (l *leaving) Room(ctx context.Context, name string) (chat.Room, error) {
	room, err := l.Directory.Room(ctx, name)
	if l.times > 0 {
		l.times--
		l.leave()
	}
	return room, err
}

// Rooms is Directory's.
func (l *leaving) Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error) {
	if l.times > 0 {
		l.times--
		l.leave()
	}
	return l.Directory.Rooms(ctx, after, before, limit)
}

// RoomsNamed is Directory's.
func (l *leaving) RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error) {
	if l.times > 0 {
		l.times--
		l.leave()
	}
	return l.Directory.RoomsNamed(ctx, names)
}

func TestPages_TellThatMessagesWereRemovedMeanwhile(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 10)
	a := newAPI(t, s, func(c *Config) { c.Rooms = &leaving{Directory: s, leave: func() { s.remove("lobby", 6) }, times: 1} })
	w := do(a, "GET", "/rooms/lobby/messages?after=2", "")
	want := `{"room":"lobby","reason":"floor","epoch":"` + epochIDs[0] + `","last_seq":10,"after":6,"from":3}`
	if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Messages that come between the look at the room and the read belong to the page, and its numbers agree.
func TestListMessages_NumbersAgreeWithThePage(t *testing.T) {
	for _, target := range []string{"/rooms/lobby/messages", "/rooms/lobby/messages?after=0"} {
		s := newMemory()
		a := newAPI(t, s, func(c *Config) { c.Rooms = &leaving{Directory: s, leave: func() { fill(t, s, "lobby", 2) }, times: 1} })
		w := do(a, "GET", target, "")
		if !strings.Contains(w.Body.String(), `"seq":2,`) || !strings.Contains(w.Body.String(), `"last_seq":2,"oldest_seq":1,`) || strings.Contains(w.Body.String(), "next") {
			t.Errorf("%s: %s", target, w.Body)
		}
	}
}
