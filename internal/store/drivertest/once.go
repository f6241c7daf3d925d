package drivertest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"restante/internal/chat"
	"restante/internal/store/driver"
)

// ofOnce returns the tests of what makes two messages one: room, sender and id.
func ofOnce() []test {
	return []test{
		{"Once_RepeatInBatch", testRepeatInBatch},
		{"Once_RepeatLater", testRepeatLater},
		{"Once_ConflictInBatch", testConflictInBatch},
		{"Once_ConflictLater", testConflictLater},
		{"Once_ConflictsOnly", testConflictsOnly},
		{"Once_IDOfAnotherSender", testIDOfAnotherSender},
		{"Once_IDOfAnotherSenderInBatch", testIDOfAnotherSenderInBatch},
		{"Once_ManySendersOfOneID", testManySendersOfOneID},
		{"Once_SameIDInTwoRooms", testSameIDInTwoRooms},
		{"Once_SameIDConcurrently", testSameIDConcurrently},
		{"Once_TwoSendersConcurrently", testTwoSendersConcurrently},
		{"Once_RestoredMessages", testRestoredOnce},
	}
}

// by returns a message with its id, and another sender and text.
func by(m chat.Message, sender, text string) chat.Message {
	m.ClientID, m.Msg = sender, text
	return m
}

// outcome checks how many messages an append has stored, and which it has called conflicts.
func outcome(t testing.TB, what string, done driver.Appended, fresh int, conflicts ...int) {
	t.Helper()
	if done.Fresh != fresh || !slices.Equal(done.Conflicts, conflicts) {
		t.Errorf("%s: fresh %d, conflicts %v, want %d and %v", what, done.Fresh, done.Conflicts, fresh, conflicts)
	}
}

// taken returns which messages of an append have an id that another sender had used before.
func taken(done driver.Appended) []bool {
	is := make([]bool, len(done.Messages))
	for i, m := range done.Messages {
		is[i] = m.IDTaken
	}
	return is
}

func testRepeatInBatch(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	m, other := message("a", "first"), message("a", "other")
	again := m
	again.SentAt = again.SentAt.Add(1e9) // a retry is stamped anew
	done := put(t, d, m, again, other, m)
	outcome(t, "batch", done, 2)
	first, second := done.Messages[0], done.Messages[2]
	same(t, "batch", done.Messages, []chat.Message{first, first, second, first})
	same(t, "log", log(t, d, "a"), []chat.Message{first, second})
}

func testRepeatLater(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	m := message("a", "first")
	first := put(t, d, m).Messages
	c.step(1e12)
	m.SentAt = c.now()
	done := put(t, d, m)
	outcome(t, "repeat", done, 0)
	same(t, "repeat", done.Messages, first)
	same(t, "log", log(t, d, "a"), first)
}

// testConflictInBatch gives one id two texts: the first one in the batch is kept, and the others are named.
func testConflictInBatch(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	m, other := message("a", "first"), message("a", "other")
	done := put(t, d, m, by(m, m.ClientID, "second"), other, m, by(m, m.ClientID, "First"))
	outcome(t, "batch", done, 2, 1, 4)
	first, second := done.Messages[0], done.Messages[2]
	same(t, "batch", done.Messages, []chat.Message{first, first, second, first, first})
	same(t, "log", log(t, d, "a"), []chat.Message{first, second})
}

func testConflictLater(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	m := message("a", "first")
	first := put(t, d, m).Messages[0]
	for range 2 { // a conflict leaves nothing that makes it something else later
		for i, text := range []string{"second", "", "first ", "f", "first\x00"} {
			fresh := message("a", fmt.Sprint("new ", i))
			done := put(t, d, message("b", "before it"), by(m, m.ClientID, text), fresh)
			outcome(t, text, done, 2, 1)
			same(t, text, done.Messages[1:2], []chat.Message{first})
		}
		d = h.Reopen(t, d, c.now)
	}
	if found := log(t, d, "a"); len(found) != 11 || found[0] != first {
		t.Errorf("%d messages, want 11: the conflicts took no number; the first is %+v", len(found), found[0])
	}
	outcome(t, "the first text again", put(t, d, m), 0)
}

func testConflictsOnly(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	m := message("a", "first")
	first := put(t, d, m).Messages[0]
	done := put(t, d, by(m, m.ClientID, "x"), by(m, m.ClientID, "y"))
	outcome(t, "conflicts", done, 0, 0, 1)
	same(t, "conflicts", done.Messages, []chat.Message{first, first})
	same(t, "log", log(t, d, "a"), []chat.Message{first})
}

// testIDOfAnotherSender uses an id that another sender has used: both messages are kept, each with its own text.
func testIDOfAnotherSender(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	m := message("a", "of ann")
	hers := put(t, d, m)
	his := put(t, d, by(m, "bob", "of bob"))
	outcome(t, "of ann", hers, 1)
	outcome(t, "of bob", his, 1)
	if hers.Messages[0].IDTaken || !his.Messages[0].IDTaken {
		t.Errorf("the id was taken: %t for ann, %t for bob", hers.Messages[0].IDTaken, his.Messages[0].IDTaken)
	}
	both := []chat.Message{hers.Messages[0], his.Messages[0]}
	same(t, "log", log(t, d, "a"), both)
	for range 2 {
		done := put(t, d, by(m, "bob", "of bob"), m, by(m, "bob", "of ann"), by(m, "eve", "of ann"))
		same(t, "again", done.Messages[:3], []chat.Message{both[1], both[0], both[1]})
		if want := []bool{true, false, true, true}; !slices.Equal(taken(done), want) {
			t.Errorf("taken %v, want %v", taken(done), want)
		}
		if !slices.Equal(done.Conflicts, []int{2}) {
			t.Errorf("conflicts %v, want the third", done.Conflicts)
		}
		d = h.Reopen(t, d, c.now)
	}
	if found := log(t, d, "a"); len(found) != 3 || found[2].ClientID != "eve" || found[2].Msg != "of ann" {
		t.Errorf("log %+v, want a third message, of eve", found)
	}
}

