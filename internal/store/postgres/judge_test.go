package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
)

// judge is a driver.Judge that keeps what it is asked and told.
type judge struct {
	decide func(ctx context.Context, l driver.Look) (driver.Verdict, error) // nil: all may go on
	knows  func(mark string) bool                                           // nil: all are known

	mu        sync.Mutex
	of        string // the epoch of what it remembers
	remembers []driver.Seen
	looks     []driver.Look
	entered   []chat.Epoch
}

func (j *judge) Judge(ctx context.Context, l driver.Look) (driver.Verdict, error) {
	j.mu.Lock()
	j.looks = append(j.looks, l)
	j.mu.Unlock()
	if j.decide == nil {
		return driver.Verdict{}, nil
	}
	return j.decide(ctx, l)
}

func (j *judge) Remembered(epoch string, most int) []driver.Seen {
	j.mu.Lock()
	defer j.mu.Unlock()
	if epoch != j.of {
		return nil
	}
	return j.remembers[:min(most, len(j.remembers))]
}

func (j *judge) KnowsMark(mark string) bool { return j.knows == nil || j.knows(mark) }

func (j *judge) Entered(e chat.Epoch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entered = append(j.entered, e)
}

func (j *judge) seen() ([]driver.Look, []chat.Epoch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.looks), slices.Clone(j.entered)
}

