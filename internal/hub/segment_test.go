package hub

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
)

// messages returns the messages first to last of room "a".
func messages(first, last int64) []chat.Message {
	var ms []chat.Message
	for seq := first; seq <= last; seq++ {
		ms = append(ms, message("a", seq, fmt.Sprint("message ", seq)))
	}
	return ms
}

func message(room string, seq int64, msg string) chat.Message {
	at := time.Unix(1_700_000_000, seq*1000).UTC()
	return chat.Message{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012x", seq), Room: room, Seq: seq, ClientID: "ann", Msg: msg,
		SentAt: at, StoredAt: at,
	}
}

func TestSegment_FromGivesWholeMessagesUpToOneWrite(t *testing.T) {
	long := strings.Repeat("x", maxWrite/3)
	s := encode(eventStream, firstEpoch, []chat.Message{
		message("a", 5, long), message("a", 6, long), message("a", 7, long), message("a", 8, long+long+long+long),
		message("a", 9, "short"),
	})
	for _, tc := range []struct{ from, upto int64 }{{5, 6}, {6, 7}, {7, 7}, {8, 8}, {9, 9}} {
		payload, upto := s.from(tc.from)
		if upto != tc.upto {
			t.Errorf("from(%d) goes to %d, want %d", tc.from, upto, tc.upto)
		}
		if !bytes.HasPrefix(payload, fmt.Appendf(nil, "id: %d\n", tc.from)) || !bytes.HasSuffix(payload, []byte("}\n\n")) {
			t.Errorf("from(%d) is not whole messages: %.40q…", tc.from, payload)
		}
		if n := int64(bytes.Count(payload, []byte("id: "))); n != tc.upto-tc.from+1 {
			t.Errorf("from(%d) has %d messages, want %d", tc.from, n, tc.upto-tc.from+1)
		}
	}
}

func TestTail_KeepsTheNewestAndReplacesNothing(t *testing.T) {
	var using [encodings]int
	using[eventStream] = 1
	tails := []*tail{{}}
	const n = 3000
	for seq := int64(1); seq <= n; seq++ {
		tails = append(tails, tails[seq-1].with(firstEpoch, messages(seq, seq), using, 128<<10))
	}
	for i, tl := range tails[1:] {
		last := int64(i + 1)
		if tl.last != last {
			t.Fatalf("tail %d ends with %d", last, tl.last)
		}
		s, ok := tl.find(eventStream, last)
		if !ok {
			t.Fatalf("tail %d does not hold its last message", last)
		}
		want := appendEvent(nil, firstEpoch, &messages(last, last)[0])
		if got, _ := s.from(last); !bytes.Equal(got, want) {
			t.Fatalf("tail %d changed after it was made: %q, want %q", last, got, want)
		}
	}
	newest := tails[n]
	if _, ok := newest.find(eventStream, 1); ok {
		t.Error("the tail grows without bound")
	}
	size := 0
	for _, s := range newest.segs[eventStream] {
		size += len(s.buf)
	}
	if size > 128<<10 || size < 32<<10 {
		t.Errorf("the tail has %d bytes, limit %d", size, 128<<10)
	}
	if len(newest.segs[signalrJSON]) != 0 {
		t.Error("messages are encoded for an encoding without readers")
	}
}

func TestTail_BeginsAnewAfterAGapAndIgnoresRepeats(t *testing.T) {
	using := [encodings]int{1, 1, 1}
	tl := (&tail{}).with(firstEpoch, messages(1, 10), using, 1<<20)
	tl = tl.with(firstEpoch, messages(3, 5), using, 1<<20)
	if tl.last != 10 {
		t.Fatalf("repeats moved the end to %d, want 10", tl.last)
	}
	tl = tl.with(firstEpoch, messages(14, 15), using, 1<<20)
	for e := range encodings {
		for seq, want := range map[int64]bool{9: false, 10: false, 12: false, 14: true, 15: true, 16: false} {
			if _, ok := tl.find(e, seq); ok != want {
				t.Errorf("encoding %d: after a gap from 10 to 14, holds %d: %v, want %v", e, seq, ok, want)
			}
		}
	}
}

func TestTail_ContinuesWhenAnEncodingComesBackIntoUse(t *testing.T) {
	with, without := [encodings]int{1, 1, 0}, [encodings]int{1, 0, 0}
	tl := (&tail{}).with(firstEpoch, messages(1, 3), with, 1<<20).with(firstEpoch, messages(4, 4), without, 1<<20).with(firstEpoch, messages(5, 6), with, 1<<20)
	for seq, want := range map[int64]bool{3: false, 4: false, 5: true, 6: true} {
		if _, ok := tl.find(signalrMessagePack, seq); ok != want {
			t.Errorf("holds %d: %v, want %v", seq, ok, want)
		}
	}
}
