package revocation

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
	"restante/internal/errs"
)

// world is the store and the broker of some nodes.
type world struct {
	mu                   sync.Mutex
	storeAway, recordOff bool
	epoch                string
	number               int64
	stored               map[Key]Stored
	record               Summary
	version              int64
	nodes                []*member
}

func newWorld() *world { return &world{epoch: "e1", stored: map[Key]Stored{}} }

var errAway error = &errs.Error{Code: errs.Unavailable, Msg: "away"}

// Revoke implements Store.
func (w *world) Revoke(_ context.Context, entries []Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.storeAway {
		return errAway
	}
	for _, e := range entries {
		if known, ok := w.stored[e.Key]; ok {
			e = Merge(known.Entry, e)
		}
		w.number++
		w.stored[e.Key] = Stored{e, w.number}
	}
	return nil
}

// Revocations implements Store.
func (w *world) Revocations(_ context.Context, after int64, limit int) (page []Stored, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.storeAway {
		return nil, errAway
	}
	for _, s := range w.stored {
		if s.Number > after {
			page = append(page, s)
		}
	}
	slices.SortFunc(page, func(a, b Stored) int { return int(a.Number - b.Number) })
	return page[:min(limit, len(page))], nil
}

// Epoch implements Store.
func (w *world) Epoch() (chat.Epoch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.storeAway {
		return chat.Epoch{}, errAway
	}
	return chat.Epoch{ID: w.epoch}, nil
}

// set changes the world.
func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// member is one node's view.
type member struct {
	w     *world
	told  *Told // guarded by the world, like deaf
	deaf  bool  // hears and tells nothing, and has no record
	heard chan struct{}
	*Revoker
}

func (w *world) start(t *testing.T) *member {
	m := &member{w: w, heard: make(chan struct{}, 1)}
	m.Revoker = New(Config{Store: w, Record: m, Nodes: m})
	w.set(func() { w.nodes = append(w.nodes, m) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = m.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return m
}

// Revocations implements Record.
func (m *member) Revocations() (Summary, int64, bool) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return m.w.record, m.w.version + 1, !m.w.recordOff && !m.deaf
}

// ChangeRevocations implements Record.
func (m *member) ChangeRevocations(_ context.Context, change func(Summary) Summary) error {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	if m.w.recordOff || m.deaf {
		return errAway
	}
	m.w.record, m.w.version = change(m.w.record), m.w.version+1
	return nil
}

// TellRevoked implements Nodes.
func (m *member) TellRevoked(t *Told) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	before := m.told
	if m.told = t; before == nil && t == nil || before != nil && t != nil && before.Digest == t.Digest {
		return
	}
	for _, other := range m.w.nodes {
		select {
		case other.heard <- struct{}{}:
		default:
		}
	}
}

// OthersRevoked implements Nodes.
func (m *member) OthersRevoked(time.Time) (told []*Told) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	for _, other := range m.w.nodes {
		if other != m && !m.deaf && !other.deaf {
			told = append(told, other.told)
		}
	}
	return told
}

// HeardRevoked implements Nodes.
func (m *member) HeardRevoked() <-chan struct{} { return m.heard }

// ends checks whether a node refuses a token of ann that is an hour old.
func (m *member) ends(t *testing.T, want errs.Code) {
	t.Helper()
	if got := errs.CodeOf(m.Check("ann", "", time.Now().Add(-time.Hour))); got != want {
		t.Errorf("the check says %q, want %q", got, want)
	}
}

var ann = Key{Sub, "ann"}

