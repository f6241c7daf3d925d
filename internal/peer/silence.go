package peer

import (
	"maps"
	"slices"
	"time"
)

// Silence is how long a node must be silent before others decide that it will not come back with what it had in hand.
const Silence = 10 * time.Second

// Listens notes that heartbeats are heard from now on. Silence of other nodes means nothing before this node has listened for
// as long. A short interruption does not count.
func (t *Table) Listens(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deafSince.IsZero() || now.Sub(t.deafSince) > Silence/2 {
		t.listens = now
	}
	t.deafSince = time.Time{}
}

// Deaf notes that no heartbeats are heard from now on.
func (t *Table) Deaf(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deafSince = now
}

// judges reports whether the silence of a node means something now. The caller has the lock.
func (t *Table) judges(now time.Time) bool {
	return !t.listens.IsZero() && t.deafSince.IsZero() && now.Sub(t.listens) >= Silence
}

// NobodyHas reports whether no node has deliveries in hand of a deleted queue: every node that was heard to consume within
// Silence has told that it has found the queue deleted and has nothing in hand, or that it declines the partition. The
// partition is -1 for a queue that is no partition. It is false while this node has not listened for as long as Silence.
func (t *Table) NobodyHas(queue string, partition int, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.judges(now) {
		return false
	}
	for _, e := range t.nodes {
		if now.Sub(e.heard) > Silence {
			continue
		}
		inHand, found := e.node.Deleted[queue]
		switch {
		case found && inHand:
			return false
		case found, slices.Contains(e.node.Declines, partition):
		case e.node.Record > 0 && now.Sub(e.consumed) <= Silence: // nodes of versions before the record make no queue again
			return false
		}
	}
	return true
}

// MayBeAlive reports whether a node may still be alive: it was heard within Silence and has not said goodbye, or this node has
// not listened for that long.
func (t *Table) MayBeAlive(id string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.nodes[id]
	return known && now.Sub(e.heard) <= Silence || !t.judges(now)
}

// HasSilent reports whether a node that consumed is silent for Silence and has not said goodbye. It may have something in hand,
// and come back.
func (t *Table) HasSilent(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.nodes {
		if !e.consumed.IsZero() && now.Sub(e.heard) > Silence {
			return true
		}
	}
	return false
}

// Finished returns what consumers have told to have finished of a partition: by publishing node, the greatest number. The
// caller may change the map.
func (t *Table) Finished(partition int) map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.finished[partition])
}

// FinishedOf returns the greatest finished number of one publishing node.
func (t *Table) FinishedOf(partition int, publisher string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.finished[partition][publisher]
}

// noteFinished keeps the greatest numbers. The caller has the lock.
func (t *Table) noteFinished(told map[int]map[string]int64) {
	for partition, numbers := range told {
		known := t.finished[partition]
		if known == nil {
			if len(t.finished) >= maxHeardPartitions {
				continue
			}
			known = map[string]int64{}
			t.finished[partition] = known
		}
		for publisher, n := range numbers {
			if _, found := known[publisher]; !found && len(known) >= maxPublishers {
				t.forgetPublisher(known)
			}
			known[publisher] = max(known[publisher], n)
		}
	}
}

// maxHeardPartitions bounds what is remembered of heartbeats that are not a node's.
const maxHeardPartitions = 1024

// forgetPublisher forgets a publishing node, if possible one that is not known any more. The caller has the lock.
func (t *Table) forgetPublisher(known map[string]int64) {
	victim := ""
	for publisher := range known {
		victim = publisher
		if _, alive := t.nodes[publisher]; !alive {
			break
		}
	}
	delete(known, victim)
}
