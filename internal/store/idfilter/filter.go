// Package idfilter says in which segments of a store the id of a message may stand, so that a store looks for the first
// message of an id in few places however many messages it has. A segment is a run of SegmentMessages texts, by their numbers. A
// filter may only say "perhaps" or "no": a store always asks its index after "perhaps", and answers nothing from a filter alone. Both
// store drivers use it; it knows no database.
package idfilter

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// SegmentBits is by how many bits the number of a text is shifted to get its segment.
const SegmentBits = 17

// SegmentMessages is how many numbers of texts a segment has.
const SegmentMessages = 1 << SegmentBits

const (
	positionBits = SegmentBits + 4 // 16 bits for each message
	positions    = 1 << positionBits
	hashes       = 8
)

// SegmentOf returns the segment of the text with a number, which must not be negative.
func SegmentOf(number int64) int { return int(number >> SegmentBits) }

// Filter is a Bloom filter over the ids of one segment: of the ids that were not added it calls fewer than 0.06 % "perhaps" when
// SegmentMessages were added. It takes 256 KiB. It may be read concurrently while nobody adds.
type Filter struct {
	bits [positions / 64]uint64
}

// Add adds the 16 bytes of an id. Adding one twice changes nothing.
func (f *Filter) Add(id *[16]byte) {
	for _, p := range positionsOf(id) {
		f.bits[p/64] |= 1 << (p % 64)
	}
}

// Perhaps reports whether an id was perhaps added. It is true for every id that was.
func (f *Filter) Perhaps(id *[16]byte) bool {
	for _, p := range positionsOf(id) {
		if f.bits[p/64]&(1<<(p%64)) == 0 {
			return false
		}
	}
	return true
}

// A filter is kept as the bytes of its words, little-endian, and a checksum that also covers the format and the segment.
const (
	format     = "restante ids 1"
	blobLength = positions/8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns the filter of a segment as a store keeps it.
func (f *Filter) Encode(segment int) []byte {
	blob := make([]byte, 0, blobLength)
	for _, w := range f.bits {
		blob = binary.LittleEndian.AppendUint64(blob, w)
	}
	return binary.LittleEndian.AppendUint32(blob, checksum(segment, blob))
}

// Parse returns the filter that Encode has made of a segment. It returns an error if the bytes are damaged, of another segment or
// of another format: then the filter must be built anew from the ids.
func Parse(segment int, blob []byte) (*Filter, error) {
	if len(blob) != blobLength {
		return nil, fmt.Errorf("the filter of segment %d has %d bytes, not %d", segment, len(blob), blobLength)
	}
	words, sum := blob[:positions/8], blob[positions/8:]
	if binary.LittleEndian.Uint32(sum) != checksum(segment, words) {
		return nil, fmt.Errorf("the filter of segment %d is damaged", segment)
	}
	f := &Filter{}
	for i := range f.bits {
		f.bits[i] = binary.LittleEndian.Uint64(words[8*i:])
	}
	return f, nil
}

func checksum(segment int, words []byte) uint32 {
	head := binary.LittleEndian.AppendUint64([]byte(format), uint64(segment))
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, words)
}

// positionsOf returns the bits of an id. They are part of the format of kept filters, so they must never change.
func positionsOf(id *[16]byte) [hashes]uint32 {
	const step = 0x9e3779b97f4a7c15
	low, high := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
	seed := mix(mix(low+step) ^ high)
	var p [hashes]uint32
	for i := 0; i < hashes; i += 3 {
		word := mix(seed + uint64(i)*step)
		for j := i; j < min(i+3, hashes); j++ {
			p[j] = uint32(word % positions)
			word >>= positionBits
		}
	}
	return p
}

// mix spreads every bit of a word over all of it.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
