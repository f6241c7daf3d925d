package drivertest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"restante/internal/chat"
)

// testBytes reads messages of 32,000 bytes, of which a page holds fewer than its limit of messages.
func testBytes(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	const n, fit = 80, chat.MaxPageBytes / 32_000
	batch := messages("a", n)
	for i := range batch {
		batch[i].Msg = fmt.Sprintf("%02d", i) + strings.Repeat("é", 15_999) // bytes count, not characters
	}
	all := put(t, d, batch...).Messages
	for _, seq := range []int64{0, 1, 17, n - fit, n - fit + 1, n - 1, n} {
		for _, limit := range []int{1, fit - 1, fit, fit + 1, chat.MaxPage} {
			from := int(seq)
			same(t, fmt.Sprintf("up to %d after %d", limit, seq), after(t, d, "a", seq, limit), all[from:min(from+limit, from+fit, n)])
			to := max(int(seq)-1, 0)
			same(t, fmt.Sprintf("up to %d before %d", limit, seq), before(t, d, "a", seq, limit), all[max(to-limit, to-fit, 0):to])
		}
	}
	same(t, "newest page", before(t, d, "a", math.MaxInt64, chat.MaxPage), all[n-fit:])
}

// testMixedBytes reads messages that are larger than a page, smaller, and empty.
func testMixedBytes(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	var batch []chat.Message
	for _, size := range []int{
		chat.MaxPageBytes, 0, 1, chat.MaxPageBytes - 1, chat.MaxPageBytes + 1, 0, 2 * chat.MaxPageBytes, 5, chat.MaxPageBytes / 2, chat.MaxPageBytes / 2, 1,
	} {
		batch = append(batch, message("a", strings.Repeat("x", size)))
	}
	all := put(t, d, batch...).Messages
	for seq, want := range map[int64][]chat.Message{
		0: all[:2], 1: all[1:4], 2: all[2:4], 3: all[3:4], 4: all[4:5], 5: all[5:6], 6: all[6:7], 7: all[7:9], 8: all[8:10], 9: all[9:], 11: nil,
	} {
		same(t, fmt.Sprintf("after %d", seq), after(t, d, "a", seq, chat.MaxPage), want)
	}
	for seq, want := range map[int64][]chat.Message{
		1: nil, 2: all[:1], 3: all[:2], 4: all[1:3], 5: all[1:4], 6: all[4:5], 7: all[5:6], 8: all[6:7], 9: all[7:8], 10: all[7:9], 11: all[8:10], 12: all[9:],
	} {
		same(t, fmt.Sprintf("before %d", seq), before(t, d, "a", seq, chat.MaxPage), want)
	}
}