// judged returns a driver that asks j, once it is in a term.
func judged(t *testing.T, database string, j *judge) *Driver {
	t.Helper()
	d := open(t, database, Config{Judge: j})
	if err := d.await(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

func present(t *testing.T, d *Driver) chat.Epoch {
	t.Helper()
	e, err := d.Epoch()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// elsewhere returns the address of another database of the server, and the name of the given one.
func elsewhere(t *testing.T, database string) (server, name string) {
	server = changed(t, database, func(u *url.URL) { name = strings.TrimPrefix(u.Path, "/"); u.Path = "/postgres" })
	return server, name
}

// backup copies a database, and returns a function that puts the copy in its place, under open connections.
func backup(t *testing.T, database string) (restore func()) {
	t.Helper()
	server, name := elsewhere(t, database)
	alone := func() {
		shell(t, server, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
		shell(t, server, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '"+name+"'")
	}
	alone()
	shell(t, server, fmt.Sprintf("CREATE DATABASE %s_copy TEMPLATE %s", name, name))
	shell(t, server, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	return func() {
		t.Helper()
		alone()
		shell(t, server, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s_away", name, name))
		shell(t, server, fmt.Sprintf("ALTER DATABASE %s_copy RENAME TO %s", name, name))
	}
}

// stored appends until that succeeds, as the store does.
func stored(t *testing.T, d *Driver, room string) chat.Message {
	t.Helper()
	batch := newMessages(room, 1)
	var done driver.Appended
	eventually(t, func() (err error) {
		done, err = d.Append(t.Context(), batch)
		if err != nil && (errs.CodeOf(err) != errs.Unavailable || !d.Retryable(err)) {
			t.Fatalf("append: %v, want an error of class unavailable that is worth a retry", err)
		}
		return err
	})
	return done.Messages[0]
}

func seenOf(messages ...chat.Message) []driver.Seen {
	var seen []driver.Seen
	for _, m := range messages {
		seen = append(seen, driver.Seen{Room: m.Room, Seq: m.Seq, ID: m.ID})
	}
	return seen
}

func TestJudge_IsAskedOnceForAKnownDatabase(t *testing.T) {
	database := testkit.Database(t)
	open(t, database, Config{})
	first := &judge{}
	d := judged(t, database, first)
	appendTo(t, d, "a", 2)
	looks, entered := first.seen()
	l := looks[0]
	e := present(t, d)
	if len(looks) != 1 || l.Epoch != e || !slices.Equal(l.Epochs, []string{e.ID}) || l.Fingerprint == "" || l.Confirmed != "" || l.Mark != "" || l.Messages {
		t.Errorf("a new database shows %+v", looks)
	}
	if !slices.Equal(entered, []chat.Epoch{e}) {
		t.Errorf("entered %+v, want %+v", entered, e)
	}
	if err := d.SetMark(t.Context(), "", "first mark"); err != nil {
		t.Fatal(err)
	}
	next := &judge{}
	other := judged(t, database, next)
	looks, _ = next.seen()
	if len(looks) != 1 || looks[0].Confirmed != l.Fingerprint || looks[0].Fingerprint != l.Fingerprint || looks[0].Mark != "first mark" || !looks[0].Messages {
		t.Errorf("the database shows %+v", looks)
	}
	for range 3 { // new connections find nothing new, nor does a look that was asked for
		d.pool.Reset()
		d.Look()
		d.glance(t.Context(), d.term)
		appendTo(t, d, "a", 1)
	}
	if looks, entered := first.seen(); len(looks) != 1 || len(entered) != 1 || present(t, other) != e {
		t.Errorf("looked %d times, entered %+v", len(looks), entered)
	}
}

func TestJudge_NewFingerprintWithEverythingFound(t *testing.T) {
	database := testkit.Database(t)
	var known []chat.Message
	j := &judge{decide: func(ctx context.Context, l driver.Look) (driver.Verdict, error) {
		gone, err := l.Missing(ctx, seenOf(known...))
		if len(gone) > 0 {
			err = fmt.Errorf("missing %+v", gone)
		}
		return driver.Verdict{}, err
	}}
	d := judged(t, database, j)
	known = appendTo(t, d, "a", 20)
	e := present(t, d)
	restore := backup(t, database)
	restore()
	if m := stored(t, d, "a"); m.Seq != 21 || m.Epoch != e.ID {
		t.Errorf("stored %+v in epoch %s", m, e.ID)
	}
	looks, _ := j.seen()
	last := looks[len(looks)-1]
	if len(looks) < 2 || last.Confirmed != looks[0].Fingerprint || last.Fingerprint == last.Confirmed || !last.Messages {
		t.Errorf("looks %+v", looks)
	}
	if all, err := d.Epochs(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("epochs %+v, %v", all, err)
	}
	if confirmed := ask[string](t, database, "SELECT fingerprint FROM restante.store"); confirmed != last.Fingerprint {
		t.Errorf("confirmed %s, want %s", confirmed, last.Fingerprint)
	}
}

// An older copy takes the place of the database. One room has grown past the loss, with other messages; of another one, nothing
// is lost.
func TestJudge_OlderCopyEndsTheEpoch(t *testing.T) {
	database := testkit.Database(t)
	var known []chat.Message
	j := &judge{decide: func(ctx context.Context, l driver.Look) (driver.Verdict, error) {
		gone, err := l.Missing(ctx, seenOf(known...))
		if len(gone) == 0 {
			return driver.Verdict{}, err
		}
		return driver.Verdict{End: "it lacks messages", Missing: gone}, err
	}}
	d := judged(t, database, j)
	first := present(t, d)
	kept := appendTo(t, d, "kept", 3)
	appendTo(t, d, "lost", 4)
	appendTo(t, d, "grown", 4)
	restore := backup(t, database)
	stored(t, d, "lost")
	known = []chat.Message{stored(t, d, "lost"), stored(t, d, "grown"), stored(t, d, "grown"), kept[2]}
	_, name := elsewhere(t, database)
	copied := changed(t, database, func(u *url.URL) { u.Path = "/" + name + "_copy" })
	away := open(t, copied, Config{})
	appendTo(t, away, "grown", 7)
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	restore()

	m := stored(t, d, "lost")
	e := present(t, d)
	if m.Seq != 5 || m.Epoch != e.ID || e.ID == first.ID || e.First || e.Store != first.Store {
		t.Errorf("stored %+v, epoch %+v after %+v", m, e, first)
	}
	for room, want := range map[string]int64{"kept": 3, "lost": 4, "grown": 0} {
		if got, err := d.Beginning(t.Context(), room, first.ID); err != nil || got != want {
			t.Errorf("%s begins the epoch with %d, %v, want %d", room, got, err, want)
		}
	}
	looks, entered := j.seen()
	if !slices.Equal(entered, []chat.Epoch{first, e}) || looks[len(looks)-1].Epoch != first {
		t.Errorf("entered %+v after %+v", entered, looks)
	}
	again := &judge{}
	judged(t, database, again)
	if looks, _ := again.seen(); looks[0].Confirmed != looks[0].Fingerprint || !slices.Equal(looks[0].Epochs, []string{first.ID, e.ID}) {
		t.Errorf("the next node sees %+v", looks)
	}
}

// While the judge thinks, nothing is read or stored. What it says is what callers are told.
func TestJudge_HoldsTheDriver(t *testing.T) {
	database := testkit.Database(t)
	answers := make(chan error)
	j := &judge{decide: func(ctx context.Context, _ driver.Look) (driver.Verdict, error) {
		select {
		case err := <-answers:
			return driver.Verdict{}, err
		case <-ctx.Done():
			return driver.Verdict{}, ctx.Err()
		}
	}}
	d := open(t, database, Config{Config: driver.Config{CheckInterval: 1}, Judge: j}) // does not wait for the judge
	held := func(says string) {
		t.Helper()
		_, epochErr := d.Epoch()
		_, appendErr := d.Append(t.Context(), newMessages("a", 1))
		_, readErr := d.After(t.Context(), "a", 0, 1)
		for _, err := range []error{epochErr, appendErr, readErr, d.Check(t.Context())} {
			wantError(t, err, errs.Unavailable, says)
		}
		if !d.Retryable(appendErr) {
			t.Errorf("%v is not worth a retry", appendErr)
		}
	}
	held("is not known to be the one that it was")
	answers <- &errs.Error{Code: errs.Unavailable, Msg: "it is the store of another broker"}
	eventually(t, func() error {
		if _, err := d.Epoch(); !strings.Contains(err.Error(), "another broker") {
			return err
		}
		return nil
	})
	held("it is the store of another broker")
	answers <- errors.New("the broker does not answer")
	eventually(t, func() error {
		if _, err := d.Epoch(); !strings.Contains(err.Error(), "the broker does not answer") {
			return err
		}
		return nil
	})
	answers <- nil
	stored(t, d, "a")
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
}

// The rights that the manual gives to a node are enough to confirm a database, to end an epoch and to write the mark.
func TestJudge_WithTheRightsOfANode(t *testing.T) {
	database := testkit.Database(t)
	end := true
	j := &judge{decide: func(context.Context, driver.Look) (v driver.Verdict, err error) {
		if end {
			v.End = "a test"
		}
		end = false
		return v, nil
	}}
	d := asNode(t, database, Config{Judge: j})
	stored(t, d, "a")
	if err := d.SetMark(t.Context(), "", "mark"); err != nil {
		t.Error(err)
	}
	if err := d.EndEpoch(t.Context(), "another test"); err != nil {
		t.Error(err)
	}
	shell(t, database, "UPDATE restante.store SET fingerprint = 'another one'")
	d.leave(d.term)
	stored(t, d, "a")
	all, err := d.Epochs(t.Context())
	if looks, _ := j.seen(); err != nil || len(all) != 3 || looks[2].Confirmed != "another one" {
		t.Errorf("epochs %+v, %v, looks %+v", all, err, looks)
	}
	if confirmed := ask[string](t, database, "SELECT fingerprint FROM restante.store"); confirmed != d.term.fingerprint {
		t.Errorf("confirmed %s, want %s", confirmed, d.term.fingerprint)
	}
}

func TestJudge_UnknownMarkIsLookedAt(t *testing.T) {
	database := testkit.Database(t)
	var mu sync.Mutex
	known := map[string]bool{"one": true}
	j := &judge{knows: func(mark string) bool {
		mu.Lock()
		defer mu.Unlock()
		return known[mark]
	}}
	d := judged(t, database, j)
	appendTo(t, d, "a", 1)
	if err := d.SetMark(t.Context(), "", "one"); err != nil {
		t.Fatal(err)
	}
	e := present(t, d)
	d.pool.Reset()
	appendTo(t, d, "a", 1)
	j.decide = func(_ context.Context, l driver.Look) (driver.Verdict, error) {
		mu.Lock()
		defer mu.Unlock()
		known[l.Mark] = true
		return driver.Verdict{End: "an older copy was put in its place"}, nil
	}
	shell(t, database, "UPDATE restante.store SET mark = 'of an older copy'")
	d.pool.Reset()
	stored(t, d, "a")
	looks, entered := j.seen()
	if len(looks) != 2 || looks[1].Mark != "of an older copy" || len(entered) != 2 || present(t, d) == e {
		t.Errorf("looks %+v, entered %+v", looks, entered)
	}
	shell(t, database, "UPDATE restante.store SET mark = ''") // of a copy that is older than all marks
	d.Look()
	eventually(t, func() error {
		if looks, _ := j.seen(); len(looks) != 3 {
			return fmt.Errorf("looked %d times", len(looks))
		}
		return nil
	})
}

func TestLook_FindsWhatIsMissing(t *testing.T) {
	database := testkit.Database(t)
	d := open(t, database, Config{})
	all := appendTo(t, d, "a", 5)
	removed := appendTo(t, d, "removed", 5)
	empty := appendTo(t, d, "empty", 2)
	shell(t, database, "DELETE FROM restante.messages WHERE room = 'removed' AND seq <= 3 OR room = 'empty'")
	beyond, other, unknown, beyondRemoved := all[4], all[3], all[0], empty[1]
	beyond.Seq, other.Seq, unknown.Room, beyondRemoved.Seq = 6, 3, "unknown", 3
	seen := seenOf(all[0], beyond, removed[0], removed[2], removed[3], other, empty[0], empty[1], unknown, all[4], beyondRemoved)
	conn := connect(t, database)
	defer conn.Close(context.WithoutCancel(t.Context()))
	m := &questions{d: d, conn: conn}
	gone, err := m.missing(t.Context(), seen)
	if want := seenOf(beyond, other, unknown, beyondRemoved); err != nil || !slices.Equal(gone, want) {
		t.Errorf("missing %+v, %v, want %+v", gone, err, want)
	}
	m.close()
	if _, err := m.missing(t.Context(), seen); err == nil {
		t.Error("a look that has ended answers")
	}
}
