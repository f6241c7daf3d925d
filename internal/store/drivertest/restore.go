package drivertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// history returns a log that another store has stored, years ago.
func history(room string, n int) []chat.Message {
	log := messages(room, n)
	at := time.Date(2020, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	for i := range log {
		log[i].Seq, log[i].SentAt, log[i].StoredAt = int64(i+1), at.Add(-time.Hour), at
		log[i].Msg = fmt.Sprintf("old text %d\x00", i)
		at = at.Add(time.Duration(1+i%3) * time.Microsecond)
	}
	return log
}

func restore(t testing.TB, d driver.Driver, log []chat.Message) {
	t.Helper()
	if err := d.Restore(t.Context(), log); err != nil {
		t.Fatalf("restore %d messages from %d: %v", len(log), log[0].Seq, err)
	}
}

func testRestore(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	if err := d.Restore(t.Context(), nil); err != nil {
		t.Errorf("restore nothing: %v", err)
	}
	a, b := history("a", 700), history("b", 2)
	before := slices.Clone(a)
	restore(t, d, a[:300])
	restore(t, d, b)
	restore(t, d, a[300:])
	same(t, "argument", a, before)
	same(t, "a", log(t, d, "a"), a)
	same(t, "b", log(t, d, "b"), b)
	want := chat.Room{Name: "a", LastSeq: 700, OldestSeq: 1, LastStoredAt: a[699].StoredAt, Epoch: epochOf(t, d)}
	if r, err := d.Room(t.Context(), "a"); err != nil || r != want {
		t.Errorf("room %+v, %v, want %+v", r, err, want)
	}
	if seq := seqAt(t, d, "a", a[99].StoredAt); seq != 100 {
		t.Errorf("at the time of number 100: %d", seq)
	}
	d = h.Reopen(t, d, newClock().now)
	same(t, "a after a restart", log(t, d, "a"), a)
}

func testRestoreResumes(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	a := history("a", 50)
	for _, part := range [][]chat.Message{a[:20], a[:20], a[19:20], a[5:15], a[10:30], a[30:31], a, a, a[49:]} {
		restore(t, d, part)
	}
	same(t, "log", log(t, d, "a"), a)
}

func testRestoreConflict(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	a := history("a", 20)
	restore(t, d, a[:10])
	change := func(i int, f func(m *chat.Message)) []chat.Message {
		changed := slices.Clone(a)
		f(&changed[i])
		return changed
	}
	elsewhere := history("b", 12)
	for what, log := range map[string][]chat.Message{
		"a gap":                         a[11:],
		"a gap inside":                  append(slices.Clone(a[:12]), a[13:]...),
		"number 0":                      change(0, func(m *chat.Message) { m.Seq = 0 })[:1],
		"two rooms":                     change(11, func(m *chat.Message) { m.Room = "b" }),
		"a room that begins later":      elsewhere[3:],
		"another id":                    change(4, func(m *chat.Message) { m.ID = a[15].ID }),
		"another text":                  change(9, func(m *chat.Message) { m.Msg += "!" }),
		"another sender":                change(0, func(m *chat.Message) { m.ClientID = "bob" }),
		"another time of sending":       change(4, func(m *chat.Message) { m.SentAt = m.SentAt.Add(time.Microsecond) }),
		"another time of storing":       change(9, func(m *chat.Message) { m.StoredAt = m.StoredAt.Add(-time.Microsecond) }),
		"an id that is stored already":  change(15, func(m *chat.Message) { m.ID = a[3].ID })[10:],
		"an id twice":                   change(15, func(m *chat.Message) { m.ID = a[12].ID })[10:],
		"a time that does not rise":     change(15, func(m *chat.Message) { m.StoredAt = a[14].StoredAt })[10:],
		"a time not past the room's":    change(10, func(m *chat.Message) { m.StoredAt = a[9].StoredAt })[10:11],
		"the same numbers once more":    history("a", 3),
		"the numbers of another backup": history("a", 12)[8:],
	} {
		if err := d.Restore(t.Context(), log); errs.CodeOf(err) != errs.Conflict || d.Retryable(err) {
			t.Errorf("%s: %v, want an error of class conflict that is not worth a retry", what, err)
		}
	}
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check after conflicts, which say nothing about the database: %v", err)
	}
	same(t, "a", log(t, d, "a"), a[:10])
	same(t, "b", log(t, d, "b"), nil)
	if found, err := d.Rooms(t.Context(), "", "", 10); err != nil || len(found) != 1 {
		t.Errorf("rooms %+v, %v, want a", found, err)
	}
	bad := change(10, func(m *chat.Message) { m.ID = "no uuid" })
	if err := d.Restore(t.Context(), bad[10:]); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("a message without an id: %v, want an error of class invalid", err)
	}
	restore(t, d, a)
	same(t, "a", log(t, d, "a"), a)
}

func testRestoreAppend(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	a := history("a", 10)
	ahead := c.now().Add(time.Hour) // the other store's clock was
	a[9].StoredAt = chat.Micros(ahead)
	restore(t, d, a)
	done := put(t, d, a[4], message("a", "new")) // a repeat of a restored message is a repeat
	if done.Fresh != 1 || done.Messages[1].Seq != 11 || !done.Messages[1].StoredAt.Equal(a[9].StoredAt.Add(time.Microsecond)) {
		t.Fatalf("append after restore: %+v", done)
	}
	same(t, "repeat", done.Messages[:1], a[4:5])
	all := append(slices.Clone(a), done.Messages[1])
	same(t, "log", log(t, d, "a"), all)
	if err := d.Restore(t.Context(), history("a", 12)[11:]); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("restore of an old message after an append: %v, want an error of class conflict", err)
	}
	restore(t, d, all)
}

// testRestoreConcurrently restores some rooms while it appends to others: neither may disturb the other, even when a restore
// fails.
func testRestoreConcurrently(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var all sync.WaitGroup
	for i := range 4 {
		old := history(fmt.Sprintf("old-%d", i), 60)
		all.Go(func() {
			for from := 0; from < len(old); from += 10 {
				restored := d.Restore(t.Context(), old[from:from+10])
				gap := d.Restore(t.Context(), old[len(old)-1:])
				if restored != nil || from < 40 && errs.CodeOf(gap) != errs.Conflict {
					t.Errorf("restore from %d: %v, with a gap: %v", from, restored, gap)
				}
			}
		})
		all.Go(func() {
			for range 10 {
				if _, err := d.Append(t.Context(), messages("new", 3)); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	all.Wait()
	if n := len(log(t, d, "new")); n != 120 {
		t.Errorf("%d new messages, want 120", n)
	}
	for i := range 4 {
		if n := len(log(t, d, fmt.Sprintf("old-%d", i))); n != 60 {
			t.Errorf("%d restored messages, want 60", n)
		}
	}
}
