package load

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
)

// clean is evidence in which every promise was kept.
func clean() Evidence {
	t0 := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var e Evidence
	reading := Reading{Room: "lobby"}
	for n := range 5 {
		began := t0.Add(time.Duration(n) * time.Second)
		s := Send{ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), Room: "lobby", ClientID: "ann", Text: fmt.Sprint("text ", n), Begun: began, Accepted: began.Add(time.Millisecond), Attempts: 1}
		e.Sends = append(e.Sends, s)
		e.Stored = append(e.Stored, chat.Message{ID: s.ID, Room: s.Room, Seq: int64(n) + 1, ClientID: s.ClientID, Msg: s.Text, SentAt: began, StoredAt: began})
		reading.sum = chain(reading.sum, []byte(s.ID))
	}
	reading.Last, reading.Seen = 5, 5
	e.Readings = []Reading{reading}
	return e
}

func TestCheck_FindsNothingInACleanRun(t *testing.T) {
	e := clean()
	e.Sends = append(e.Sends, Send{ID: "never answered", Begun: time.Now()})
	r := Check(e)
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if r.Accepted != 5 || r.Stored != 5 || r.Readers != 1 || r.Deliveries != 5 {
		t.Errorf("counts: %s", &r)
	}
}

// TestCheck_KnowsMessagesBySenderAndID: two senders may use one id.
func TestCheck_KnowsMessagesBySenderAndID(t *testing.T) {
	e := clean()
	e.Sends[4].ID, e.Stored[4].ID = e.Sends[3].ID, e.Sends[3].ID
	e.Sends[4].ClientID, e.Stored[4].ClientID = "bob", "bob"
	e.Readings = nil
	if r := Check(e); r.Err() != nil {
		t.Error(r.Err())
	}
	e.Stored[4].Msg, e.Stored[3].Msg = e.Stored[3].Msg, e.Stored[4].Msg
	if r := Check(e); r.Altered != 2 {
		t.Errorf("swapped texts: %v", r.Err())
	}
	e.Stored = e.Stored[:4]
	if r := Check(e); r.Lost != 1 || r.Altered != 1 {
		t.Errorf("one is missing: %v", r.Err())
	}
}

func TestCheck_FindsEachBrokenPromise(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(e *Evidence)
		want func(r *Report) int64
	}{
		"lost":       {func(e *Evidence) { e.Stored = e.Stored[:4] }, func(r *Report) int64 { return int64(r.Lost) }},
		"duplicated": {func(e *Evidence) { e.Stored[4].ID = e.Stored[3].ID }, func(r *Report) int64 { return int64(r.Duplicated) }},
		"gap":        {func(e *Evidence) { e.Stored[4].Seq = 6 }, func(r *Report) int64 { return int64(r.Gaps) }},
		"first":      {func(e *Evidence) { e.Stored = e.Stored[1:] }, func(r *Report) int64 { return int64(r.Gaps) }},
		"altered":    {func(e *Evidence) { e.Stored[1].Msg += "!" }, func(r *Report) int64 { return int64(r.Altered) }},
		"unknown":    {func(e *Evidence) { e.Stored[1].ID = "another" }, func(r *Report) int64 { return int64(r.Unknown) }},
		"unordered": {func(e *Evidence) { e.Sends[0].Begun = e.Sends[3].Accepted.Add(1) }, func(r *Report) int64 {
			return int64(r.Unordered)
		}},
		"unclocked":    {func(e *Evidence) { e.Stored[2].StoredAt = e.Stored[1].StoredAt }, func(r *Report) int64 { return int64(r.Unclocked) }},
		"incomplete":   {func(e *Evidence) { e.Readings[0].Last = 4 }, func(r *Report) int64 { return int64(r.Incomplete) }},
		"missed":       {func(e *Evidence) { e.Readings[0].Lost = 1 }, func(r *Report) int64 { return r.Missed }},
		"repeated":     {func(e *Evidence) { e.Readings[0].Repeated = 1 }, func(r *Report) int64 { return r.Repeated }},
		"out of order": {func(e *Evidence) { e.Readings[0].OutOfOrder = 1 }, func(r *Report) int64 { return r.OutOfOrder }},
		"mistaken":     {func(e *Evidence) { e.Readings[0].sum++ }, func(r *Report) int64 { return int64(r.Mistaken) }},
	} {
		t.Run(name, func(t *testing.T) {
			e := clean()
			c.harm(&e)
			r := Check(e)
			if c.want(&r) != 1 || r.Err() == nil {
				t.Errorf("found %d of 1: %s\n%s", c.want(&r), &r, strings.Join(r.Examples, "\n"))
			}
		})
	}
}

func TestCheck_AllowsConcurrentSendsInEitherOrder(t *testing.T) {
	e := clean()
	for i := range e.Sends {
		e.Sends[i].Begun = e.Sends[0].Begun
	}
	slices.Reverse(e.Sends)
	if r := Check(e); !r.OK() {
		t.Error(r.Err())
	}
}

func TestCheck_CountsFromTheReadersCursor(t *testing.T) {
	e := clean()
	r := &e.Readings[0]
	r.After, r.Seen, r.sum = 3, 2, chain(chain(0, []byte(e.Stored[3].ID)), []byte(e.Stored[4].ID))
	if r := Check(e); !r.OK() {
		t.Error(r.Err())
	}
}

func TestPercentile_IsTheNearestRank(t *testing.T) {
	var values []time.Duration
	for n := 100; n >= 1; n-- {
		values = append(values, time.Duration(n))
	}
	for p, want := range map[float64]time.Duration{0: 1, 0.5: 50, 0.99: 99, 1: 100} {
		if got := Percentile(values, p); got != want {
			t.Errorf("p%v = %d, want %d", p*100, got, want)
		}
	}
	if Percentile(nil, 0.5) != 0 {
		t.Error("percentile of nothing")
	}
}
