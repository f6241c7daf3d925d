package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/idfilter"
)

// beginAt closes a store and opens it again so that its next text has the given number.
func beginAt(t *testing.T, d *Driver, number int64) *Driver {
	t.Helper()
	noError(t, d.Close())
	shell(t, d.file.path, fmt.Sprintf("UPDATE store SET removed_text = %d", number-1))
	return open(t, d.file.path, Config{})
}

// add appends messages and checks what became of them.
func add(t *testing.T, d *Driver, fresh int, conflicts []int, batch ...chat.Message) []chat.Message {
	t.Helper()
	done, err := d.Append(t.Context(), batch)
	noError(t, err)
	if done.Fresh != fresh || !slices.Equal(done.Conflicts, conflicts) {
		t.Fatalf("fresh %d, conflicts %v, want %d and %v", done.Fresh, done.Conflicts, fresh, conflicts)
	}
	return done.Messages
}

// TestSegments_IDsOfAllSegmentsAreKnown stores an id in each of some segments, by different senders, and then everything again.
func TestSegments_IDsOfAllSegmentsAreKnown(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	m := newMessage("a", "text")
	var all []chat.Message
	for _, segment := range []int64{0, 1, 2, 7, 8, 63, 64, 130} {
		d = beginAt(t, d, segment*idfilter.SegmentMessages+5)
		m.ClientID = fmt.Sprint("sender ", segment)
		all = append(all, add(t, d, 2, nil, m, newMessage("b", "other"))[:1]...)
		if last := all[len(all)-1]; last.IDTaken != (len(all) > 1) {
			t.Errorf("segment %d: %+v", segment, last)
		}
	}
	for range 2 {
		again := slices.Clone(all)
		for i := range again {
			again[i].Msg += "!"
		}
		if got := add(t, d, 0, nil, all...); !slices.Equal(got, all) {
			t.Errorf("again: %+v, want %+v", got, all)
		}
		add(t, d, 0, []int{0, 1, 2, 3, 4, 5, 6, 7}, again...)
		d = beginAt(t, d, 200*idfilter.SegmentMessages)
	}
}

// TestSegments_TurnInATransaction lets a batch begin the next segment: the filter of the one before is kept with it.
func TestSegments_TurnInATransaction(t *testing.T) {
	d := beginAt(t, open(t, filepath.Join(t.TempDir(), "restante.db"), Config{}), idfilter.SegmentMessages-3)
	batch := newMessages("a", 10)
	first := add(t, d, 10, nil, batch...)
	wantFilters(t, d, 1)
	for range 2 {
		if got := add(t, d, 0, nil, batch...); !slices.Equal(got, first) {
			t.Errorf("again: %+v", got)
		}
		d = beginAt(t, d, 0) // the newest text is there still: the numbers go on after it
	}
	add(t, d, 1, nil, newMessage("a", "next"))
	wantNext(t, d, idfilter.SegmentMessages+8)
}

// wantFilters checks how many filters are kept, and that they are whole.
func wantFilters(t *testing.T, d *Driver, n int) {
	t.Helper()
	found, err := readFilters(t.Context(), d.db, 1000)
	if err != nil || len(found) != n {
		t.Errorf("%d whole filters are kept, %v, want %d", len(found), err, n)
	}
}

func wantNext(t *testing.T, d *Driver, number int64) {
	t.Helper()
	var next int64
	if err := d.db.QueryRowContext(t.Context(), selectNextText).Scan(&next); err != nil || next != number {
		t.Errorf("the next text has number %d, %v, want %d", next, err, number)
	}
}

// TestSegments_FailedTurn lets a transaction that begins a segment fail: the one before goes on, with ids that its filter must have.
func TestSegments_FailedTurn(t *testing.T) {
	d := beginAt(t, open(t, filepath.Join(t.TempDir(), "restante.db"), Config{}), idfilter.SegmentMessages-3)
	log := newMessages("restored", 20)
	for i := range log {
		log[i].Seq, log[i].StoredAt = int64(i+1), micros(int64(i+1))
	}
	log[19].ID = log[2].ID
	wantError(t, d.Restore(t.Context(), log), errs.Conflict, "number 20")
	two, four := newMessages("a", 2), newMessages("a", 4)
	first := add(t, d, 2, nil, two...) // in the segment that goes on
	add(t, d, 4, nil, four...)         // ends it
	if got := add(t, d, 0, nil, two...); !slices.Equal(got, first) {
		t.Errorf("again: %+v", got)
	}
	add(t, d, 0, nil, four...)
	wantFilters(t, d, 1)
	d = beginAt(t, d, 0)
	add(t, d, 0, nil, append(two, four...)...)
}

