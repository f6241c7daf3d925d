package peer

import (
	"slices"
	"sync"
	"time"
)

// Balance spreads the partitions over the nodes that consume. Each node has a consumer on every queue, and the broker
// makes the one that came first the active one: that keeps the order. Two rules, which every node follows for itself, make
// it even. First, partition q belongs to node q mod n of those that are alive, in the order of their ids. Second, a node
// whose consumer may be before that of the owner closes it and queues up again, behind the owner. It may be before the
// owner's since the nodes that are alive have changed, or when it gets messages. No node has to know which consumer is
// active.
type Balance struct {
	table *Table // nil: all partitions belong to this node
	now   func() time.Time
	ready chan struct{}

	mu         sync.Mutex
	partitions int           // 0 while this node does not consume
	registered map[int]bool  // the queues on which it has a consumer
	members    []string      // ids of the nodes that consume, sorted; this one among them
	version    int           // of members
	changed    chan struct{} // closed when members change
}

// NewBalance returns the balance of the table's own node. Without a table all partitions belong to it.
func NewBalance(table *Table) *Balance {
	return &Balance{
		table: table, registered: map[int]bool{}, changed: make(chan struct{}), ready: make(chan struct{}, 1), now: time.Now,
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
	owner := len(b.members) == 0 || b.members[q%len(b.members)] == b.table.Self().ID
	return Claim{owner, b.version, b.changed}
}

// Update reads from the table which nodes are alive. A node that has not heard itself lately changes nothing: the others
// may be alive and it cannot hear them.
func (b *Balance) Update() {
	if b.table == nil {
		return
	}
	var members []string
	for _, n := range b.table.Alive(Consumer, b.now()) {
		members = append(members, n.ID)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(members, b.table.Self().ID) || slices.Equal(members, b.members) {
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

// Register says whether the node has a consumer on the queue of partition q.
func (b *Balance) Register(q int, has bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if has {
		b.registered[q] = true
	} else {
		delete(b.registered, q)
	}
	b.signal()
}

// Ready returns a channel with an element, at most one, when IsReady may have changed.
func (b *Balance) Ready() <-chan struct{} { return b.ready }

func (b *Balance) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// IsReady reports whether the node has a consumer on every queue. Only then does it tell the others that it consumes: they
// queue up behind it when they hear of it, so its consumers must exist already.
func (b *Balance) IsReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.partitions > 0 && len(b.registered) == b.partitions
}
