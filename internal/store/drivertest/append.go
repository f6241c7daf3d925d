package drivertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func testNumbers(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	a, b := messages("a", 3), messages("b", 2)
	done := put(t, d, a[0], b[0], a[1], b[1], a[2])
	var seqs []int64
	for _, m := range done.Messages {
		seqs = append(seqs, m.Seq)
	}
	if want := []int64{1, 1, 2, 2, 3}; !slices.Equal(seqs, want) || done.Fresh != 5 {
		t.Fatalf("numbers %v, fresh %d, want %v and 5", seqs, done.Fresh, want)
	}
	if m := put(t, d, message("a", "next")).Messages[0]; m.Seq != 4 {
		t.Fatalf("next number of a is %d, want 4", m.Seq)
	}
	m := done.Messages[0]
	if m.ClientID != a[0].ClientID || m.Msg != a[0].Msg || !m.SentAt.Equal(a[0].SentAt) {
		t.Fatalf("stored %+v, sent %+v", m, a[0])
	}
	same(t, "log of b", log(t, d, "b"), []chat.Message{done.Messages[1], done.Messages[3]})
}

func testEmptyBatch(t *testing.T, h Harness) {
	if done := put(t, h.Open(t, newClock().now)); done.Fresh != 0 {
		t.Fatalf("fresh %d of nothing", done.Fresh)
	}
}

func testRepeatConsumesNoNumber(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	batch := messages("a", 5)
	put(t, d, batch[0], batch[2], batch[4])
	done := put(t, d, batch...)
	var seqs []int64
	for _, m := range done.Messages {
		seqs = append(seqs, m.Seq)
	}
	if want := []int64{1, 4, 2, 5, 3}; !slices.Equal(seqs, want) || done.Fresh != 2 {
		t.Fatalf("numbers %v, fresh %d, want %v and 2", seqs, done.Fresh, want)
	}
	if n := len(log(t, d, "a")); n != 5 {
		t.Fatalf("%d messages, want 5", n)
	}
}

func testInvalidStoresNothing(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	good, bad := message("a", "good"), message("a", "bad")
	for _, id := range []string{"", "not-a-uuid", strings.ToUpper(uuid.NewString())} {
		bad.ID = id
		if _, err := d.Append(t.Context(), []chat.Message{good, bad}); errs.CodeOf(err) != errs.Invalid {
			t.Errorf("id %q: %v, want an error of class invalid", id, err)
		}
	}
	if found := log(t, d, "a"); len(found) != 0 {
		t.Fatalf("stored %+v", found)
	}
	put(t, d, good)
}

func testArgument(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	batch := messages("a", 3)
	batch[2] = batch[0]
	before := slices.Clone(batch)
	done := put(t, d, batch...)
	same(t, "batch after append", batch, before)
	for i := range batch {
		batch[i] = chat.Message{Msg: "reused"}
	}
	same(t, "log", log(t, d, "a"), done.Messages[:2])
}

func testCancelled(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	if _, err := d.Append(canceled(t), messages("a", 1)); !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled append: %v", err)
	}

	// Callers that give up in the middle must not disturb the others, and the driver must not read their batches any more.
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				batch := messages("a", 10)
				finished := make(chan struct{})
				go func() { cancel(); close(finished) }()
				_, err := d.Append(ctx, batch)
				clear(batch)
				<-finished
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("append that was given up: %v", err)
				}
			}
		})
		all.Go(func() {
			if _, err := d.Append(t.Context(), messages("a", 10)); err != nil {
				t.Errorf("append: %v", err)
			}
		})
	}
	all.Wait()
	if n := len(log(t, d, "a")); n < 80 || n%10 != 0 {
		t.Fatalf("%d messages, want at least 80 in whole batches", n)
	}
}

// testConcurrent appends to several rooms from several callers, with repeats, while readers follow the rooms.
func testConcurrent(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	rooms := []string{"a", "b", "c", "d", "e"}
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for _, room := range rooms {
		readers.Go(func() { follow(t, d, room, stop) })
	}
	var mu sync.Mutex
	answers := map[key]chat.Message{}
	for w := range 8 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(w)))
			for range 40 {
				done, err := d.Append(t.Context(), mixed(r, rooms))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				mu.Lock()
				record(t, answers, done)
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	found := 0
	for _, room := range rooms {
		for _, m := range log(t, d, room) {
			if answer := asRead(answers[keyOf(m)]); answer != m {
				t.Errorf("%s: read %+v, was answered %+v", room, m, answer)
			}
			found++
		}
	}
	if found != len(answers) {
		t.Errorf("%d messages, %d were answered", found, len(answers))
	}
}

// mixed returns a batch over several rooms whose ids, senders and texts come from small sets, so that many are repeats, conflicts, or
// ids that another sender has used.
func mixed(r *rand.Rand, rooms []string) []chat.Message {
	batch := make([]chat.Message, 1+r.IntN(12))
	for i := range batch {
		batch[i] = message(rooms[r.IntN(len(rooms))], fmt.Sprint(r.IntN(2)))
		batch[i].ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", r.IntN(300))
		batch[i].ClientID = []string{"ann", "bob"}[r.IntN(2)]
	}
	return batch
}

// key is what a store knows a message by.
type key struct{ room, sender, id string }

func keyOf(m chat.Message) key { return key{m.Room, m.ClientID, m.ID} }

// record keeps the answers, and checks that each answer for one message is the same.
func record(t *testing.T, answers map[key]chat.Message, done driver.Appended) {
	for _, m := range done.Messages {
		if known, ok := answers[keyOf(m)]; ok && known != m {
			t.Errorf("one message, two answers: %+v and %+v", known, m)
		}
		answers[keyOf(m)] = m
	}
}

// follow reads a room as a live reader does, until stop: it must never see a number without those before it.
func follow(t *testing.T, d driver.Driver, room string, stop chan struct{}) {
	for seq := int64(0); ; {
		page, err := d.After(t.Context(), room, seq, 7)
		if err != nil {
			t.Errorf("follow: %v", err)
			return
		}
		for _, m := range page {
			if m.Seq != seq+1 {
				t.Errorf("%s: a reader saw %d after %d", room, m.Seq, seq)
			}
			seq = m.Seq
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}
