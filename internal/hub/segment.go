package hub

import (
	"sort"

	"restante/internal/chat"
)

// maxWrite is how many bytes a reader gets at once, unless one message is larger.
const maxWrite = 64 << 10

// segment is a run of consecutive messages of one room in one encoding, as contiguous bytes. Its bytes never change, so
// any number of readers use it without a lock. A longer copy may share its array: only the room appends, after the end of
// every copy.
type segment struct {
	first int64    // seq of the first message
	ends  []uint32 // ends[i] is where message first+i ends in buf
	buf   []byte
}

// last returns the seq of the last message, first-1 if there is none.
func (s *segment) last() int64 { return s.first + int64(len(s.ends)) - 1 }

// holds reports whether the message is in the segment.
func (s *segment) holds(seq int64) bool { return s.first <= seq && seq <= s.last() }

// from returns messages from seq on, and the seq of the last of them. They are maxWrite bytes at most, but at least one
// message. The segment must hold seq.
func (s *segment) from(seq int64) (payload []byte, upto int64) {
	i := int(seq - s.first)
	start := uint32(0)
	if i > 0 {
		start = s.ends[i-1]
	}
	n := sort.Search(len(s.ends)-i, func(n int) bool { return s.ends[i+n]-start > maxWrite })
	n = max(n, 1)
	return s.buf[start:s.ends[i+n-1]], seq + int64(n) - 1
}

// upTo returns the segment without the messages after last.
func (s *segment) upTo(last int64) *segment {
	n := min(int64(len(s.ends)), last-s.first+1)
	return &segment{first: s.first, ends: s.ends[:n], buf: s.buf}
}

// size returns how much memory the segment takes, in bytes.
func (s *segment) size() int { return cap(s.buf) + 4*cap(s.ends) }

// append adds a message, which must be the next one.
func (s *segment) append(e encoding, epoch chat.Epoch, m *chat.Message) {
	s.buf = e.append(s.buf, epoch, m)
	s.ends = append(s.ends, uint32(len(s.buf))) // a segment is some 64 KiB, or one page of messages
}

// besidesText is about what a message takes besides its text, in bytes. A text with many characters that JSON escapes takes more.
const besidesText = 288

// encode returns a segment of messages of an epoch that follow each other.
func encode(e encoding, epoch chat.Epoch, messages []chat.Message) segment {
	text := 0
	for i := range messages {
		text += len(messages[i].Msg) + besidesText
	}
	s := segment{first: messages[0].Seq, ends: make([]uint32, 0, len(messages)), buf: make([]byte, 0, text)}
	for i := range messages {
		s.append(e, epoch, &messages[i])
	}
	return s
}
