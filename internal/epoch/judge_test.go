package epoch

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
)

// TestJudge_Rules goes through what may happen to a database in which two nodes, a and b, have stored and heard messages of a
// room. Each case changes that, and says which nodes look at the database after that.
func TestJudge_Rules(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world) (looking []*node)
		ends    string // in the reason, "" if no epoch ends
		missing int    // rooms
	}{
		"nothing": {func(w *world) []*node { return []*node{w.a, w.b} }, "", 0},
		"a planned switchover": {func(w *world) []*node {
			return w.moveTo(w.db.copied("second"), w.a, w.b)
		}, "", 0},
		"a failover that lost the newest message": {func(w *world) []*node {
			db := w.db.copied("second")
			w.say(w.a)
			return w.moveTo(db, w.a, w.b)
		}, "does not have messages", 1},
		"a failover that lost what one node remembers": {func(w *world) []*node {
			db := w.db.copied("second")
			w.b.Stored([]chat.Message{w.db.append("other")})
			return w.moveTo(db, w.a, w.b)
		}, "does not have messages", 1},
		"a room that has grown past the loss": {func(w *world) []*node {
			db := w.db.copied("second")
			w.say(w.a)
			db.append("room")
			db.append("room")
			return w.moveTo(db, w.a, w.b)
		}, "does not have messages", 1},
		"a restore of an older copy while everything was down": {func(w *world) []*node {
			db := w.db.copied("first")
			w.renewTwice()
			w.say(w.a)
			return w.restarted(db)
		}, "older or another copy", 0},
		"a restore of a copy with the mark before": {func(w *world) []*node {
			db := w.db.copied("first")
			w.renew()
			return w.restarted(db)
		}, "older or another copy", 0},
		"a restore of a young copy after a clean stop": {func(w *world) []*node {
			db := w.db.copied("first")
			w.say(w.a)
			return w.stopped(db)
		}, "older or another copy", 0},
		"a clean stop of all, and nothing else": {func(w *world) []*node { return w.stopped(w.db) }, "", 0},
		"a clean stop of another node that this one has not heard of": {func(w *world) []*node {
			old := w.broker.record
			w.a.Leave(w.t.Context(), w.a)
			w.a.leave()
			w.b.member.old = &old
			return []*node{w.b}
		}, "", 0},
		"a record that went back": {func(w *world) []*node {
			old := w.broker.record
			w.renewTwice()
			w.broker.record = old
			return w.restarted(w.db)
		}, "", 0},
		"a record from before the first mark": {func(w *world) []*node {
			w.broker.record.Marks = []string{""}
			return w.restarted(w.db)
		}, "", 0},
		"a record and a copy that went back, the copy further": {func(w *world) []*node {
			db := w.db.copied("first")
			w.renewTwice()
			old := w.broker.record
			w.renewTwice()
			w.broker.record = old
			return w.restarted(db)
		}, "older or another copy", 0},
		"another server while everything was down": {func(w *world) []*node {
			return w.restarted(w.db.copied("second"))
		}, "on another server", 0},
		"another server, and one node started again": {func(w *world) []*node {
			looking := w.moveTo(w.db.copied("second"), w.a)
			w.b.leave()
			return append(looking, w.broker.start(w.t, "c", w.a.db))
		}, "", 0},
		"everything was down, and nothing else": {func(w *world) []*node { return w.restarted(w.db) }, "", 0},
		"a copy from before the last epoch": {func(w *world) []*node {
			old := w.db.copied("first")
			w.db.epochs = append(w.db.epochs, "e2")
			if err := w.a.connect(); err != nil || w.a.in.ID != "e2" {
				w.t.Fatal(w.a.in, err)
			}
			return w.moveTo(old, w.a)
		}, "before the epoch", 0},
		"somebody has ended the epoch": {func(w *world) []*node {
			w.db.epochs = append(w.db.epochs, "e2")
			return []*node{w.a, w.b}
		}, "", 0},
		"a node that was suspended": {func(w *world) []*node {
			old := w.broker.record
			w.b.member.old = &old
			w.renewTwice()
			return []*node{w.b}
		}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				looking := c.happens(w)
				before := slices.Clone(looking[0].db.epochs)
				together(looking)
				db := looking[0].db
				switch ended := len(db.epochs) - len(before); {
				case c.ends == "" && ended != 0:
					t.Fatalf("an epoch has ended: %v", db.reasons)
				case c.ends != "" && (ended != 1 || !strings.Contains(db.reasons[0], c.ends) || len(db.begins) != c.missing):
					t.Fatalf("%d epochs ended, because %v, missing %v", ended, db.reasons, db.begins)
				}
				if w.broker.record.Has(db.mark) == (c.ends == "older or another copy") {
					t.Errorf("the database has the mark %s, the record %v", db.mark, w.broker.record.Marks)
				}
				for _, n := range looking {
					if n.in != db.present() || n.Check() != nil {
						t.Errorf("node %s works in %v: %v", n.member.id, n.in, n.Check())
					}
				}
			})
		})
	}
}

// world has a broker, a database, and two nodes that have worked with them.
type world struct {
	t      *testing.T
	broker *broker
	db     *database
	a, b   *node
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, broker: newBroker(), db: newDatabase()}
	w.a, w.b = w.broker.start(t, "a", w.db), w.broker.start(t, "b", w.db)
	together([]*node{w.a, w.b})
	w.renewTwice()
	w.say(w.a)
	w.say(w.b)
	return w
}

// together lets nodes look at their database at the same time.
func together(nodes []*node) {
	var all sync.WaitGroup
	for _, n := range nodes {
		all.Go(n.Look)
	}
	all.Wait()
}

