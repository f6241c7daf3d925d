package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// TestDriver_SetMarkFollowsAMark: a node that was suspended between the record and the store does not bring back a mark that others
// have renewed meanwhile.
func TestDriver_SetMarkFollowsAMark(t *testing.T) {
	d := open(t, testkit.Database(t), Config{})
	for _, step := range []struct{ old, mark, want string }{{"", "1", "1"}, {"", "2", "1"}, {"1", "2", "2"}, {"1", "2", "2"}, {"1", "3", "2"}} {
		if err := d.SetMark(t.Context(), step.old, step.mark); err != nil {
			t.Fatal(err)
		}
		if l, err := d.Lineage(t.Context()); err != nil || l.Mark != step.want {
			t.Errorf("%q after %q: the store has %q, want %q (%v)", step.mark, step.old, l.Mark, step.want, err)
		}
	}
}

// TestLook_HadKnowsOlderMarks: a look says which marks the store has had, also one that it got from a copy, while its mark is the one
// that was seen.
func TestLook_HadKnowsOlderMarks(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	l, err := open(t, testkit.Database(t), Config{}).Lineage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.Mark = "copied"
	if err := d.RestoreEpochs(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ old, mark string }{{"copied", "one"}, {"copied", "not set"}, {"one", "two"}} {
		if err := d.SetMark(t.Context(), step.old, step.mark); err != nil {
			t.Fatal(err)
		}
	}
	var got map[string]bool
	var late func(context.Context, string) (bool, error)
	changed := errors.New("not asked")
	asked := false
	j := &judge{decide: func(ctx context.Context, l driver.Look) (driver.Verdict, error) {
		if asked {
			return driver.Verdict{}, nil
		}
		asked = true
		got, late = map[string]bool{}, l.Had
		for _, mark := range []string{"", "copied", "one", "not set", "two", "unknown"} {
			had, err := l.Had(ctx, mark)
			if err != nil {
				return driver.Verdict{}, err
			}
			got[mark] = had
		}
		if err := d.SetMark(ctx, "two", "three"); err != nil {
			return driver.Verdict{}, err
		}
		_, changed = l.Had(ctx, "two")
		return driver.Verdict{}, changed
	}}
	judged(t, database, j)
	want := map[string]bool{"": true, "copied": true, "one": true, "not set": false, "two": true, "unknown": false}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("had %v, want %v", got, want)
	}
	if looks, _ := j.seen(); !errors.Is(changed, errChanged) || len(looks) != 2 || looks[1].Mark != "three" {
		t.Errorf("the mark was renewed meanwhile: %v, looks %+v", changed, looks)
	}
	if _, err := late(t.Context(), "one"); err == nil || !strings.Contains(err.Error(), "no longer") {
		t.Errorf("a look that has ended answers with %v", err)
	}
}

// TestDriver_SetMarkKeepsTheNewestMarks: the store forgets the oldest ones.
func TestDriver_SetMarkKeepsTheNewestMarks(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	shell(t, database, fmt.Sprintf("INSERT INTO restante.marks (mark) SELECT 'old ' || n FROM generate_series(1, %d) n", keptMarks+1))
	if err := d.SetMark(t.Context(), "", "newest"); err != nil {
		t.Fatal(err)
	}
	kept := ask[string](t, database, "SELECT count(*) || ' to ' || max(mark) FILTER (WHERE number = (SELECT max(number) FROM restante.marks)) FROM restante.marks")
	oldest := ask[string](t, database, "SELECT mark FROM restante.marks ORDER BY number LIMIT 1")
	if kept != "10000 to newest" || oldest != "old 3" {
		t.Errorf("%s are kept, from %s", kept, oldest)
	}
}
