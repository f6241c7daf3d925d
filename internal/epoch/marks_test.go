package epoch

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestMarks_InterruptedRenewal: wherever a renewal is interrupted, the database is the known one for nodes that start later, and their
// first renewal completes it.
func TestMarks_InterruptedRenewal(t *testing.T) {
	for name, interrupt := range map[string]func(w *world){
		"before the record":     func(w *world) { w.broker.away = true },
		"before the store":      func(w *world) { w.a.away = true },
		"before the mark drops": func(w *world) { w.broker.left = 1 },
	} {
		for how, renew := range map[string]func(n *node){
			"each minute":     func(n *node) { _ = n.renew(n.t.Context(), n, renewEvery) },
			"at a clean stop": func(n *node) { n.Leave(n.t.Context(), n) },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					time.Sleep(2 * renewEvery) // fake time
					interrupt(w)
					renew(w.a)
					if !w.broker.record.Has(w.db.mark) {
						t.Errorf("the store has the mark %s, the record %v", w.db.mark, w.broker.record.Marks)
					}
					w.broker.away = false
					nodes := w.restarted(w.db)
					together(nodes)
					if len(w.db.epochs) != 1 {
						t.Fatalf("an epoch has ended: %v", w.db.reasons)
					}
					w.a = nodes[0]
					w.renew()
				})
			})
		}
	}
}

// TestMarks_LeaveWhileAnotherNodeRenews: a node that stops while another one is between the record and the store makes a mark of its
// own, and the other one does not bring back what it has written.
func TestMarks_LeaveWhileAnotherNodeRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		time.Sleep(2 * renewEvery) // fake time
		before := w.broker.record
		_, done, err := w.a.replace(t.Context(), w.a, before, func() { w.b.Leave(t.Context(), w.b) })
		if !done || err != nil || w.db.mark == before.Marks[0] || !slices.Equal(w.broker.record.Marks, []string{w.db.mark}) {
			t.Errorf("%v, %v, the store has the mark %s, the record %v", done, err, w.db.mark, w.broker.record.Marks)
		}
	})
}

// TestMarks_LeaveChangesNothing: a node that does not work with the broker's store leaves its mark alone, and one whose database does
// not answer goes on to stop.
func TestMarks_LeaveChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		before := w.broker.record
		w.broker.start(t, "new", w.db).Leave(t.Context(), w.a)
		w.a.foreign = errLost
		w.a.Leave(t.Context(), w.a)
		w.broker.away = true
		w.b.Leave(t.Context(), w.b)
		if !w.broker.record.Equal(before) {
			t.Errorf("the record is %v after %v", w.broker.record, before)
		}
	})
}

// TestMarks_RenewedWhileANodeLooks: a node has seen the mark before, and the record has only the new one when it asks. It looks again.
func TestMarks_RenewedWhileANodeLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		n := w.broker.start(t, "c", w.db)
		n.member.known = true
		seen := w.db.look()
		w.renew()
		w.a.leave()
		w.b.leave()
		record := w.broker.record
		if v, err := n.Judge.Judge(t.Context(), seen); err == nil {
			t.Errorf("it goes on with a mark that the database has no more: %+v", v)
		}
		if err := n.connect(); err != nil || len(w.db.epochs) != 1 || !w.broker.record.Equal(record) {
			t.Errorf("%v, epochs %v (%v), the record is %v after %v", err, w.db.epochs, w.db.reasons, w.broker.record, record)
		}
	})
}
