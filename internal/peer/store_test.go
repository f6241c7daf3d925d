package peer_test

import (
	"slices"
	"testing"
	"time"

	"restante/internal/peer"
)

func TestTable_OthersWorkWithTheSameStore(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	at := func(id, store string, heard time.Duration) {
		table.Heard(peer.Node{ID: id, Store: &peer.StoreState{ID: store}}, noon.Add(heard))
	}
	at("self", "x", 0)
	at("b", "x", 0)
	at("a", "x", 0)
	at("other", "y", 0)
	at("silent", "x", -peer.Expiry-1)
	table.Heard(peer.Node{ID: "old"}, noon)
	if nodes, all := table.Others("x", noon); !slices.Equal(ids(nodes), []string{"a", "b"}) || all {
		t.Errorf("%v, all %v before anything was heard", ids(nodes), all)
	}
	for _, c := range []struct {
		step func()
		all  bool
	}{
		{func() { table.Listens(noon) }, false},
		{func() { table.Listens(noon.Add(-peer.Expiry)) }, true},
		{func() { table.Deaf(noon) }, false},
	} {
		if c.step(); func() bool { _, all := table.Others("x", noon); return all }() != c.all {
			t.Errorf("all nodes are known: %v, want %v", !c.all, c.all)
		}
	}
}

func TestTable_TellsTheStore(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	state := &peer.StoreState{ID: "x", Look: "s:e:m", Serves: true, Finds: peer.Complete, Missing: map[string]int64{"lobby": 7}}
	table.SetStore(state)
	body, err := peer.Heartbeat{Node: table.Self()}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h, err := peer.DecodeHeartbeat(body)
	if err != nil || h.Store == nil || h.Store.Look != state.Look || !h.Store.Serves || h.Store.Finds != peer.Complete || h.Store.Missing["lobby"] != 7 {
		t.Errorf("%s is read as %+v, %v", body, h.Store, err)
	}
}

func TestStoreRecord_KeepsTwoMarks(t *testing.T) {
	r := peer.StoreRecord{ID: "x", Marks: []string{""}}
	one := r.With("1", noon)
	two := one.With("2", noon.Add(time.Minute))
	if !one.Has("") || !one.Has("1") || two.Has("") || !two.Has("1") || !two.Has("2") || two.ID != "x" || two.Equal(one) || !two.Equal(two) {
		t.Errorf("%+v, then %+v", one, two)
	}
	if len(r.Marks) != 1 || len(one.Marks) != 2 {
		t.Error("a record was changed")
	}
}
