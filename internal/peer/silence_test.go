package peer_test

import (
	"maps"
	"testing"
	"time"

	"restante/internal/peer"
)

const deletedQueue = "restante.intake.3"

// heard returns a table that has listened for long enough to judge the nodes.
func heard(nodes ...peer.Node) *peer.Table {
	table := peer.NewTable(peer.Node{ID: "self"})
	table.Listens(noon.Add(-time.Minute))
	for _, n := range nodes {
		table.Heard(n, noon)
	}
	return table
}

func consumes(id string, change func(*peer.Node)) peer.Node {
	n := peer.Node{ID: id, Roles: []peer.Role{peer.Consumer}, Record: 1}
	if change != nil {
		change(&n)
	}
	return n
}

func tells(inHand bool) func(*peer.Node) {
	return func(n *peer.Node) { n.Deleted = map[string]bool{deletedQueue: inHand} }
}

func TestTable_NobodyHas(t *testing.T) {
	for name, c := range map[string]struct {
		node peer.Node
		at   time.Duration
		want bool
	}{
		"has not looked":                     {consumes("a", nil), 0, false},
		"has not looked, and is silent":      {consumes("a", nil), peer.Silence + time.Millisecond, true},
		"has something in hand":              {consumes("a", tells(true)), 0, false},
		"has something, and is silent":       {consumes("a", tells(true)), peer.Silence + time.Millisecond, true},
		"has something, and another role":    {peer.Node{ID: "a", Deleted: map[string]bool{deletedQueue: true}}, 0, false},
		"has nothing":                        {consumes("a", tells(false)), 0, true},
		"has nothing of another queue":       {consumes("a", func(n *peer.Node) { n.Deleted = map[string]bool{"x": false} }), 0, false},
		"declines it":                        {consumes("a", func(n *peer.Node) { n.Declines = []int{3} }), 0, true},
		"declines another":                   {consumes("a", func(n *peer.Node) { n.Declines = []int{4} }), 0, false},
		"does not consume":                   {peer.Node{ID: "a", Roles: []peer.Role{peer.Hub}, Record: 1}, 0, true},
		"is of a version without the record": {peer.Node{ID: "a", Roles: []peer.Role{peer.Consumer}}, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := heard(c.node).NobodyHas(deletedQueue, 3, noon.Add(c.at)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestTable_NobodyHas_RemembersTheRoleAndTheGoodbye(t *testing.T) {
	table := heard(consumes("a", nil))
	table.Heard(peer.Node{ID: "a", Record: 1}, noon.Add(time.Second)) // its connection to consume is lost
	if table.NobodyHas(deletedQueue, 3, noon.Add(2*time.Second)) {
		t.Error("a node that consumed a moment ago is passed over")
	}
	if table.HasSilent(noon.Add(peer.Silence)) || !table.HasSilent(noon.Add(2*peer.Silence)) {
		t.Error("a node that consumed is silent after ten seconds, and not before")
	}
	table.Heard(peer.Node{ID: "a", Record: 1}, noon.Add(peer.Silence))
	if !table.NobodyHas(deletedQueue, 3, noon.Add(peer.Silence+time.Second)) {
		t.Error("a node that has not consumed for long is waited for")
	}
	table = heard(consumes("a", tells(true)))
	table.Hear(peer.Heartbeat{Leaving: true, Node: peer.Node{ID: "a", Finished: map[int]map[string]int64{3: {"p": 9}}}}, noon)
	if !table.NobodyHas(deletedQueue, 3, noon) || table.MayBeAlive("a", noon) {
		t.Error("a node that has said goodbye is waited for")
	}
	if got := table.Finished(3); !maps.Equal(got, map[string]int64{"p": 9}) {
		t.Errorf("finished %v, want the numbers of the goodbye", got)
	}
}

// TestTable_JudgesAfterListening: the silence of others means nothing to a node that has not listened.
func TestTable_JudgesAfterListening(t *testing.T) {
	table := peer.NewTable(peer.Node{ID: "self"})
	judges := func(at time.Duration) bool {
		now := noon.Add(at)
		free, alive := table.NobodyHas(deletedQueue, 3, now), table.MayBeAlive("unheard", now)
		if free == alive {
			t.Errorf("at %v: nobody has it %v, an unheard node may be alive %v", at, free, alive)
		}
		return free
	}
	var got []bool
	got = append(got, judges(time.Hour))
	table.Listens(noon)
	got = append(got, judges(peer.Silence-1), judges(peer.Silence))
	table.Deaf(noon.Add(20 * time.Second))
	got = append(got, judges(21*time.Second))
	table.Listens(noon.Add(22 * time.Second)) // a short interruption
	got = append(got, judges(23*time.Second))
	table.Deaf(noon.Add(30 * time.Second))
	table.Listens(noon.Add(40 * time.Second))
	got = append(got, judges(41*time.Second), judges(50*time.Second))
	want := []bool{false, false, true, false, true, false, true}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("judges: %v, want %v", got, want)
			break
		}
	}
}

func TestTable_FinishedKeepsTheGreatest(t *testing.T) {
	table := heard()
	for _, told := range []map[int]map[string]int64{{3: {"p": 5, "q": 1}}, {3: {"p": 4}, 2: {"p": 1}}, {3: {"q": 2}}} {
		table.Heard(peer.Node{ID: "a", Finished: told}, noon)
	}
	if got := table.Finished(3); !maps.Equal(got, map[string]int64{"p": 5, "q": 2}) || table.FinishedOf(2, "p") != 1 {
		t.Errorf("finished %v", got)
	}
	for i := range 5000 {
		table.Heard(peer.Node{ID: "a", Finished: map[int]map[string]int64{i: {peer.NewID(): 1}, 3: {peer.NewID(): 1}}}, noon)
	}
	if n := len(table.Finished(3)); n > 1000 {
		t.Errorf("%d publishers are remembered", n)
	}
}
