package sqlite

import (
	"slices"
	"testing"
)

// A list of borders has no gaps, so that a number between two of them is on the page of the first one.
func TestBorders_HaveNoGaps(t *testing.T) {
	b, of := newBorders(), blockOf("a", 130)
	for _, tc := range []struct{ last, next int64 }{
		{140, 150}, // the border 140 is not known
		{129, 135}, // after the first page of the block
		{129, 136}, // known already
		{135, 140},
		{135, 141}, // known already
		{150, 160}, // the border 150 is not known
	} {
		b.add(of, tc.last, tc.next)
	}
	if got, _ := b.known.Get(of); !slices.Equal(got, []int64{135, 140}) {
		t.Errorf("borders %v", got)
	}
	for seq, want := range map[int64]struct {
		start int64
		known bool
	}{129: {129, true}, 134: {129, true}, 135: {135, true}, 139: {135, true}, 140: {140, true}, 141: {140, false}, 256: {140, false}} {
		if start, known := b.start(of, seq); start != want.start || known != want.known {
			t.Errorf("number %d: page from %d, known %t, want %+v", seq, start, known, want)
		}
	}
	if start, known := b.start(blockOf("b", 5), 5); start != 1 || known {
		t.Errorf("a block of which nothing is known: page from %d, known %t", start, known)
	}
}
