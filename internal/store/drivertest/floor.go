package drivertest

import (
	"math"
	"slices"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func restoreRoom(t testing.TB, d driver.Driver, r chat.Room) {
	t.Helper()
	if err := d.RestoreRoom(t.Context(), r); err != nil {
		t.Fatalf("restore room %+v: %v", r, err)
	}
}

func wantRoom(t testing.TB, d driver.Driver, want chat.Room) {
	t.Helper()
	want.Epoch = epochOf(t, d)
	if r, err := d.Room(t.Context(), want.Name); err != nil || r != want {
		t.Errorf("room %+v, %v, want %+v", r, err, want)
	}
}

func testRestoreRoom(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	floor := chat.Room{Name: "a", LastSeq: 1000, LastStoredAt: chat.Micros(c.now().Add(time.Hour))} // the other store's clock was ahead
	for range 2 {
		restoreRoom(t, d, floor)
		wantRoom(t, d, floor)
	}
	same(t, "messages below the floor", after(t, d, "a", 0, 10), nil)
	m := put(t, d, message("a", "next")).Messages[0]
	if want := floor.LastStoredAt.Add(time.Microsecond); m.Seq != 1001 || !m.StoredAt.Equal(want) {
		t.Errorf("append after the floor: number %d at %v, want 1001 at %v", m.Seq, m.StoredAt, want)
	}
	restoreRoom(t, d, floor) // it has later messages
	wantRoom(t, d, chat.Room{Name: "a", LastSeq: 1001, OldestSeq: 1001, LastStoredAt: m.StoredAt})

	log := history("b", 30)[20:]
	if err := d.Restore(t.Context(), log); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("restore of a log that begins with number 21: %v, want an error of class conflict", err)
	}
	restoreRoom(t, d, chat.Room{Name: "b", LastSeq: 20, LastStoredAt: log[0].StoredAt.Add(-time.Microsecond)})
	restore(t, d, log[:4])
	restore(t, d, log)
	same(t, "b", after(t, d, "b", 0, 50), log)

	put(t, d, messages("c", 3)...)
	before := after(t, d, "c", 0, 10)
	err := d.RestoreRoom(t.Context(), chat.Room{Name: "c", LastSeq: 4, LastStoredAt: floor.LastStoredAt})
	if errs.CodeOf(err) != errs.Conflict || d.Retryable(err) {
		t.Errorf("a room that ends before: %v, want an error of class conflict that is not worth a retry", err)
	}
	d = h.Reopen(t, d, c.now)
	same(t, "c", after(t, d, "c", 0, 10), before)
	wantRoom(t, d, chat.Room{Name: "b", LastSeq: 30, OldestSeq: 21, LastStoredAt: log[9].StoredAt})
}

// testFloor reads a room whose oldest messages were removed, across borders of pages.
func testFloor(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, messages("a", 400)...)
	put(t, d, messages("b", 5)...)
	all := log(t, d, "a")
	h.RemoveOldest(t, d, "a", 200)
	d = h.Reopen(t, d, newClock().now)
	wantRoom(t, d, chat.Room{Name: "a", LastSeq: 400, OldestSeq: 201, LastStoredAt: all[399].StoredAt})
	wantRoom(t, d, chat.Room{Name: "b", LastSeq: 5, OldestSeq: 1, LastStoredAt: after(t, d, "b", 4, 1)[0].StoredAt})
	for _, seq := range []int64{math.MinInt64, 0, 1, 150, 199, 200} {
		same(t, "after the floor", after(t, d, "a", seq, 10), all[200:210])
	}
	same(t, "after 201", after(t, d, "a", 201, 10), all[201:211])
	same(t, "before 210", before(t, d, "a", 210, 500), all[200:209])
	same(t, "before the floor", before(t, d, "a", 201, 10), nil)
	for seq, want := range map[int64][]chat.Message{201: all[200:256], 256: all[200:256], 257: all[256:384], 400: all[384:]} {
		page, err := d.Page(t.Context(), "a", seq)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "page", page, want)
	}
	for _, seq := range []int64{1, 128, 129, 200} {
		if page, err := d.Page(t.Context(), "a", seq); err != nil || slices.ContainsFunc(page, func(m chat.Message) bool { return m.Seq <= 200 }) {
			t.Errorf("page of number %d: %d messages, %v", seq, len(page), err)
		}
	}
	for seq, want := range map[int64]int64{1: 0, 100: 0, 200: 0, 201: 201, 300: 300, 400: 400} {
		if got := seqAt(t, d, "a", all[seq-1].StoredAt); got != want {
			t.Errorf("at the time of number %d: %d, want %d", seq, got, want)
		}
	}
	if m := put(t, d, message("a", "next")).Messages[0]; m.Seq != 401 {
		t.Errorf("next number %d", m.Seq)
	}
}

func testAllRemoved(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, messages("a", 130)...)
	last := after(t, d, "a", 129, 1)[0]
	h.RemoveOldest(t, d, "a", 130)
	d = h.Reopen(t, d, newClock().now)
	wantRoom(t, d, chat.Room{Name: "a", LastSeq: 130, LastStoredAt: last.StoredAt})
	page, err := d.Page(t.Context(), "a", 130)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]chat.Message{page, after(t, d, "a", 0, 10), before(t, d, "a", math.MaxInt64, 10)} {
		same(t, "what was removed", list, nil)
	}
	if seq := seqAt(t, d, "a", last.StoredAt); seq != 0 {
		t.Errorf("at the time of the last message: %d, want 0", seq)
	}
	if rooms, err := d.Rooms(t.Context(), "", "", 10); err != nil || len(rooms) != 1 || rooms[0].LastSeq != 130 || rooms[0].OldestSeq != 0 {
		t.Errorf("rooms %+v, %v", rooms, err)
	}
	if last, err := d.LastSeqs(t.Context(), []string{"a"}); err != nil || last[0] != 130 {
		t.Errorf("last numbers %v, %v", last, err)
	}
	next := put(t, d, message("a", "next")).Messages[0]
	if next.Seq != 131 || !next.StoredAt.After(last.StoredAt) {
		t.Errorf("next %+v", next)
	}
	same(t, "log", after(t, d, "a", 0, 10), []chat.Message{next})
}
