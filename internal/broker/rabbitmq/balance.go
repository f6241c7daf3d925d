package rabbitmq

import (
	"slices"
	"sync"
	"time"

	"restante/internal/peer"
)

// balance spreads the partitions over the nodes that consume. Each node has a consumer on every queue, and the broker
// makes the one that came first the active one: that is what keeps the order. Evenness is made of two rules that every
// node follows for itself. Partition q belongs to node q mod n of those that are alive, in the order of their ids; and a
// node whose consumer may stand before that of the owner closes it and queues up again, behind. It may stand before it
// since the nodes that are alive have changed, or when it gets messages. Nobody has to know who is active.
type balance struct {
	peers *peer.Table // nil: all partitions belong to this node

	mu         sync.Mutex
	partitions int              // 0 while this node does not consume
	registered map[int]bool     // the queues on which it has a consumer
	members    []string         // ids of the nodes that consume, sorted; this one among them
	version    int              // of members
	changed    chan struct{}    // closed when members change
	ready      chan struct{}    // has an element when isReady may have changed
	now        func() time.Time // for tests
}

func newBalance(peers *peer.Table) *balance {
	return &balance{
		peers: peers, registered: map[int]bool{}, changed: make(chan struct{}), ready: make(chan struct{}, 1), now: time.Now,
	}
}

// claim is what a node knows of its right to a partition.
type claim struct {
	owner   bool            // it belongs to this node
	version int             // of the members that this is true for
	changed <-chan struct{} // closed when they change
}

// claim returns this node's claim to partition q.
func (b *balance) claim(q int) claim {
	b.mu.Lock()
	defer b.mu.Unlock()
	owner := len(b.members) == 0 || b.members[q%len(b.members)] == b.peers.Self().ID
	return claim{owner, b.version, b.changed}
}

// update looks at who is alive. A node that has not heard of itself lately changes nothing: the others may be there and it
// cannot hear them.
func (b *balance) update() {
	if b.peers == nil {
		return
	}
	var members []string
	for _, n := range b.peers.Alive(peer.Consumer, b.now()) {
		members = append(members, n.ID)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(members, b.peers.Self().ID) || slices.Equal(members, b.members) {
		return
	}
	b.members = members
	b.version++
	close(b.changed)
	b.changed = make(chan struct{})
}

// consuming says that the node consumes from now on, or does not any more, when partitions is 0.
func (b *balance) consuming(partitions int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partitions = partitions
	b.signal()
}

// register says whether there is a consumer on the queue of partition q.
func (b *balance) register(q int, there bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if there {
		b.registered[q] = true
	} else {
		delete(b.registered, q)
	}
	b.signal()
}

func (b *balance) signal() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// isReady reports whether the node has a consumer on every queue. Only then does it tell the others that it consumes: they
// queue up behind it when they hear of it, so it must be there already.
func (b *balance) isReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.partitions > 0 && len(b.registered) == b.partitions
}
