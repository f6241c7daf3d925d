package drivertest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

func page(t testing.TB, d driver.Driver, room string, seq int64) []chat.Message {
	t.Helper()
	found, err := d.Page(t.Context(), room, seq)
	if err != nil {
		t.Fatalf("page of number %d in %q: %v", seq, room, err)
	}
	return found
}

// pagesOf cuts a log that begins with number 1 into the pages that every driver must return.
func pagesOf(log []chat.Message) [][]chat.Message {
	var pages [][]chat.Message
	for block := range slices.Chunk(log, driver.PageMessages) {
		from, size := 0, 0
		for i, m := range block {
			if size += len(m.Msg); size > driver.PageBytes && i > from {
				pages = append(pages, block[from:i])
				from, size = i, len(m.Msg)
			}
		}
		pages = append(pages, block[from:])
	}
	return pages
}

// longAndShort returns messages of many sizes: most short, some long, some larger than a page.
func longAndShort(room string, n int) []chat.Message {
	random := rand.New(rand.NewPCG(1, 2))
	batch := messages(room, n)
	for i := range batch {
		size := random.IntN(60)
		switch random.IntN(50) {
		case 0, 1, 2, 3, 4, 5, 6:
			size = 20_000 + random.IntN(12_000)
		case 7:
			size = driver.PageBytes - 1 + random.IntN(3)
		case 8:
			size = 0
		}
		batch[i].Msg = strings.Repeat("é", size/2) + strings.Repeat("x", size%2)
	}
	return batch
}

// testPageBorders asks for each message of a room: it gets the page with the same borders whatever number it asks for.
func testPageBorders(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, messages("b", 200)...)
	var all []chat.Message
	for batch := range slices.Chunk(longAndShort("a", 2*driver.PageMessages+70), 50) {
		all = append(all, put(t, d, batch...).Messages...)
	}
	pages := pagesOf(all)
	if len(pages) < 10 {
		t.Fatalf("only %d pages: the sizes are wrong", len(pages))
	}
	for _, want := range pages {
		for _, m := range want {
			same(t, fmt.Sprintf("page of number %d", m.Seq), page(t, d, "a", m.Seq), want)
		}
	}
	short := log(t, d, "b")
	for seq, want := range map[int64][]chat.Message{1: short[:128], 128: short[:128], 129: short[128:], 200: short[128:]} {
		same(t, fmt.Sprintf("page of number %d of short messages", seq), page(t, d, "b", seq), want)
	}
}

// testPageGrows appends message by message: the last page grows and all others stay as they are.
func testPageGrows(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	all := put(t, d, messages("a", driver.PageMessages-8)...).Messages
	long := longAndShort("a", 16)
	for i := range long {
		if i%3 == 0 {
			long[i].Msg = strings.Repeat("x", driver.PageBytes/2-i)
		}
		all = append(all, put(t, d, long[i]).Messages...)
		for _, want := range pagesOf(all) {
			same(t, fmt.Sprintf("page of number %d of %d", want[0].Seq, len(all)), page(t, d, "a", want[0].Seq), want)
		}
	}
}

// testPageBelowTheFloor removes the oldest messages: in the block of the floor the first page begins with the oldest one that is
// kept.
func testPageBelowTheFloor(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	batch := messages("a", 2*driver.PageMessages)
	for i := range batch {
		batch[i].Msg = strings.Repeat("x", driver.PageBytes/10)
	}
	var all []chat.Message
	for part := range slices.Chunk(batch, 40) {
		all = append(all, put(t, d, part...).Messages...)
	}
	h.RemoveOldest(t, d, "a", 133)
	d = h.Reopen(t, d, newClock().now)
	for from := 133; from < len(all); from += 10 {
		want := all[from:min(from+10, len(all))]
		for _, m := range want {
			same(t, fmt.Sprintf("page of number %d", m.Seq), page(t, d, "a", m.Seq), want)
		}
	}
	for _, seq := range []int64{1, 100, 128, 129, 133} {
		for _, m := range page(t, d, "a", seq) {
			if m.Seq <= 133 || (m.Seq-1)/driver.PageMessages != (seq-1)/driver.PageMessages {
				t.Errorf("page of number %d has %d", seq, m.Seq)
			}
		}
	}
}

// testPageNowhere asks for messages that do not exist.
func testPageNowhere(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	put(t, d, messages("a", 3)...)
	for _, seq := range []int64{1, math.MaxInt64, math.MinInt64, 0} {
		same(t, "page of an unknown room", page(t, d, "unknown", seq), nil)
	}
	for _, seq := range []int64{4, driver.PageMessages, driver.PageMessages + 1, math.MaxInt64, 0, -1, math.MinInt64} {
		found := page(t, d, "a", seq)
		if len(found) > 0 && seq > driver.PageMessages {
			t.Errorf("page of number %d has %d messages of another block", seq, len(found))
		}
	}
}
