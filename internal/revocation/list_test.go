package revocation

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"restante/internal/errs"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 400_000_000, time.UTC)

func clockAt(t *time.Time) func() time.Time { return func() time.Time { return *t } }

func sub(name string, at time.Time) Entry {
	return Entry{Key: Key{Sub, name}, Before: Moment(at), At: at, Until: at.Truncate(time.Second).Add(time.Hour)}
}

func jti(name string, at time.Time) Entry {
	return Entry{Key: Key{JTI, name}, At: at, Until: at.Truncate(time.Second).Add(time.Hour)}
}

func TestList_EndsWhatWasIssuedBefore(t *testing.T) {
	now := noon
	l := newList(clockAt(&now))
	if l.has("ann", "1", time.Time{}) {
		t.Error("an empty list ends a token")
	}
	l.add(sub("ann", noon), jti("1", noon))
	second := noon.Truncate(time.Second)
	for name, tc := range map[string]struct {
		sub, jti string
		issued   time.Time
		want     bool
	}{
		"issued earlier":            {"ann", "", second.Add(-time.Hour), true},
		"issued in the same second": {"ann", "", second, true},
		"issued in the next second": {"ann", "", second.Add(time.Second), false},
		"does not say when":         {"ann", "", time.Time{}, true},
		"another client":            {"Ann", "", second.Add(-time.Hour), false},
		"its id":                    {"bob", "1", second.Add(time.Hour), true},
		"another id":                {"bob", "2", second, false},
		"an id like a sub":          {"bob", "ann", second, false},
		"a sub like an id":          {"1", "", second, false},
	} {
		if got := l.has(tc.sub, tc.jti, tc.issued); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	now = noon.Add(time.Hour)
	if l.has("ann", "1", time.Time{}) {
		t.Error("an entry that has expired ends a token")
	}
	if !l.expire() || l.size.Load() != 0 || l.digest() != "" || l.expire() {
		t.Error("expired entries are kept")
	}
	if l.add(sub("ann", noon)) != nil {
		t.Error("an entry that has expired was added")
	}
}

func TestList_NeverGoesBack(t *testing.T) {
	now := noon
	first, later := sub("ann", noon), sub("ann", noon.Add(time.Minute))
	one, two := newList(clockAt(&now)), newList(clockAt(&now))
	one.add(first, later)
	two.add(later)
	if got := two.add(first); got != nil {
		t.Errorf("an earlier moment has changed the list: %v", got)
	}
	if one.digest() != two.digest() || one.digest() == "" {
		t.Errorf("digests %q and %q", one.digest(), two.digest())
	}
	if e, _ := two.get(first.Key); !e.Same(later) {
		t.Errorf("%+v", e)
	}
	two.add(jti("x", noon))
	if one.digest() == two.digest() {
		t.Error("different lists have one digest")
	}
}

func TestEntry_Validate(t *testing.T) {
	for field, entries := range map[string][]Entry{
		"":       {sub("ann", noon), jti("a b", noon), jti(strings.Repeat("x", MaxID), noon), {Key: Key{JTI, "x"}, Reason: strings.Repeat("r", MaxReason)}},
		"sub":    {sub("", noon), sub(" ann", noon), sub("a\x01", noon), sub(strings.Repeat("a", 129), noon)},
		"jti":    {jti("", noon), jti(strings.Repeat("x", MaxID+1), noon), jti("a\nb", noon), jti("\xff", noon)},
		"reason": {{Key: Key{JTI, "x"}, Reason: strings.Repeat("r", MaxReason+1)}, {Key: Key{JTI, "x"}, Reason: "a\x00b"}},
	} {
		for _, e := range entries {
			err := e.Validate()
			if field == "" && err == nil {
				continue
			}
			if all := errs.All(err); len(all) != 1 || all[0].Code != errs.Invalid || all[0].Field != field {
				t.Errorf("%q: %v, want a fault of %q", e.Name, err, field)
			}
		}
	}
}

func TestSummary_IsBounded(t *testing.T) {
	var many []Entry
	for i := range 1000 {
		many = append(many, sub(fmt.Sprintf("client %04d", i), noon.Add(time.Duration(i)*time.Millisecond)))
	}
	few := Summary{}.with(many[:10], true, noon)
	if len(few.Entries) != 10 || few.More || !few.Equal(few.with(many[:5], false, noon)) {
		t.Errorf("%d entries, more %v", len(few.Entries), few.More)
	}
	full := few.with(many, true, noon)
	if n := len(full.Entries); n < 100 || n == 1000 || !full.More || !full.has(many[999]) || full.has(many[0]) {
		t.Errorf("%d entries, more %v", n, full.More)
	}
	if again := full.with(nil, false, noon); !again.More {
		t.Error("a node that does not know all says that there are no more")
	}
	if again := full.with(nil, true, noon); again.More {
		t.Error("a node that knows all says that there are more")
	}
	if over := full.with(nil, true, noon.Add(3*time.Hour)); !over.IsZero() {
		t.Errorf("what has expired is kept: %+v", over)
	}
}
