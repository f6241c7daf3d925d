package hub

import (
	"slices"
	"time"

	"restante/internal/chat"
)

// Segments of a tail begin small, so that a quiet room costs little, and grow to about what one write takes.
const (
	minSegment = 2 << 10
	maxSegment = maxWrite

	segmentOverhead = 64 // bytes that a segment takes besides its messages
)

// tail is the newest end of a room's log as the hub knows it: its last number, and the newest messages, once per encoding
// in use. A tail does not change; the room replaces it with a longer one (see with).
type tail struct {
	last   int64     // seq of the newest message
	sentAt time.Time // when that message was accepted; zero when the hub does not have it
	segs   [encodings][]segment
}

// find returns the segment that holds the message.
func (t *tail) find(e encoding, seq int64) (segment, bool) {
	segs := t.segs[e]
	for i := len(segs) - 1; i >= 0; i-- { // most readers are at the end
		if segs[i].holds(seq) {
			return segs[i], true
		}
	}
	return segment{}, false
}

// with returns a tail that has the messages, too, which are of the given epoch, in the given encodings, and about limit bytes per encoding at most. It
// leaves out messages that the tail has already. If some are missing before a message, the tail begins anew with it:
// readers get the missing ones from the store, which has them if it has a later one.
func (t *tail) with(epoch chat.Epoch, messages []chat.Message, using [encodings]int, limit int) *tail {
	next := &tail{last: t.last, sentAt: t.sentAt}
	for e := range next.segs {
		if using[e] > 0 {
			next.segs[e] = slices.Clone(t.segs[e])
		}
	}
	for i := range messages {
		m := &messages[i]
		if m.Seq <= next.last {
			continue
		}
		if m.Seq > next.last+1 {
			next.segs = [encodings][]segment{}
		}
		for e, n := range using {
			if n > 0 {
				next.segs[e] = extend(next.segs[e], encoding(e), epoch, m)
			}
		}
		next.last, next.sentAt = m.Seq, m.SentAt
	}
	for e, segs := range next.segs {
		next.segs[e] = trim(segs, limit)
	}
	return next
}

// repeated returns the least number of those messages that are not new to the tail, 0 if all are new.
func (t *tail) repeated(messages []chat.Message) (least int64) {
	last := t.last
	for i := range messages {
		seq := messages[i].Seq
		if seq <= last && (least == 0 || seq < least) {
			least = seq
		}
		last = max(last, seq)
	}
	return least
}

// size returns how much memory the messages of the tail take, in bytes.
func (t *tail) size() (size int) {
	for _, segs := range t.segs {
		for i := range segs {
			size += segs[i].size() + segmentOverhead
		}
	}
	return size
}

// extend adds a message to the last segment, or to a new one when that is full. If the last segment's array grows into a
// new one, the copies that readers have stay unchanged.
func extend(segs []segment, e encoding, epoch chat.Epoch, m *chat.Message) []segment {
	if n := len(segs); n > 0 && len(segs[n-1].buf) < maxSegment {
		segs[n-1].append(e, epoch, m)
		return segs
	}
	s := segment{first: m.Seq, buf: make([]byte, 0, minSegment)}
	s.append(e, epoch, m)
	return append(segs, s)
}

// trim drops the oldest segments beyond limit bytes of memory, but never the last one.
func trim(segs []segment, limit int) []segment {
	size := 0
	for i := len(segs) - 1; i >= 0; i-- {
		size += segs[i].size() + segmentOverhead
		if size > limit && i < len(segs)-1 {
			return slices.Clone(segs[i+1:])
		}
	}
	return segs
}