func mustRevoke(t *testing.T, m *member, k Key) Outcome {
	t.Helper()
	o, err := m.Revoke(t.Context(), k, "lost", "op")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRevoker_IsInForceEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a, b, c := w.start(t), w.start(t), w.start(t)
		changed := 0
		b.OnChange(func() { changed++ })
		synctest.Wait()
		a.ends(t, "")
		o := mustRevoke(t, a, ann)
		if !o.Stored || o.Nodes != 3 || o.InForce != 3 || o.Reason != "lost" || o.By != "op" || !o.Before.Equal(Moment(time.Now())) {
			t.Errorf("%+v", o)
		}
		for _, m := range []*member{a, b, c} {
			m.ends(t, errs.Unauthenticated)
			if m.Check("ann", "", o.Before) != nil || m.Check("bob", "", time.Time{}) != nil {
				t.Error("others are refused")
			}
		}
		if changed != 1 {
			t.Errorf("told %d times", changed)
		}
		if _, err := a.Revoke(t.Context(), Key{Sub, " x"}, "", ""); errs.CodeOf(err) != errs.Invalid {
			t.Error(err)
		}
		time.Sleep(time.Minute) // fake time
		again := mustRevoke(t, b, ann)
		if !again.Before.After(o.Before) || len(w.stored) != 1 || len(w.record.Entries) != 1 || w.record.More {
			t.Errorf("%+v, record %+v", again, w.record)
		}
		once := mustRevoke(t, b, Key{JTI, "7"})
		time.Sleep(time.Minute) // fake time
		if twice := mustRevoke(t, c, Key{JTI, "7"}); !twice.Until.Equal(once.Until) || a.Check("x", "7", time.Now()) == nil {
			t.Errorf("%+v after %+v", twice, once)
		}
		page, more := a.Entries(Key{}, 1)
		rest, end := a.Entries(page[0].Key, 5)
		if page[0].Name != "7" || !more || len(rest) != 1 || rest[0].Name != "ann" || end {
			t.Errorf("%v %v, %v %v", page, more, rest, end)
		}
	})
}

// TestRevoker_LearnsWithoutTheBroker: a node that hears nothing of the others reads the store.
func TestRevoker_LearnsWithoutTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a, b := w.start(t), w.start(t)
		synctest.Wait()
		w.set(func() { b.deaf = true })
		mustRevoke(t, a, ann)
		time.Sleep(readEvery) // fake time
		synctest.Wait()
		b.ends(t, errs.Unauthenticated)
	})
}

// TestRevoker_WhileTheStoreIsAway: the record keeps it, and the store gets it later, also from a node that has not made it.
func TestRevoker_WhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a, b := w.start(t), w.start(t)
		synctest.Wait()
		w.set(func() { w.storeAway = true })
		if o := mustRevoke(t, a, ann); o.Stored || o.InForce != 2 {
			t.Errorf("%+v", o)
		}
		b.ends(t, errs.Unauthenticated)
		c := w.start(t) // knows it from the record
		synctest.Wait()
		c.ends(t, errs.Unauthenticated)
		if err := c.Check("bob", "", time.Now()); err != nil {
			t.Error(err)
		}
		w.set(func() { w.storeAway = false })
		time.Sleep(2 * wholeFor) // fake time
		synctest.Wait()
		if len(w.stored) != 1 {
			t.Error("the store has not got it")
		}
		w.set(func() { w.storeAway, w.recordOff = true, true })
		if _, err := a.Revoke(t.Context(), Key{Sub, "bob"}, "", ""); errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("%v, want unavailable", err)
		}
		if a.Check("bob", "", time.Time{}) != nil {
			t.Error("what was answered with an error is in force")
		}
	})
}

