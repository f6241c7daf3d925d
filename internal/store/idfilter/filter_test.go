package idfilter

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// kinds are ids as clients and servers make them.
var kinds = map[string]func(n uint64) [16]byte{
	"random":       func(uint64) [16]byte { return uuid.New() },
	"time-ordered": func(uint64) [16]byte { return uuid.Must(uuid.NewV7()) },
	"counted":      func(n uint64) (id [16]byte) { binary.BigEndian.PutUint64(id[8:], n); return id },
	"counted in the first half": func(n uint64) (id [16]byte) {
		binary.BigEndian.PutUint64(id[:], n)
		return id
	},
}

func TestFilter_NeverMissesAnIDAndIsRarelyWrong(t *testing.T) {
	for name, next := range kinds {
		t.Run(name, func(t *testing.T) {
			f := &Filter{}
			ids := make([][16]byte, SegmentMessages)
			for i := range ids {
				ids[i] = next(uint64(i))
				f.Add(&ids[i])
			}
			for i := range ids {
				if !f.Perhaps(&ids[i]) {
					t.Fatalf("id %d was added and is missing", i)
				}
			}
			wrong := 0
			for i := range ids {
				if id := next(uint64(SegmentMessages + i)); f.Perhaps(&id) {
					wrong++
				}
			}
			if share := float64(wrong) / SegmentMessages; share > 0.0008 {
				t.Errorf("%.4f %% of other ids are called perhaps, want about 0.057 %%", share*100)
			}
		})
	}
}

// TestFilter_PositionsAreForEver has positions as the first version made them: filters that were kept must stay readable.
func TestFilter_PositionsAreForEver(t *testing.T) {
	id := [16]byte(uuid.MustParse("0190163d-8694-739b-aea5-966c26f8ad91"))
	want := [hashes]uint32{1965984, 70661, 1910297, 1585449, 1118468, 745163, 561529, 622909}
	if got := positionsOf(&id); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestParse_RefusesWhatItDidNotMake(t *testing.T) {
	f := &Filter{}
	id := [16]byte(uuid.New())
	f.Add(&id)
	blob := f.Encode(7)
	if got, err := Parse(7, blob); err != nil || *got != *f {
		t.Fatalf("a filter came back otherwise: %v", err)
	}
	for what, other := range map[string][]byte{
		"nothing":         {},
		"a shorter one":   blob[:len(blob)-1],
		"a longer one":    append(slices.Clone(blob), 0),
		"zeros":           make([]byte, len(blob)),
		"one bit changed": changed(blob, 12345),
		"its checksum":    changed(blob, len(blob)-1),
	} {
		if _, err := Parse(7, other); err == nil {
			t.Errorf("%s was taken for a filter", what)
		}
	}
	if _, err := Parse(8, blob); err == nil {
		t.Error("the filter of another segment was accepted")
	}
}

func changed(blob []byte, at int) []byte {
	blob = slices.Clone(blob)
	blob[at] ^= 4
	return blob
}

// filterOf returns a filter of some random ids, and the ids.
func filterOf(r *rand.Rand, n int) (*Filter, [][16]byte) {
	f, ids := &Filter{}, make([][16]byte, n)
	for i := range ids {
		ids[i] = randomID(r)
		f.Add(&ids[i])
	}
	return f, ids
}

func randomID(r *rand.Rand) (id [16]byte) {
	binary.LittleEndian.PutUint64(id[:8], r.Uint64())
	binary.LittleEndian.PutUint64(id[8:], r.Uint64())
	return id
}

// TestSet_AnswersAsItsFilters puts the filters of some segments, in any order and with gaps, and compares every answer.
func TestSet_AnswersAsItsFilters(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		const below = 150
		var s Set
		filters := map[int]*Filter{}
		var ids [][16]byte
		for _, segment := range r.Perm(below)[:20+r.IntN(40)] {
			f, some := filterOf(r, 200)
			filters[segment] = f
			ids = append(ids, some...)
			s.Put(segment, f)
		}
		for range 1000 {
			ids = append(ids, randomID(r))
		}
		for _, id := range ids {
			limit := r.IntN(below + 70)
			var want []int
			for segment := range limit {
				if f := filters[segment]; f == nil || f.Perhaps(&id) {
					want = append(want, segment)
				}
			}
			if got := s.Perhaps(&id, limit, nil); !slices.Equal(got, want) {
				t.Fatalf("seed %d, below %d: %v, want %v", seed, limit, got, want)
			}
		}
	}
}

func TestSet_Complete(t *testing.T) {
	var s Set
	f := &Filter{}
	for _, step := range []struct{ put, want int }{{1, 0}, {3, 0}, {0, 2}, {0, 2}, {2, 4}, {64, 4}} {
		if s.Put(step.put, f); s.Complete() != step.want {
			t.Errorf("after segment %d: %d, want %d", step.put, s.Complete(), step.want)
		}
	}
}

func TestSet_TakesFourBytesAMessageAtMost(t *testing.T) {
	var s Set
	f := &Filter{}
	if s.Bytes() != 0 {
		t.Errorf("%d bytes of nothing", s.Bytes())
	}
	for segment := range 130 {
		s.Put(segment, f)
		messages := max(segment+1, 8) * SegmentMessages // the first 8 segments are of one width
		if n := s.Bytes(); n > 4*messages {
			t.Fatalf("%d bytes for %d messages", n, messages)
		}
	}
	if n, messages := s.Bytes(), 128*SegmentMessages; n > 2*messages+2*8*SegmentMessages {
		t.Errorf("%d bytes for two groups and a beginning", n)
	}
}

func TestSet_Concurrently(t *testing.T) {
	var s Set
	r := rand.New(rand.NewPCG(1, 2))
	f, ids := filterOf(r, 100)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 200 {
				if got := s.Perhaps(&ids[i%len(ids)], 20, nil); len(got) != 20 {
					t.Errorf("%v is not every segment", got)
					return
				}
			}
		})
	}
	for segment := range 20 {
		s.Put(segment, f)
	}
	all.Wait()
}
