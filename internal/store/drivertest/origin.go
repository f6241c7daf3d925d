package drivertest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

// from returns the messages with an origin.
func from(partition int, generation int64, batch ...chat.Message) []chat.Message {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].Origin = chat.Origin{Partition: partition, Generation: generation}
	}
	return batch
}

// wantDestroyed appends a batch that must be refused, unless the driver has no partitions.
func wantDestroyed(t *testing.T, h Harness, d driver.Driver, seen int64, batch []chat.Message) {
	t.Helper()
	_, err := d.Append(t.Context(), batch)
	if h.NoPartitions {
		if err != nil {
			t.Errorf("append from %+v: %v, want no error of a store without partitions", batch[0].Origin, err)
		}
		return
	}
	destroyed, ok := errors.AsType[*chat.DestroyedError](err)
	if !ok || destroyed.Seen != seen || destroyed.Origin != batch[len(batch)-1].Origin {
		t.Errorf("append from %+v: %v, want the error of a destroyed queue, seen %d", batch[len(batch)-1].Origin, err, seen)
	}
	if errs.CodeOf(err) != errs.Invalid || !strings.HasPrefix(errs.Public(err), "queue destroyed") || d.Retryable(err) {
		t.Errorf("class %q, text %q, retryable %v", errs.CodeOf(err), errs.Public(err), d.Retryable(err))
	}
}

func testOrigin(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	before := messages("a", 2)
	put(t, d, from(3, 1, before...)...)
	put(t, d, message("a", "without an origin"))
	after := put(t, d, from(3, 2, messages("b", 1)...)...).Messages
	if after[0].Origin != (chat.Origin{}) {
		t.Errorf("returned with the origin %+v", after[0].Origin)
	}
	wantDestroyed(t, h, d, 2, from(3, 1, message("a", "too late")))
	wantDestroyed(t, h, d, 2, from(3, 1, append(slices.Clone(before), message("c", "too late, behind repeats"))...))
	if h.NoPartitions {
		return
	}
	if done := put(t, d, from(3, 1, before...)...); done.Fresh != 0 || done.Messages[1].Seq != 2 {
		t.Errorf("repeats of an earlier generation: %+v", done)
	}
	put(t, d, from(4, 1, message("a", "of another partition"))...)
	put(t, d, from(3, 2, message("a", "of the same generation"))...)
	put(t, d, message("a", "without an origin"))
	put(t, d, from(3, 7, before...)...) // a generation is noted with repeats, too
	wantDestroyed(t, h, d, 7, from(3, 6, message("a", "too late")))

	d = h.Reopen(t, d, newClock().now)
	wantDestroyed(t, h, d, 7, from(3, 2, message("a", "too late")))
	if n := len(log(t, d, "a")); n != 6 {
		t.Errorf("%d messages, want 6", n)
	}
	if r, err := d.Room(t.Context(), "c"); err != nil || r.LastSeq != 0 {
		t.Errorf("a refused batch has left %+v, %v", r, err)
	}
}

// testOriginsInOneBatch appends batches of several origins, which are stored in the order of the batch, or not at all.
func testOriginsInOneBatch(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	batch := slices.Concat(from(1, 1, messages("a", 2)...), from(2, 5, messages("b", 2)...), from(1, 1, messages("a", 1)...),
		messages("a", 1), from(1, 2, messages("b", 1)...))
	batch = append(batch, batch[0])
	done := put(t, d, batch...)
	var seqs []int64
	for _, m := range done.Messages {
		seqs = append(seqs, m.Seq)
	}
	if want := []int64{1, 2, 1, 2, 3, 4, 3, 1}; !slices.Equal(seqs, want) || done.Fresh != 7 {
		t.Errorf("numbers %v, fresh %d, want %v and 7", seqs, done.Fresh, want)
	}
	same(t, "repeats", put(t, d, batch...).Messages, done.Messages)
	kept := put(t, d, from(1, 2, message("c", "stored"))...).Messages
	wantDestroyed(t, h, d, 5, slices.Concat(from(1, 2, messages("c", 3)...), from(2, 4, messages("a", 1)...)))
	if !h.NoPartitions {
		same(t, "c", log(t, d, "c"), kept)
	}
}

// testOriginsConcurrently lets a consumer of the last generation and one of the next append to the same rooms.
func testOriginsConcurrently(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	for generation := int64(1); generation < 20; generation++ {
		var all sync.WaitGroup
		var over atomic.Bool
		for range 2 { // the earlier ones go on until the later one has ended
			all.Go(func() {
				for done := false; !done; {
					done = over.Load()
					_, err := d.Append(t.Context(), marked(generation))
					_, destroyed := errors.AsType[*chat.DestroyedError](err)
					if err != nil && !destroyed || done && destroyed == h.NoPartitions || destroyed && h.NoPartitions {
						t.Errorf("append of generation %d: %v, after the last append of generation %d: %v", generation, err, generation+1, done)
					}
				}
			})
		}
		for range 4 {
			if _, err := d.Append(t.Context(), marked(generation+1)); err != nil {
				t.Errorf("append of generation %d: %v", generation+1, err)
			}
		}
		over.Store(true)
		all.Wait()
	}
	if h.NoPartitions {
		return
	}
	for _, room := range []string{"a", "b"} {
		last := chat.Message{}
		for _, m := range log(t, d, room) {
			if m.SentAt.Before(last.SentAt) {
				t.Errorf("%s: number %d is of generation %d, the one before of %d", room, m.Seq, m.SentAt.Year(), last.SentAt.Year())
			}
			last = m
		}
	}
}

// marked returns messages of two rooms that say in their times which generation they are of.
func marked(generation int64) []chat.Message {
	batch := from(5, generation, slices.Concat(messages("a", 1), messages("b", 2))...)
	for i := range batch {
		batch[i].SentAt = batch[i].SentAt.AddDate(int(generation), 0, 0)
	}
	return batch
}
