package peer

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestProgress_TellsWhatIsDeletedAndWhatRoseLately(t *testing.T) {
	p := NewProgress()
	now := time.Now()
	p.now = func() time.Time { return now }
	fill := func(leaving bool) Heartbeat {
		t.Helper()
		h := Heartbeat{Leaving: leaving}
		if err := p.Fill(&h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	news := func() bool {
		select {
		case <-p.News():
			return true
		default:
			return false
		}
	}
	p.Consuming("q3", 3)
	if p.HasNothingOf("q3") || !p.HasNothingOf("q4") || news() {
		t.Error("a queue that is consumed may have deliveries in hand, and others have not")
	}
	p.Finish(3, map[string]int64{"a": 7, "b": 2})
	p.Finish(3, map[string]int64{"a": 5})
	p.Finish(1, map[string]int64{"a": 1})
	if h := fill(false); !maps.Equal(h.Finished[3], map[string]int64{"a": 7, "b": 2}) || h.Finished[1]["a"] != 1 || h.Deleted != nil {
		t.Errorf("told %v, %v", h.Finished, h.Deleted)
	}
	now = now.Add(repeatFor + time.Second)
	p.Finish(3, map[string]int64{"b": 3})
	if h := fill(false); !maps.Equal(h.Finished[3], map[string]int64{"b": 3}) || len(h.Finished) != 1 {
		t.Errorf("told %v, want what rose lately", h.Finished)
	}
	p.Deleted("q3", 3, true)
	if h := fill(false); !news() || !h.Deleted["q3"] || !maps.Equal(h.Finished[3], map[string]int64{"a": 7, "b": 3}) || len(h.Finished) != 1 {
		t.Errorf("told %v, %v, want all of the deleted queue", h.Finished, h.Deleted)
	}
	p.Deleted("q3", 3, false)
	if inHand, found := fill(false).Deleted["q3"]; inHand || !found || !p.HasNothingOf("q3") || !news() {
		t.Error("it is not told that nothing is in hand any more")
	}
	p.Unused("q3", 3) // it is consumed: nothing changes
	p.Consuming("q3", 3)
	p.Unused("q3", 3)
	if h := fill(false); h.Deleted != nil || p.HasNothingOf("q3") {
		t.Errorf("told %v", h.Deleted)
	}
	p.Stopped("q3")
	p.Unused("inbox", -1)
	if inHand, found := fill(false).Deleted["inbox"]; inHand || !found {
		t.Error("it is not told that nothing of the queue is in hand, which is not consumed here")
	}
	now = now.Add(Silence + time.Second)
	if h := fill(false); h.Deleted != nil {
		t.Errorf("told %v for ever", h.Deleted)
	}
	if h := fill(true); !maps.Equal(h.Finished[3], map[string]int64{"a": 7, "b": 3}) || h.Finished[1]["a"] != 1 {
		t.Errorf("a node that leaves tells %v", h.Finished)
	}
}

// TestProgress_FitsIntoAHeartbeat: what does not fit is what rose first, and not of a deleted queue.
func TestProgress_FitsIntoAHeartbeat(t *testing.T) {
	p := NewProgress()
	now := time.Now()
	p.now = func() time.Time { return now }
	for q := range 8 {
		for i := range 200 {
			p.Finish(q, map[string]int64{fmt.Sprintf("%016x", i): int64(1_000_000_000 + i)})
			now = now.Add(time.Millisecond)
		}
	}
	p.Deleted("q0", 0, true)
	h := Heartbeat{Node: Node{ID: "self", URL: strings.Repeat("x", 500), Roles: Roles()}}
	if err := p.Fill(&h); err != nil {
		t.Fatal(err)
	}
	body, err := h.Encode()
	if err != nil || len(body) > MaxHeartbeat || len(body) < MaxHeartbeat-100 {
		t.Errorf("%d bytes, want about %d (%v)", len(body), MaxHeartbeat, err)
	}
	if len(h.Finished[0]) != 200 || len(h.Finished[7]) != 200 || len(h.Finished[1]) > 0 {
		t.Errorf("told %d of the deleted queue, %d of the last, %d of the first", len(h.Finished[0]), len(h.Finished[7]), len(h.Finished[1]))
	}
	if got, err := DecodeHeartbeat(body); err != nil || !maps.Equal(got.Finished[7], h.Finished[7]) {
		t.Errorf("it is read as %v, %v", got.Finished[7], err)
	}
}

func TestProgress_ForgetsPublishers(t *testing.T) {
	p := NewProgress()
	now := time.Now()
	p.now = func() time.Time { now = now.Add(time.Millisecond); return now }
	for i := range maxPublishers + 10 {
		p.Finish(0, map[string]int64{fmt.Sprint(i): 1})
	}
	if got := p.Finished(0); len(got) != maxPublishers || got["9"] != 0 || got["10"] != 1 {
		t.Errorf("%d are remembered", len(got))
	}
}

func TestReadNumber_RefusesWhatIsNotANodes(t *testing.T) {
	for _, c := range []struct {
		publisher, text string
		want            int64
	}{
		{NewID(), "7", 7}, {"a-b", "9223372036854775807", 9223372036854775807}, {"", "7", 0}, {"billing service", "7", 0}, {"a", "x", 0},
		{"a", "0", 0}, {"a", "-1", 0}, {"a", "9223372036854775808", 0}, {strings.Repeat("a", 37), "1", 0}, {`a"`, "1", 0},
	} {
		if n, ok := ReadNumber(c.publisher, c.text); n != c.want && ok || ok != (c.want > 0) {
			t.Errorf("%q, %q: %d, %v", c.publisher, c.text, n, ok)
		}
	}
}
