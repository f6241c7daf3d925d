package drivertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

func testPages(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	const n = 23
	put(t, d, messages("a", n)...)
	put(t, d, messages("b", 5)...)
	all := log(t, d, "a")
	if len(all) != n {
		t.Fatalf("%d messages, want %d", len(all), n)
	}
	for seq := int64(-1); seq <= n+2; seq++ {
		for _, limit := range []int{1, 2, 10, n, n + 1} {
			from := int(min(max(seq, 0), n))
			same(t, fmt.Sprintf("up to %d after %d", limit, seq),
				after(t, d, "a", seq, limit), all[from:min(from+limit, n)])
			to := int(min(max(seq-1, 0), n))
			same(t, fmt.Sprintf("up to %d before %d", limit, seq),
				before(t, d, "a", seq, limit), all[max(to-limit, 0):to])
		}
	}
	same(t, "newest page", before(t, d, "a", math.MaxInt64, 3), all[n-3:])
	same(t, "after the end", after(t, d, "a", math.MaxInt64, 3), nil)
	same(t, "from the beginning", after(t, d, "a", math.MinInt64, 3), all[:3])
}

func after(t testing.TB, d driver.Driver, room string, seq int64, limit int) []chat.Message {
	t.Helper()
	page, err := d.After(t.Context(), room, seq, limit)
	if err != nil {
		t.Fatalf("after %d in %q: %v", seq, room, err)
	}
	return page
}

func before(t testing.TB, d driver.Driver, room string, seq int64, limit int) []chat.Message {
	t.Helper()
	page, err := d.Before(t.Context(), room, seq, limit)
	if err != nil {
		t.Fatalf("before %d in %q: %v", seq, room, err)
	}
	return page
}

func testLimits(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, messages("a", 3)...)
	for _, limit := range []int{0, -1, math.MinInt32} {
		same(t, "after", after(t, d, "a", 0, limit), nil)
		same(t, "before", before(t, d, "a", 4, limit), nil)
		if found, err := d.Rooms(t.Context(), "", "", limit); err != nil || len(found) != 0 {
			t.Errorf("rooms with limit %d: %v, %v", limit, found, err)
		}
	}
	same(t, "unknown room", after(t, d, "unknown", 0, 10), nil)
	same(t, "unknown room", before(t, d, "unknown", 10, 10), nil)
}

// testTexts stores what people and programs write.
func testTexts(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var want []chat.Message
	for _, text := range []string{
		"plain", " spaces \t\r\n ", "😀 👩‍👩‍👧‍👦 🇪🇺", "مرحبا שלום", "e\u0301 is not é", "line\u2028and\u2029paragraph",
		`quotes ' " \ -- ; DROP TABLE messages`, "%_?$1:x@y", "\ufeffmark", "\ufffd", "42", "1e5", "\x1b[31m", "null\x00in it",
		strings.Repeat("x", chat.MaxMsgBytes), strings.Repeat("😀", chat.MaxMsgBytes/4),
	} {
		m := message("a", text)
		m.ClientID = strings.ReplaceAll(string([]rune(text)[:min(20, len([]rune(text)))]), "\x00", "") // it is printable
		done, err := d.Append(t.Context(), []chat.Message{m})
		if err != nil {
			t.Fatalf("store %q: %v", text[:min(len(text), 40)], err)
		}
		m.Seq, m.StoredAt = done.Messages[0].Seq, done.Messages[0].StoredAt
		want = append(want, m)
	}
	same(t, "texts", log(t, d, "a"), want)
}

func testReadCancelled(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, messages("a", 3)...)
	if _, err := d.After(canceled(t), "a", 0, 3); !errors.Is(err, context.Canceled) {
		t.Errorf("after: %v", err)
	}
	if _, err := d.Rooms(canceled(t), "", "", 3); !errors.Is(err, context.Canceled) {
		t.Errorf("rooms: %v", err)
	}
	if _, err := d.RoomsNamed(canceled(t), []string{"a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("rooms by name: %v", err)
	}
	if n := len(after(t, d, "a", 0, 3)); n != 3 {
		t.Errorf("%d messages after cancelled reads, want 3", n)
	}
}

func testRoom(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	if r, err := d.Room(t.Context(), "a"); err != nil || r != (chat.Room{Name: "a", Epoch: epochOf(t, d)}) {
		t.Fatalf("unknown room: %+v, %v", r, err)
	}
	put(t, d, messages("a", 3)...)
	c.step(1e9)
	last := put(t, d, message("a", "last")).Messages[0]
	want := chat.Room{Name: "a", LastSeq: 4, OldestSeq: 1, LastStoredAt: last.StoredAt, Epoch: epochOf(t, d)}
	if r, err := d.Room(t.Context(), "a"); err != nil || r != want {
		t.Fatalf("room %+v, %v, want %+v", r, err, want)
	}
}

func testRooms(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	if found, err := d.Rooms(t.Context(), "", "", 10); err != nil || len(found) != 0 {
		t.Fatalf("rooms of an empty store: %v, %v", found, err)
	}
	names := []string{"zoo", "a-b", "a", "a.b", "a_b", "ab", "0", "a0", "a-"} // bytewise, no language's order
	for _, name := range names {
		put(t, d, message(name, "hello"))
	}
	slices.Sort(names)
	for _, limit := range []int{1, 2, 4, len(names), len(names) + 1} {
		var got []string
		for last := ""; ; {
			found, err := d.Rooms(t.Context(), last, "", limit)
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				break
			}
			for _, r := range found {
				if r.LastSeq != 1 || r.OldestSeq != 1 || r.LastStoredAt.IsZero() {
					t.Fatalf("room %+v", r)
				}
				got = append(got, r.Name)
			}
			last = got[len(got)-1]
		}
		if !slices.Equal(got, names) {
			t.Fatalf("pages of %d: %q, want %q", limit, got, names)
		}
	}
}
