package peer

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Balance spreads the partitions over the nodes that consume. Each node has a consumer on every partition, and the broker
// makes the one that came first the active one: that keeps the order. Two rules, which every node follows for itself, make
// it even. First, partition q belongs to node q mod n of those that are alive and do not decline it, in the order of their
// ids. Second, a node whose consumer may be before that of the owner closes it and queues up again, behind the owner. It
// may be before the owner's since the nodes that are alive have changed, or when it gets messages. No node has to know
// which consumer is active.
type Balance struct {
	table *Table // nil: all partitions belong to this node
	now   func() time.Time
	ready chan struct{}

	mu         sync.Mutex
	partitions int           // 0 while this node does not consume
	registered map[int]bool  // the partitions on which it has a consumer
	declined   map[int]bool  // the partitions that it leaves to others; none of registered
	absent     map[int]bool  // the partitions whose queue is deleted, so that no node has a consumer; none of registered
	members    []member      // the nodes that consume, sorted by id; this one among them
	version    int           // of members
	changed    chan struct{} // closed when members change
}

// NewBalance returns the balance of the table's own node. Without a table all partitions belong to it.
func NewBalance(table *Table) *Balance {
	return &Balance{
		table: table, registered: map[int]bool{}, declined: map[int]bool{}, absent: map[int]bool{},
		changed: make(chan struct{}), ready: make(chan struct{}, 1), now: time.Now,
	}
}

// Claim is what a node knows of its right to a partition.
type Claim struct {
	Owner   bool            // it belongs to this node
	Version int             // of the members that this is true for
	Changed <-chan struct{} // closed when they change
}

// Claim returns this node's claim to partition q.
func (b *Balance) Claim(q int) Claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	owner := len(b.members) == 0 || b.owner(q) == b.table.Self().ID
	return Claim{owner, b.version, b.changed}
}

// owner returns the id of the node to which partition q belongs, "" if all decline it.
func (b *Balance) owner(q int) string {
	willing := 0
	for i := range b.members {
		if !b.members[i].declines(q) {
			willing++
		}
	}
	if willing == 0 {
		return ""
	}
	turn := q % willing
	for i := range b.members {
		if b.members[i].declines(q) {
			continue
		}
		if turn == 0 {
			return b.members[i].id
		}
		turn--
	}
	return ""
}

// member is a node that consumes.
type member struct {
	id       string
	declined []int
}

func (m member) declines(q int) bool { return slices.Contains(m.declined, q) }

func (m member) equal(other member) bool {
	return m.id == other.id && slices.Equal(m.declined, other.declined)
}

// Update reads from the table which nodes are alive. A node that has not heard itself lately changes nothing: the others
// may be alive and it cannot hear them.
func (b *Balance) Update() {
	if b.table == nil {
		return
	}
	var members []member
	alive := false
	for _, n := range b.table.Alive(Consumer, b.now()) {
		members = append(members, member{n.ID, n.Declines})
		alive = alive || n.ID == b.table.Self().ID
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !alive || slices.EqualFunc(members, b.members, member.equal) {
		return
	}
	b.members = members
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
}

// Consuming says that the node consumes from now on, or does not any more, when partitions is 0.
func (b *Balance) Consuming(partitions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partitions = partitions
	b.signal()
}

// Register says whether the node has a consumer on partition q.
func (b *Balance) Register(q int, has bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if has {
		b.registered[q] = true
		delete(b.declined, q)
		delete(b.absent, q)
	} else {
		delete(b.registered, q)
	}
	b.signal()
}

// Decline says that the node has no consumer on partition q and leaves it to others, until it registers one again.
func (b *Balance) Decline(q int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.declined[q] = true
	delete(b.registered, q)
	delete(b.absent, q)
	b.signal()
}

// Absent says that no node can have a consumer on partition q, because its queue is deleted. The node stays ready for the
// other partitions. It is over when the node registers a consumer again.
func (b *Balance) Absent(q int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.declined[q] {
		b.absent[q] = true
	}
	delete(b.registered, q)
	b.signal()
}

// Declined returns the partitions that the node declines, sorted. Its heartbeats list them.
func (b *Balance) Declined() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.declined))
}

// Ready returns a channel with an element, at most one, when IsReady may have changed.
func (b *Balance) Ready() <-chan struct{} { return b.ready }

func (b *Balance) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// IsReady reports whether the node has a consumer on every partition that it does not decline and whose queue exists. Only then does it tell the
// others that it consumes: they queue up behind it when they hear of it, so its consumers must exist already.
func (b *Balance) IsReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.partitions > 0 && len(b.registered)+len(b.declined)+len(b.absent) == b.partitions
}
