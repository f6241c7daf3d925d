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
	want("alone, and hears nothing", 0, 1, 2, 3, 4, 5, 6, 7)
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
	want("hears nothing again: nothing changes", 1, 4, 7)
	if b.Claim(0).Version != version {
		t.Error("nothing has changed, and the version has")
	}
	table.Heard(consumer("b"), now)
	want("the others are silent", 0, 1, 2, 3, 4, 5, 6, 7)
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

// TestBalance_PassesOverNodesThatDecline: a declined partition belongs to the other nodes, so that none waits for an owner
// that does not consume it. The other partitions keep their owners.
func TestBalance_PassesOverNodesThatDecline(t *testing.T) {
	table := NewTable(Node{ID: "b"})
	b := NewBalance(table)
	now := time.Now()
	b.now = func() time.Time { return now }
	heard := func(id string, declines ...int) {
		table.Heard(Node{ID: id, Roles: []Role{Consumer}, Declines: declines}, now)
		b.Update()
	}
	owners := func() (ids []string) {
		for q := range 6 {
			ids = append(ids, b.owner(q))
		}
		return ids
	}
	for _, id := range []string{"a", "b", "c"} {
		heard(id)
	}
	if got, want := owners(), []string{"a", "b", "c", "a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the owners are %v, want %v", got, want)
	}
	before := b.Claim(0)
	heard("a", 0, 3)
	if got, want := owners(), []string{"b", "b", "c", "c", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the owners are %v, want %v", got, want)
	}
	select {
	case <-before.Changed:
	default:
		t.Error("the change was not told")
	}
	if c := b.Claim(0); !c.Owner || c.Version == before.Version {
		t.Errorf("the claim to a partition that another node declines is %+v", c)
	}
	heard("b", 3)
	heard("c", 3, 1000, -1)
	if got, want := owners(), []string{"b", "b", "c", "", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the owners are %v, want %v", got, want)
	}
	version := b.Claim(0).Version
	heard("c", 3, 1000, -1)
	if b.Claim(0).Version != version {
		t.Error("nothing has changed, and the version has")
	}
}

func TestBalance_ADeclinedPartitionIsHandled(t *testing.T) {
	b := NewBalance(nil)
	b.Consuming(2)
	b.Register(0, true)
	b.Register(1, true)
	<-b.Ready()
	b.Decline(1)
	select {
	case <-b.Ready():
	default:
		t.Error("the heartbeats do not learn of it")
	}
	if got := b.Declined(); !b.IsReady() || !slices.Equal(got, []int{1}) {
		t.Errorf("ready %v, declines %v", b.IsReady(), got)
	}
	b.Register(1, false) // a consumer could not be registered yet
	if !b.IsReady() || len(b.Declined()) != 1 {
		t.Error("it does not decline the partition any more, and has no consumer on it")
	}
	b.Register(1, true)
	if !b.IsReady() || len(b.Declined()) != 0 {
		t.Error("it has a consumer, and declines the partition")
	}
}

// TestBalance_StaysReadyWithoutADeletedQueue: a node keeps its other partitions while the queue of one is deleted.
func TestBalance_StaysReadyWithoutADeletedQueue(t *testing.T) {
	b := NewBalance(nil)
	b.Consuming(2)
	b.Register(0, true)
	b.Register(1, true)
	b.Absent(1)
	if !b.IsReady() || len(b.Declined()) != 0 {
		t.Error("a node is not ready, because nobody can consume a partition")
	}
	b.Register(1, true)
	if !b.IsReady() {
		t.Error("it has all consumers again and is not ready")
	}
	b.Decline(0)
	b.Absent(0)
	if got := b.Declined(); !b.IsReady() || !slices.Equal(got, []int{0}) {
		t.Errorf("ready %v, declines %v", b.IsReady(), got)
	}
}