func testIDOfAnotherSenderInBatch(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	m := message("a", "one text")
	elsewhere := m
	elsewhere.Room = "b"
	done := put(t, d, by(m, "bob", "one text"), m, by(elsewhere, "eve", "x"), by(m, "bob", "another"), m)
	outcome(t, "batch", done, 3, 3)
	if want := []bool{false, true, false, false, true}; !slices.Equal(taken(done), want) {
		t.Errorf("taken %v, want %v", taken(done), want)
	}
	bob, ann := done.Messages[0], done.Messages[1]
	same(t, "log", log(t, d, "a"), []chat.Message{bob, ann})
	same(t, "batch", done.Messages[3:], []chat.Message{bob, ann})
}

// testManySendersOfOneID has names that differ in little: blanks, letter case, an accent that is written in two ways.
func testManySendersOfOneID(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	m := message("a", "text")
	names := []string{"ann", "Ann", " ann", "ann ", "", "é", "e\u0301", "1", "2"}
	var batch []chat.Message
	for _, name := range names {
		batch = append(batch, by(m, name, "of "+name))
	}
	outcome(t, "first", put(t, d, batch[:4]...), 4)
	d = h.Reopen(t, d, c.now)
	outcome(t, "some again", put(t, d, batch...), len(names)-4)
	all := put(t, d, batch...)
	outcome(t, "all again", all, 0)
	same(t, "log", log(t, d, "a"), all.Messages)
	for i, name := range names {
		if found := all.Messages[i]; found.ClientID != name || found.Msg != "of "+name || found.IDTaken != (i > 0) {
			t.Errorf("%q: %+v", name, found)
		}
	}
}

func testSameIDInTwoRooms(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	a := message("a", "in a")
	b := a
	b.Room, b.Msg = "b", "in b"
	done := put(t, d, a, b)
	outcome(t, "an id is unique in its room only", done, 2)
	if done.Messages[0].IDTaken || done.Messages[1].IDTaken {
		t.Error("an id counts as taken because another room has it")
	}
	same(t, "repeat", put(t, d, b, a).Messages, []chat.Message{done.Messages[1], done.Messages[0]})
}

func testSameIDConcurrently(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	m := message("a", "once")
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if done, err := d.Append(t.Context(), []chat.Message{m}); err != nil || done.Messages[0].Seq != 1 {
				t.Errorf("append: %+v, %v", done, err)
			}
		})
	}
	all.Wait()
	if n := len(log(t, d, "a")); n != 1 {
		t.Fatalf("%d messages, want 1", n)
	}
}

// testTwoSendersConcurrently lets two senders race for ids: each keeps their own text, and the id is taken for the later one.
func testTwoSendersConcurrently(t *testing.T, h Harness) {
	d := h.Open(t, newClock().now)
	const races = 100
	ids := messages("a", races)
	var all sync.WaitGroup
	answers := map[string][]chat.Message{"ann": make([]chat.Message, races), "bob": make([]chat.Message, races)}
	for sender, kept := range answers {
		all.Go(func() {
			for i, m := range ids {
				done, err := d.Append(t.Context(), []chat.Message{by(m, sender, "of "+sender)})
				if err != nil || done.Fresh != 1 {
					t.Errorf("%s, race %d: %+v, %v", sender, i, done, err)
					return
				}
				kept[i] = done.Messages[0]
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	stored := log(t, d, "a")
	if len(stored) != 2*races {
		t.Fatalf("%d messages, want %d", len(stored), 2*races)
	}
	for i := range ids {
		ann, bob := answers["ann"][i], answers["bob"][i]
		if ann.IDTaken != (ann.Seq > bob.Seq) || bob.IDTaken != (bob.Seq > ann.Seq) {
			t.Errorf("race %d: %+v and %+v", i, ann, bob)
		}
		same(t, "stored", []chat.Message{stored[ann.Seq-1], stored[bob.Seq-1]}, []chat.Message{ann, bob})
	}
}

// testRestoredOnce restores a log in which two senders share an id, and goes on with it.
func testRestoredOnce(t *testing.T, h Harness) {
	c := newClock()
	d := h.Open(t, c.now)
	a := history("a", 6)
	a[3].ID, a[3].ClientID = a[1].ID, "bob"
	a[5].ID, a[5].ClientID = a[1].ID, "eve"
	restore(t, d, a[:4])
	restore(t, d, a)
	same(t, "log", log(t, d, "a"), a)
	done := put(t, d, a[3], a[1], by(a[1], "bob", "other"), by(a[1], "dan", "new"))
	outcome(t, "after the restore", done, 1, 2)
	if want := []bool{true, false, true, true}; !slices.Equal(taken(done), want) {
		t.Errorf("taken %v, want %v", taken(done), want)
	}
	same(t, "repeats", done.Messages[:3], []chat.Message{a[3], a[1], a[3]})
}
