package drivertest

import (
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

func testStoredAt(t *testing.T, h Harness) {
	c := newClock() // stands still, with nanoseconds
	d := h.Open(t, c.now)
	done := put(t, d, messages("a", 5)...)
	if got, want := done.Messages[0].StoredAt, chat.Micros(c.now()); !got.Equal(want) {
		t.Fatalf("stored at %v, want the clock's %v", got, want)
	}
	put(t, d, messages("a", 5)...)
	put(t, d, messages("b", 5)...)
	if n := len(log(t, d, "a")); n != 10 { // log checks the order
		t.Fatalf("%d messages, want 10", n)
	}
	if got, want := log(t, d, "b")[0].StoredAt, chat.Micros(c.now()); !got.Equal(want) {
		t.Fatalf("the first message of b is stored at %v, want %v: rooms do not push each other", got, want)
	}
	c.step(time.Hour)
	if got, want := put(t, d, message("a", "later")).Messages[0].StoredAt, chat.Micros(c.now()); !got.Equal(want) {
		t.Fatalf("stored at %v, want the clock's %v", got, want)
	}
}

func testClockStepsBack(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	last := put(t, d, message("a", "before")).Messages[0].StoredAt
	c.step(-24 * time.Hour)
	for range 3 {
		m := put(t, d, message("a", "after")).Messages[0]
		if want := last.Add(time.Microsecond); !m.StoredAt.Equal(want) {
			t.Fatalf("stored at %v, want %v", m.StoredAt, want)
		}
		last = m.StoredAt
	}
	log(t, d, "a")
}

func seqAt(t testing.TB, d driver.Driver, room string, at time.Time) int64 {
	t.Helper()
	seq, err := d.SeqAt(t.Context(), room, at)
	if err != nil {
		t.Fatalf("seq of %q at %v: %v", room, at, err)
	}
	return seq
}

func testSeqAt(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	if seq := seqAt(t, d, "a", c.now()); seq != 0 {
		t.Fatalf("an unknown room is at %d", seq)
	}
	for range 20 { // three at nearly one time, then a pause
		put(t, d, messages("a", 3)...)
		c.step(time.Second)
	}
	put(t, d, messages("b", 7)...)
	all := log(t, d, "a")
	for _, m := range all {
		for offset, want := range map[time.Duration]int64{0: m.Seq, -1: m.Seq - 1, 1: m.Seq, -time.Microsecond: m.Seq - 1} {
			if got := seqAt(t, d, "a", m.StoredAt.Add(offset)); got != want {
				t.Fatalf("%v from number %d: at %d, want %d", offset, m.Seq, got, want)
			}
		}
	}
	last := all[len(all)-1]
	in := time.FixedZone("elsewhere", 5*3600)
	for at, want := range map[time.Time]int64{
		{}:                               0,
		time.Unix(0, 0):                  0,
		last.StoredAt.AddDate(100, 0, 0): last.Seq,
		last.StoredAt.In(in):             last.Seq,
	} {
		if got := seqAt(t, d, "a", at); got != want {
			t.Errorf("at %v: %d, want %d", at, got, want)
		}
	}
}

// testSeqAtTruncated cuts times to milliseconds, as JavaScript's Date does. Messages may be read twice, none may be skipped.
func testSeqAtTruncated(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	for range 30 {
		put(t, d, messages("a", 2)...)
		c.step(150 * time.Microsecond)
	}
	for _, m := range log(t, d, "a") {
		cut := m.StoredAt.Truncate(time.Millisecond)
		seq := seqAt(t, d, "a", cut)
		if seq > m.Seq {
			t.Fatalf("since the cut time of number %d begins after %d", m.Seq, seq)
		}
		page, err := d.After(t.Context(), "a", seq, 1)
		if err != nil || len(page) == 1 && !page[0].StoredAt.After(cut) {
			t.Fatalf("since %v begins with %+v, %v", cut, page, err)
		}
	}
}

// testSeqAtPages reads "since the time of the last message seen", page by page: no tie at a border may hide a message.
func testSeqAtPages(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now) // the clock stands still: all times are as close as they can be
	put(t, d, messages("a", 50)...)
	for _, size := range []int{1, 3, 7, 25, 50} {
		since, seen := time.Time{}, int64(0)
		for {
			page, err := d.After(t.Context(), "a", seqAt(t, d, "a", since), size)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				if seen++; m.Seq != seen {
					t.Fatalf("pages of %d: number %d where %d was due", size, m.Seq, seen)
				}
			}
			since = page[len(page)-1].StoredAt
		}
		if seen != 50 {
			t.Fatalf("pages of %d: ended after %d", size, seen)
		}
	}
}
