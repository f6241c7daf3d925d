package drivertest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
)

func epochs(t testing.TB, d driver.Driver) []driver.Epoch {
	t.Helper()
	all, err := d.Epochs(t.Context())
	if err != nil {
		t.Fatalf("read epochs: %v", err)
	}
	return all
}

func beginning(t testing.TB, d driver.Driver, room, epoch string) int64 {
	t.Helper()
	seq, err := d.Beginning(t.Context(), room, epoch)
	if err != nil {
		t.Fatalf("beginning of %q after epoch %q: %v", room, epoch, err)
	}
	return seq
}

func lineage(t testing.TB, d driver.Driver) driver.Lineage {
	t.Helper()
	l, err := d.Lineage(t.Context())
	if err != nil {
		t.Fatalf("read the lineage: %v", err)
	}
	return l
}

func sameLineage(t testing.TB, what string, got, want driver.Lineage) {
	t.Helper()
	if got.Store != want.Store || got.Mark != want.Mark || !slices.Equal(got.Epochs, want.Epochs) || !slices.Equal(got.Begins, want.Begins) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func testEpochStays(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	first := epochOf(t, d)
	if _, err := uuid.Parse(first.Store); err != nil || len(first.ID) != 16 || !chat.IsEpoch(first.ID) || !first.First {
		t.Errorf("a new store is in epoch %+v", first)
	}
	all := epochs(t, d)
	if len(all) != 1 || all[0].ID != first.ID || all[0].Reason != "" || all[0].At.IsZero() || all[0].At != chat.Micros(all[0].At) {
		t.Errorf("a new store has the epochs %+v", all)
	}
	put(t, d, messages("a", 2)...)
	d = h.Reopen(t, d, newClock().now)
	if again := epochOf(t, d); again != first || !slices.Equal(epochs(t, d), all) {
		t.Errorf("after a restart in epoch %+v of %+v, want %+v", again, epochs(t, d), first)
	}
	if l := lineage(t, d); l.Store != first.Store || !slices.Equal(l.Epochs, all) || len(l.Begins) != 0 {
		t.Errorf("lineage %+v", l)
	}
	if other := epochOf(t, h.Open(t, newClock().now)); other.Store == first.Store || other.ID == first.ID {
		t.Errorf("another store is in epoch %+v, this one in %+v", other, first)
	}
}

// testEpochOfAnswers checks that every answer says in which epoch it was read.
func testEpochOfAnswers(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	e := epochOf(t, d)
	batch := messages("a", 3)
	answers := [][]chat.Message{put(t, d, batch[:2]...).Messages, put(t, d, batch...).Messages, after(t, d, "a", 0, 10), before(t, d, "a", 9, 10)}
	page, err := d.Page(t.Context(), "a", 2)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range append(answers, page) {
		if len(list) == 0 {
			t.Errorf("answer %d is empty", i)
		}
		for _, m := range list {
			if m.Epoch != e.ID {
				t.Errorf("answer %d: message %d is of epoch %q, want %q", i, m.Seq, m.Epoch, e.ID)
			}
		}
	}
	rooms, err := d.Rooms(t.Context(), "", "", 10)
	if err != nil || len(rooms) != 1 || rooms[0].Epoch != e {
		t.Errorf("rooms %+v, %v", rooms, err)
	}
	for _, name := range []string{"a", "unknown"} {
		if r, err := d.Room(t.Context(), name); err != nil || r.Epoch != e {
			t.Errorf("room %+v, %v, want epoch %+v", r, err, e)
		}
	}
}

// testEpochEnds ends an epoch: it loses nothing, and numbers go on.
func testEpochEnds(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	first := epochOf(t, d)
	stored := put(t, d, messages("a", 3)...).Messages
	known := []driver.Epoch{epochs(t, d)[0]}
	for i, reason := range []string{"the first test", "another test, restored twice"} {
		c.step(time.Hour)
		d = h.EndEpoch(t, d, c.now, reason)
		e := epochOf(t, d)
		if e.Store != first.Store || !chat.IsEpoch(e.ID) || len(e.ID) != 16 || e.First {
			t.Errorf("epoch %+v after %+v", e, first)
		}
		all := epochs(t, d)
		if len(all) != i+2 || !slices.Equal(all[:i+1], known) || all[i+1].ID != e.ID || all[i+1].Reason != reason || all[i+1].At.IsZero() {
			t.Fatalf("epochs %+v, the present one is %+v", all, e)
		}
		if slices.ContainsFunc(known, func(k driver.Epoch) bool { return k.ID == e.ID }) {
			t.Errorf("epoch %s began twice", e.ID)
		}
		known = all
		same(t, "log", log(t, d, "a"), stored)
		for _, m := range log(t, d, "a") {
			if m.Epoch != e.ID {
				t.Errorf("message %d was read in epoch %s, want %s", m.Seq, m.Epoch, e.ID)
			}
		}
		m := put(t, d, message("a", "next")).Messages[0]
		stored = append(stored, m)
		if m.Seq != int64(len(stored)) || m.Epoch != e.ID {
			t.Errorf("the next message is %+v", m)
		}
		d = h.Reopen(t, d, c.now)
		if again := epochOf(t, d); again != e {
			t.Errorf("after a restart in epoch %+v, want %+v", again, e)
		}
	}
}

func testBeginning(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	first := epochOf(t, d).ID
	put(t, d, messages("a", 3)...)
	if got := []int64{beginning(t, d, "a", ""), beginning(t, d, "a", first)}; !slices.Equal(got, []int64{0, 0}) {
		t.Errorf("a began epochs after the only one with %v, want 0", got)
	}
	put(t, d, messages("quiet", 1)...)
	d = h.EndEpoch(t, d, c.now, "a test")
	second := epochOf(t, d).ID
	put(t, d, messages("a", 2)...)
	put(t, d, messages("b", 4)...)
	d = h.EndEpoch(t, d, c.now, "a test")
	third := epochOf(t, d).ID
	put(t, d, messages("a", 1)...)
	put(t, d, messages("c", 1)...)
	for _, tc := range []struct {
		room, epoch string
		want        int64
	}{
		{"a", first, 3}, {"a", "", 3}, {"a", second, 5}, {"a", third, 0}, {"a", "0000unknown0000", 0},
		{"b", first, 0}, {"b", "", 0}, {"b", second, 4}, {"b", "0000unknown0000", 0},
		{"c", first, 0}, {"c", second, 0}, {"quiet", first, 1}, {"quiet", second, 1},
		{"unknown", first, 0}, {"unknown", "", 0}, {"unknown", "0000unknown0000", 0},
	} {
		if got := beginning(t, d, tc.room, tc.epoch); got != tc.want {
			t.Errorf("%s began epochs after %q with %d or more, want %d", tc.room, tc.epoch, got, tc.want)
		}
	}
	l := lineage(t, d)
	want := []driver.Begin{
		{Epoch: second, Room: "a", Seq: 3}, {Epoch: second, Room: "quiet", Seq: 1},
		{Epoch: third, Room: "a", Seq: 5}, {Epoch: third, Room: "b", Seq: 4}, {Epoch: third, Room: "quiet", Seq: 1},
	}
	if !slices.Equal(l.Begins, want) {
		t.Errorf("beginnings %+v, want %+v", l.Begins, want)
	}
}

// ancestor returns the lineage of a store that has gone back twice.
func ancestor() driver.Lineage {
	at := time.Date(2025, 4, 5, 6, 7, 8, 901_234_000, time.UTC)
	return driver.Lineage{
		Store: uuid.NewString(),
		Epochs: []driver.Epoch{
			{ID: "00112233445566aa", At: at}, {ID: "ffeeddccbbaa9988", At: at.Add(time.Hour), Reason: "the primary was lost"},
			{ID: "0123456789abcdef", At: at.Add(2 * time.Hour), Reason: "a copy was restored"},
		},
		Begins: []driver.Begin{
			{Epoch: "ffeeddccbbaa9988", Room: "a", Seq: 7},
			{Epoch: "0123456789abcdef", Room: "a", Seq: 12}, {Epoch: "0123456789abcdef", Room: "b", Seq: 3},
		},
		Mark: "a mark",
	}
}

func testRestoreEpochs(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	l := ancestor()
	if h.NoPartitions {
		l.Mark = lineage(t, d).Mark // on one machine a mark says which file it is, and stays
	}
	for range 2 { // again changes nothing
		if err := d.RestoreEpochs(t.Context(), l); err != nil {
			t.Fatalf("restore epochs: %v", err)
		}
		sameLineage(t, "lineage", lineage(t, d), l)
	}
	want := chat.Epoch{Store: l.Store, ID: l.Epochs[2].ID}
	if e := epochOf(t, d); e != want {
		t.Errorf("in epoch %+v, want %+v", e, want)
	}
	restore(t, d, history("a", 20))
	put(t, d, message("b", "next"))
	if err := d.RestoreEpochs(t.Context(), l); err != nil {
		t.Errorf("restore epochs beside the messages of an interrupted copy: %v", err)
	}
	if got := []int64{beginning(t, d, "a", ""), beginning(t, d, "a", l.Epochs[1].ID), beginning(t, d, "b", l.Epochs[1].ID)}; !slices.Equal(got, []int64{7, 12, 3}) {
		t.Errorf("beginnings %v", got)
	}
	d = h.Reopen(t, d, newClock().now)
	if e := epochOf(t, d); e != want {
		t.Errorf("after a restart in epoch %+v, want %+v", e, want)
	}
	reopened := lineage(t, d)
	l.Mark = reopened.Mark // a driver may renew it when it opens
	sameLineage(t, "lineage after a restart", reopened, l)
}

func testRestoreEpochsConflict(t *testing.T, h Harness) {
	conflict := func(what string, d driver.Driver, l driver.Lineage) {
		t.Helper()
		before := lineage(t, d)
		if err := d.RestoreEpochs(t.Context(), l); errs.CodeOf(err) != errs.Conflict || d.Retryable(err) {
			t.Errorf("%s: %v, want an error of class conflict that is not worth a retry", what, err)
		}
		sameLineage(t, what, lineage(t, d), before)
	}
	d := h.Open(t, newClock().now)
	put(t, d, message("a", "hello"))
	conflict("a store with messages", d, ancestor())

	d = h.Open(t, newClock().now)
	if err := d.RestoreEpochs(t.Context(), ancestor()); err != nil {
		t.Fatal(err)
	}
	conflict("a store of another id", d, ancestor())
	for what, change := range map[string]func(l *driver.Lineage){
		"other epochs":     func(l *driver.Lineage) { l.Epochs[1].ID = "9999999999999999"; l.Begins = nil },
		"fewer epochs":     func(l *driver.Lineage) { l.Epochs, l.Begins = l.Epochs[:2], l.Begins[:1] },
		"other beginnings": func(l *driver.Lineage) { l.Begins[0].Seq++ },
	} {
		l := lineage(t, d)
		l.Epochs, l.Begins = slices.Clone(l.Epochs), slices.Clone(l.Begins)
		change(&l)
		conflict(what, d, l)
	}
}

func testEpochsAfterClose(t *testing.T, d driver.Driver) {
	_, pageErr := d.Page(t.Context(), "a", 1)
	_, epochsErr := d.Epochs(t.Context())
	_, beginningErr := d.Beginning(t.Context(), "a", "")
	_, lineageErr := d.Lineage(t.Context())
	for call, err := range map[string]error{
		"page": pageErr, "epochs": epochsErr, "beginning": beginningErr, "lineage": lineageErr,
		"restore epochs": d.RestoreEpochs(t.Context(), ancestor()),
		"restore room":   d.RestoreRoom(t.Context(), chat.Room{Name: "a", LastSeq: 1}),
	} {
		if errs.CodeOf(err) != errs.Unavailable || d.Retryable(err) {
			t.Errorf("%s after close: %v, want an error of class unavailable that is not worth a retry", call, err)
		}
	}
}