// TestSegments_FilterMissingOrDamaged never trusts what is there, and writes it anew.
func TestSegments_FilterMissingOrDamaged(t *testing.T) {
	d := beginAt(t, open(t, filepath.Join(t.TempDir(), "restante.db"), Config{}), idfilter.SegmentMessages-3)
	batch := newMessages("a", 6)
	first := add(t, d, 6, nil, batch...)
	for what, damage := range map[string]string{
		"missing": "DELETE FROM filters", "empty": "UPDATE filters SET bits = x''", "zeros": "UPDATE filters SET bits = zeroblob(length(bits))",
		"moved": "UPDATE filters SET segment = 5", "cut off": "UPDATE filters SET bits = substr(bits, 1, 1000)",
	} {
		shell(t, closed(t, d), damage)
		d = open(t, d.file.path, Config{})
		if got := add(t, d, 0, nil, batch...); !slices.Equal(got, first) {
			t.Errorf("%s: %+v", what, got)
		}
		shell(t, d.file.path, "DELETE FROM filters WHERE segment > 0")
		wantFilters(t, d, 1)
	}
}

// TestTexts_NumbersAreNeverGivenTwice, also when the newest texts were removed.
func TestTexts_NumbersAreNeverGivenTwice(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	appendTo(t, d, "a", 5)
	appendTo(t, d, "b", 5)
	for _, remove := range []string{"seq > 3", "room = 2", "true"} {
		shell(t, closed(t, d), "DELETE FROM messages WHERE "+remove)
		d = open(t, d.file.path, Config{})
		var texts, messages int
		noError(t, d.db.QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM texts), (SELECT count(*) FROM messages)").Scan(&texts, &messages))
		if texts != messages {
			t.Errorf("%d texts of %d messages after a removal", texts, messages)
		}
		wantNext(t, d, 11)
	}
	appendTo(t, d, "a", 1)
	wantNext(t, d, 12)
}

// TestAppend_RandomIDsDoNotScatter appends random ids to a store of many segments: an append writes the pages of the present segment's
// ids only, however many ids there are.
func TestAppend_RandomIDsDoNotScatter(t *testing.T) {
	const segments, perSegment, batch = 15, 3000, 400
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	for segment := range int64(segments) {
		d = beginAt(t, d, segment*idfilter.SegmentMessages+1)
		add(t, d, perSegment, nil, newMessages("a", perSegment)...)
	}
	before := walSize(d.file.path)
	add(t, d, batch, nil, newMessages("a", batch)...)
	const frame = 4096 + 24
	const pages = segments * perSegment * 30 / 4096 // at least, of the whole index
	if written := (walSize(d.file.path) - before) / frame; written == 0 || written > pages/3 {
		t.Errorf("an append of %d messages wrote %d pages; the index has more than %d", batch, written, pages)
	}
}

// TestAppend_LooksAnIDUpInTheIndex and reads no message for that.
func TestAppend_LooksAnIDUpInTheIndex(t *testing.T) {
	d := open(t, filepath.Join(t.TempDir(), "restante.db"), Config{})
	for query, want := range map[string]string{
		selectUses: "SEARCH messages USING COVERING INDEX messages_once (<expr>=? AND id=? AND room=?)",
		selectIDs:  "SEARCH messages USING COVERING INDEX messages_once (<expr>=?)",
	} {
		plan := planOf(t, d, query, 1, uuid.NewString(), 1)
		if strings.Join(plan, ", ") != want {
			t.Errorf("%s: %q, want %q", query, plan, want)
		}
	}
}

// planOf returns the steps in which the database runs a query.
func planOf(t *testing.T, d *Driver, query string, args ...any) (plan []string) {
	t.Helper()
	rows, err := d.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	noError(t, err)
	for rows.Next() {
		var id, parent, unused int
		var detail string
		noError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan = append(plan, detail)
	}
	noError(t, errors.Join(rows.Err(), rows.Close()))
	return plan
}