// say stores a message at one node, and the others hear it.
func (w *world) say(at *node) {
	m := []chat.Message{at.db.append("room")}
	w.a.Delivered(m)
	w.b.Delivered(m)
	at.Stored(m)
}

func (w *world) renew() {
	w.t.Helper()
	time.Sleep(2 * renewEvery) // fake time
	if err := w.a.renew(w.t.Context(), w.a, renewEvery); err != nil || !slices.Equal(w.broker.record.Marks, []string{w.db.mark}) {
		w.t.Fatalf("%v, the store has the mark %s, the record %v", err, w.db.mark, w.broker.record.Marks)
	}
}

func (w *world) renewTwice() {
	w.t.Helper()
	w.renew()
	w.renew()
}

func (w *world) moveTo(db *database, nodes ...*node) []*node {
	for _, n := range nodes {
		n.db = db
	}
	return nodes
}

// stopped stops both nodes at the same time, as it should be done, and returns two new ones.
func (w *world) stopped(db *database) []*node {
	before := w.db.mark
	var stopping sync.WaitGroup
	for _, n := range []*node{w.a, w.b} {
		stopping.Go(func() { n.Leave(w.t.Context(), n) })
	}
	stopping.Wait()
	if w.db.mark == before || !slices.Equal(w.broker.record.Marks, []string{w.db.mark}) {
		w.t.Errorf("the store has the mark %s after %s, the record %v", w.db.mark, before, w.broker.record.Marks)
	}
	return w.restarted(db)
}

// restarted ends both nodes and returns two new ones.
func (w *world) restarted(db *database) []*node {
	w.a.leave()
	w.b.leave()
	return []*node{w.broker.start(w.t, "c", db), w.broker.start(w.t, "d", db)}
}

// TestJudge_AStoreMadeAnew: a running node whose database is another store now serves no more, until the broker is made to belong
// to that.
func TestJudge_AStoreMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		anew := newDatabase()
		anew.store, anew.epochs = "22222222-2222-4222-8222-222222222222", []string{"f1"}
		w.moveTo(anew, w.a)
		if err := w.a.connect(); errs.CodeOf(err) != errs.Conflict || w.a.Check() == nil {
			t.Fatalf("used: %v", err)
		}
		if told := w.broker.states["a"].Store; told.Serves || told.ID != anew.store {
			t.Errorf("it tells the others %+v", told)
		}
		w.broker.record = peer.StoreRecord{ID: anew.store, Marks: []string{""}}
		if err := w.a.connect(); err != nil || w.a.Check() != nil || w.a.in.ID != "f1" || len(w.a.memory.newest("f1", maxRooms)) != 0 {
			t.Errorf("adopted, and works in %v with %v: %v", w.a.in, w.a.memory.newest("f1", maxRooms), err)
		}
	})
}

// TestJudge_ACopyBesideIt: a node whose database is a copy of the one that others work with must not use it.
func TestJudge_ACopyBesideIt(t *testing.T) {
	for name, server := range map[string]string{"another server": "second", "the same files": "first"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c := w.db.copied(server)
				w.renewTwice()
				n := w.broker.start(t, "c", c)
				if err := n.connect(); errs.CodeOf(err) != errs.Conflict || !strings.Contains(err.Error(), "another database") {
					t.Fatalf("used: %v", err)
				}
				w.a.leave()
				w.b.leave()
				if err := n.connect(); err != nil || len(c.epochs) != 2 {
					t.Errorf("%v, epochs %v", err, c.epochs)
				}
			})
		})
	}
}

// TestJudge_WaitsForTheOthers: a node that has just started waits for one that remembers.
func TestJudge_WaitsForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.b.leave()
		db := w.db.copied("second")
		n := w.broker.start(t, "c", db)
		var looking sync.WaitGroup
		looking.Go(n.Look)
		time.Sleep(3 * time.Second) // fake time
		w.a.db = db
		looking.Go(w.a.Look)
		looking.Wait()
		if len(db.epochs) != 1 || n.in != w.a.in {
			t.Errorf("epochs %v, because %v", db.epochs, db.reasons)
		}
	})
}

// TestJudge_WithoutTheBroker: while the record is not known, an unchanged database is used, and another one is not.
func TestJudge_WithoutTheBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.broker.away = true
		n := w.broker.start(t, "c", w.db)
		if err := n.connect(); err != nil {
			t.Errorf("unchanged, and not used: %v", err)
		}
		moved := w.broker.start(t, "d", w.db.copied("second"))
		if err := moved.connect(); errs.CodeOf(err) != errs.Unavailable || moved.Check() != nil {
			t.Errorf("on another server, and used: %v", err)
		}
		if w.a.Look(); w.a.in != w.db.present() {
			t.Error("a running node needs the broker")
		}
	})
}

func TestJudge_TellsAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var told []string
		w.a.OnEnter(func(e chat.Epoch) { told = append(told, e.ID) })
		db := w.db.copied("second")
		w.say(w.a)
		together(w.moveTo(db, w.a, w.b))
		if !slices.Equal(told, []string{"e1", "e2"}) {
			t.Errorf("told %v", told)
		}
		if got := testutil.ToFloat64(w.a.metrics.ended) + testutil.ToFloat64(w.b.metrics.ended); got != 2 {
			t.Errorf("counted %v times, want once on each node", got)
		}
		if testutil.ToFloat64(w.a.metrics.held) != 0 {
			t.Error("it says that it holds the database")
		}
		log := w.a.log.String() + w.b.log.String()
		if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, `missing="room 3"`) {
			t.Errorf("the log does not name what is missing:\n%s", log)
		}
	})
}
