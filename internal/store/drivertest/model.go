package drivertest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"testing"
	"time"

	"pgregory.net/rapid"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// model is a store in its simplest form: a list per room.
type model struct {
	clock *clock
	rooms map[string][]chat.Message
	epoch chat.Epoch
}

func (m *model) append(batch []chat.Message) driver.Appended {
	var done driver.Appended
	now := chat.Micros(m.clock.now())
	for at, b := range batch {
		room := m.rooms[b.Room]
		i := slices.IndexFunc(room, func(x chat.Message) bool { return x.ID == b.ID && x.ClientID == b.ClientID })
		if i < 0 {
			i = len(room)
			b.Seq, b.StoredAt, b.Epoch = int64(i)+1, now, m.epoch.ID
			if i > 0 && !now.After(room[i-1].StoredAt) {
				b.StoredAt = room[i-1].StoredAt.Add(time.Microsecond)
			}
			room = append(room, b)
			m.rooms[b.Room] = room
			done.Fresh++
		}
		answer := room[i]
		answer.IDTaken = slices.ContainsFunc(room[:i], func(x chat.Message) bool { return x.ID == b.ID })
		done.Messages = append(done.Messages, answer)
		if answer.Msg != b.Msg {
			done.Conflicts = append(done.Conflicts, at)
		}
	}
	return done
}

func (m *model) seqAt(room string, t time.Time) int64 {
	log := m.rooms[room]
	return int64(sort.Search(len(log), func(i int) bool { return log[i].StoredAt.After(t) }))
}

func (m *model) room(name string) chat.Room {
	r := chat.Room{Name: name, Epoch: m.epoch}
	if log := m.rooms[name]; len(log) > 0 {
		r.OldestSeq, r.LastSeq, r.LastStoredAt = 1, int64(len(log)), log[len(log)-1].StoredAt
	}
	return r
}

// testModel does random things to the driver and to the model, and compares every answer.
func testModel(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	run := 0 // each run has rooms of its own in the same database
	rapid.Check(t, func(rt *rapid.T) {
		run++
		c.step(24 * time.Hour)
		m := &model{clock: c, rooms: map[string][]chat.Message{}, epoch: epochOf(t, d)}
		var names []string
		for _, suffix := range []string{"a", "b", "c"} {
			names = append(names, fmt.Sprintf("run-%06d-%s", run, suffix))
		}
		room := rapid.SampledFrom(names)
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) { compareAppend(rt, d, m, room) },
			"read":   func(rt *rapid.T) { compareRead(rt, d, m, room.Draw(rt, "room")) },
			"seqAt":  func(rt *rapid.T) { compareSeqAt(rt, d, m, room.Draw(rt, "room")) },
			"rooms":  func(rt *rapid.T) { compareRooms(rt, d, m, names) },
			"clock": func(rt *rapid.T) {
				c.step(time.Duration(rapid.Int64Range(-int64(time.Minute), int64(time.Minute)).Draw(rt, "step")))
			},
			"reopen": func(rt *rapid.T) {
				if rapid.IntRange(0, 9).Draw(rt, "rarely") == 0 {
					d = h.Reopen(t, d, c.now)
				}
			},
		})
	})
}

func compareAppend(rt *rapid.T, d driver.Driver, m *model, room *rapid.Generator[string]) {
	id := rapid.IntRange(0, 15) // few, so that repeats are common; and few names and texts of most messages
	client := rapid.OneOf(rapid.SampledFrom([]string{"ann", "bé☂"}), rapid.StringMatching(`[a-zé☂]{1,8}`))
	text := rapid.OneOf(rapid.Just("the same"), rapid.StringMatching(`\PC{1,40}`))
	batch := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) chat.Message {
		return chat.Message{
			ID:       fmt.Sprintf("%08d-0000-4000-8000-000000000000", id.Draw(rt, "id")),
			Room:     room.Draw(rt, "room"),
			ClientID: client.Draw(rt, "client"),
			Msg:      text.Draw(rt, "text"),
			SentAt:   chat.Micros(time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(rt, "sent"))),
		}
	}), 1, 8).Draw(rt, "batch")
	got, err := d.Append(context.Background(), batch)
	want := m.append(batch)
	if err != nil || got.Fresh != want.Fresh || !slices.Equal(got.Messages, want.Messages) || !slices.Equal(got.Conflicts, want.Conflicts) {
		rt.Fatalf("append: got %+v, %v\nwant %+v", got, err, want)
	}
}

func compareRead(rt *rapid.T, d driver.Driver, m *model, room string) {
	log := m.rooms[room]
	n := len(log)
	seq := rapid.IntRange(0, n+2).Draw(rt, "seq")
	limit := rapid.IntRange(0, 6).Draw(rt, "limit")
	from := min(seq, n)
	got, err := d.After(context.Background(), room, int64(seq), limit)
	if want := log[from:min(from+limit, n)]; err != nil || !slices.Equal(got, want) {
		rt.Fatalf("after %d: got %+v, %v\nwant %+v", seq, got, err, want)
	}
	to := min(max(seq-1, 0), n)
	got, err = d.Before(context.Background(), room, int64(seq), limit)
	if want := log[max(to-limit, 0):to]; err != nil || !slices.Equal(got, want) {
		rt.Fatalf("before %d: got %+v, %v\nwant %+v", seq, got, err, want)
	}
}

func compareSeqAt(rt *rapid.T, d driver.Driver, m *model, room string) {
	at := m.clock.now()
	if log := m.rooms[room]; len(log) > 0 {
		at = rapid.SampledFrom(log).Draw(rt, "message").StoredAt
	}
	at = at.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(rt, "offset"))) // around a microsecond
	if rapid.Bool().Draw(rt, "cut") {
		at = at.Truncate(time.Millisecond)
	}
	got, err := d.SeqAt(context.Background(), room, at)
	if want := m.seqAt(room, at); err != nil || got != want {
		rt.Fatalf("seq at %v: got %d, %v, want %d", at, got, err, want)
	}
}

func compareRooms(rt *rapid.T, d driver.Driver, m *model, names []string) {
	var want []chat.Room
	for _, name := range names {
		r := m.room(name)
		if got, err := d.Room(context.Background(), name); err != nil || got != r {
			rt.Fatalf("room: got %+v, %v, want %+v", got, err, r)
		}
		if r.LastSeq > 0 {
			want = append(want, r)
		}
	}
	asked := append(slices.Clone(names), "run-unknown", names[0])
	var last []int64
	for _, name := range asked {
		last = append(last, m.room(name).LastSeq)
	}
	if got, err := d.LastSeqs(context.Background(), asked); err != nil || !slices.Equal(got, last) {
		rt.Fatalf("last numbers of %q: got %v, %v, want %v", asked, got, err, last)
	}
	slices.SortFunc(want, func(a, b chat.Room) int { return cmp.Compare(a.Name, b.Name) })
	prefix := names[0][:len(names[0])-1]
	if got, err := d.Rooms(context.Background(), prefix, prefix+"~", 10); err != nil || !slices.Equal(got, want) {
		rt.Fatalf("rooms: got %+v, %v, want %+v", got, err, want)
	}
	if got, err := d.RoomsNamed(context.Background(), asked); err != nil || !slices.Equal(got, want) {
		rt.Fatalf("rooms named %q: got %+v, %v, want %+v", asked, got, err, want)
	}
}