// TestRevoker_StartsWhileTheStoreIsAway: tokens are refused only if something is revoked and it is not known what.
func TestRevoker_StartsWhileTheStoreIsAway(t *testing.T) {
	many := Summary{Entries: []Entry{{Key: ann, Before: time.Now().Add(time.Hour), Until: time.Now().Add(time.Hour)}}}
	for name, tc := range map[string]struct {
		record     Summary
		recordAway bool
		ann, bob   errs.Code
	}{
		"nothing is revoked":      {Summary{}, false, "", ""},
		"the record has all":      {many, false, errs.Unauthenticated, ""},
		"the record has not all":  {Summary{Entries: many.Entries, More: true}, false, errs.Unavailable, errs.Unavailable},
		"the broker is away, too": {many, true, errs.Unavailable, errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				for i := range tc.record.Entries {
					e := &tc.record.Entries[i]
					e.At, e.Before, e.Until = time.Now(), Moment(time.Now()), time.Now().Add(time.Hour).Truncate(time.Second)
				}
				w.storeAway, w.recordOff, w.record = true, tc.recordAway, tc.record
				m := w.start(t)
				synctest.Wait()
				m.ends(t, tc.ann)
				if got := errs.CodeOf(m.Check("bob", "", time.Now())); got != tc.bob {
					t.Errorf("bob: %q, want %q", got, tc.bob)
				}
				w.set(func() { w.storeAway = false })
				time.Sleep(2 * readEvery) // fake time
				synctest.Wait()
				if got := m.Check("bob", "", time.Now()); got != nil {
					t.Errorf("the store is back: %v", got)
				}
			})
		})
	}
}

// TestRevoker_MendsARestoredStore: what a store has lost that was restored from a backup is written into it again.
func TestRevoker_MendsARestoredStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		a := w.start(t)
		synctest.Wait()
		mustRevoke(t, a, ann)
		w.set(func() { w.epoch, w.number, w.stored = "e2", 0, map[Key]Stored{} })
		time.Sleep(2 * readEvery) // fake time
		synctest.Wait()
		if len(w.stored) != 1 {
			t.Error("the restored store lacks what was revoked")
		}
		a.ends(t, errs.Unauthenticated)
		w.set(func() { w.record = Summary{}; w.version++ }) // the broker was made anew
		time.Sleep(10 * time.Second)                        // fake time
		synctest.Wait()
		if len(w.record.Entries) != 1 {
			t.Error("the new record lacks what was revoked")
		}
	})
}

func TestRevoker_Expires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := New(Config{Store: newWorld(), Keep: time.Minute})
		if err := a.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		o, err := a.Revoke(t.Context(), ann, "", "")
		if err != nil || o.Until.Sub(o.At).Round(time.Minute) != time.Minute+keepMore {
			t.Errorf("%+v, %v", o, err)
		}
		time.Sleep(time.Minute + keepMore) // fake time
		if err := a.Check("ann", "", time.Time{}); err != nil {
			t.Error(err)
		}
		if page, _ := a.Entries(Key{}, 10); len(page) != 0 {
			t.Errorf("%v", page)
		}
	})
}

func TestRevoker_IsBounded(t *testing.T) {
	w := newWorld()
	r := New(Config{Store: w})
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range MaxEntries {
		r.list.add(sub(fmt.Sprint(i), time.Now()))
	}
	if _, err := r.Revoke(t.Context(), ann, "", ""); errs.CodeOf(err) != errs.TooMany {
		t.Errorf("%v, want too_many", err)
	}
	if _, err := r.Revoke(t.Context(), Key{Sub, "7"}, "", ""); err != nil {
		t.Errorf("what is in the list: %v", err)
	}
}

func TestRevoker_OnOneMachine(t *testing.T) {
	w, reg := newWorld(), prometheus.NewPedanticRegistry()
	r := New(Config{Store: w, Metrics: reg})
	if err := r.Check("ann", "", time.Now()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("before it is loaded: %v", err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	o, err := r.Revoke(t.Context(), ann, "", "")
	if err != nil || o.Nodes != 1 || o.InForce != 1 || !o.Stored {
		t.Errorf("%+v, %v", o, err)
	}
	restarted := New(Config{Store: w})
	if err := restarted.Load(t.Context()); err != nil || restarted.Check("ann", "", time.Time{}) == nil {
		t.Errorf("after a restart: %v", err)
	}
	w.storeAway = true
	if _, err := r.Revoke(t.Context(), Key{JTI, "1"}, "", ""); errs.CodeOf(err) != errs.Unavailable {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg); err != nil || n != 4 {
		t.Errorf("%d series, %v", n, err)
	}
}
