package idfilter

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// groupSegments is how many segments one group of a Set has: the bits of one word.
const groupSegments = 64

// Set has the filters of the segments of a store. They are kept by position and not by segment: one word has the bits of 64
// segments, so that asking 64 segments reads at most 8 words. It takes 2 to 4 bytes of memory for each message of the
// segments that were put. The zero value is empty. Its methods may be called concurrently; Put blocks the others for some milliseconds.
type Set struct {
	mu       sync.RWMutex
	groups   []*group // nil: none of its segments was put
	complete int
}

// group has the filters of groupSegments segments.
type group struct {
	put   uint64 // bit s: segment s of the group was put
	width int    // bytes of a word: 1, 2, 4 or 8, as the greatest segment that was put needs
	words []byte // by position; bit s of a word is of segment s of the group
}

// Put adds the filter of a segment, which must have all ids of that segment, and keeps nothing of f. A segment that was put before
// stays as it is.
func (s *Set) Put(segment int, f *Filter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := segment / groupSegments
	for len(s.groups) <= n {
		s.groups = append(s.groups, nil)
	}
	if s.groups[n] == nil {
		s.groups[n] = &group{}
	}
	s.groups[n].add(segment%groupSegments, f)
	for s.has(s.complete) {
		s.complete++
	}
}

func (s *Set) has(segment int) bool {
	n := segment / groupSegments
	return n < len(s.groups) && s.groups[n] != nil && s.groups[n].put&(1<<(segment%groupSegments)) != 0
}

// Complete returns how many segments were put from segment 0 on without a gap: the filters of all segments below it are known.
func (s *Set) Complete() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.complete
}

// Perhaps appends the segments below the given one that perhaps have an id to dst, ascending, and returns it. Segments that
// were not put are among them.
func (s *Set) Perhaps(id *[16]byte, below int, dst []int) []int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	p := positionsOf(id)
	for first := 0; first < below; first += groupSegments {
		found := ^uint64(0)
		if n := first / groupSegments; n < len(s.groups) && s.groups[n] != nil {
			found = s.groups[n].perhaps(&p)
		}
		if rest := below - first; rest < groupSegments {
			found &= 1<<rest - 1
		}
		for ; found != 0; found &= found - 1 {
			dst = append(dst, first+bits.TrailingZeros64(found))
		}
	}
	return dst
}

// Bytes returns how much memory the filters take.
func (s *Set) Bytes() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, g := range s.groups {
		if g != nil {
			n += len(g.words)
		}
	}
	return n
}

// add adds the filter of segment s of the group.
func (g *group) add(s int, f *Filter) {
	if g.put&(1<<s) != 0 {
		return
	}
	g.put |= 1 << s
	g.widen(s)
	at, bit := s/8, byte(1)<<(s%8)
	for i, word := range f.bits {
		for ; word != 0; word &= word - 1 {
			g.words[(i*64+bits.TrailingZeros64(word))*g.width+at] |= bit
		}
	}
}

// widen makes the words as wide as segment s needs.
func (g *group) widen(s int) {
	width := max(g.width, 1)
	for s >= 8*width {
		width *= 2
	}
	if width == g.width {
		return
	}
	words := make([]byte, positions*width)
	for p := 0; p*g.width < len(g.words); p++ {
		copy(words[p*width:], g.words[p*g.width:(p+1)*g.width])
	}
	g.width, g.words = width, words
}

// perhaps returns the segments of the group that have all bits of an id, and those that were not put.
func (g *group) perhaps(p *[hashes]uint32) uint64 {
	found := g.put
	for _, at := range p {
		if found &= g.word(int(at)); found == 0 {
			break
		}
	}
	return found | ^g.put
}

// word returns the bits of a position.
func (g *group) word(at int) uint64 {
	switch w := g.words[at*g.width:]; g.width {
	case 1:
		return uint64(w[0])
	case 2:
		return uint64(binary.LittleEndian.Uint16(w))
	case 4:
		return uint64(binary.LittleEndian.Uint32(w))
	default:
		return binary.LittleEndian.Uint64(w)
	}
}
