package peer

import (
	"slices"
	"testing"
	"time"
)

// TestBalance_Claims goes through what a node hears.
func TestBalance_Claims(t *testing.T) {
	table := NewTable(Node{ID: "b", Roles: Roles()})
	b := NewBalance(table)
	now := time.Now()
	b.now = func() time.Time { return now }
	consumer := func(id string) Node { return Node{ID: id, Roles: []Role{Consumer}} }
	owned := func() (qs []int) {
		b.Update()
		for q := range 8 {
			if b.Claim(q).Owner {
				qs = append(qs, q)
			}
		}
		return qs
	}
	want := func(what string, qs ...int) {
		t.Helper()
		if got := owned(); !slices.Equal(got, qs) {
			t.Errorf("%s: owns %v, want %v", what, got, qs)
		}
	}
	want("alone and deaf", 0, 1, 2, 3, 4, 5, 6, 7)
	table.Heard(consumer("a"), now)
	want("does not hear itself", 0, 1, 2, 3, 4, 5, 6, 7)
	changed := b.Claim(0).Changed
	table.Heard(consumer("b"), now)
	want("two", 1, 3, 5, 7)
	select {
	case <-changed:
	default:
		t.Error("the change was not told")
	}
	table.Heard(consumer("c"), now)
	table.Heard(Node{ID: "d", Roles: []Role{Hub}}, now)
	want("three, and one that does not consume", 1, 4, 7)
	version := b.Claim(0).Version
	now = now.Add(2 * Expiry)
	want("deaf again: nothing changes", 1, 4, 7)
	if b.Claim(0).Version != version {
		t.Error("nothing has changed, and the version has")
	}
	table.Heard(consumer("b"), now)
	want("the others are gone", 0, 1, 2, 3, 4, 5, 6, 7)
}

func TestBalance_IsReadyWithAllConsumers(t *testing.T) {
	b := NewBalance(nil)
	var ready []bool
	for _, step := range []func(){
		func() {}, func() { b.Consuming(2) }, func() { b.Register(0, true) }, func() { b.Register(1, true) },
		func() { b.Register(0, false) }, func() { b.Register(0, true) }, func() { b.Consuming(0) },
	} {
		step()
		ready = append(ready, b.IsReady())
	}
	if want := []bool{false, false, false, true, false, true, false}; !slices.Equal(ready, want) {
		t.Errorf("ready: %v, want %v", ready, want)
	}
}
