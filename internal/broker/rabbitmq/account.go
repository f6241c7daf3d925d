package rabbitmq

import (
	"cmp"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/retry"
)

// account is what this node knows of the messages that it has published to a partition. It numbers them, in the order in
// which they reach the queue, and keeps the numbers that are confirmed and that no consumer has told to have finished. When
// the queue is deleted and made again, those that were in nobody's hand are destroyed, and the account counts them; see
// resend for those that were confirmed just before. Numbers go on when a partition gets another generation. Its methods may be
// called concurrently.
type account struct {
	last atomic.Int64 // the last number that was given
	seen atomic.Int64 // the generation that was noted last, negative while it is open
	owes atomic.Bool  // owed has messages

	resending sync.Mutex // for resend

	mu         sync.Mutex
	generation int64     // 0 before the first message
	first      int64     // the first number that can be of this generation; smaller ones are of earlier ones
	open       bool      // the generation has begun, and it is not known yet what was put back into its queue
	received   int64     // the greatest number of earlier generations that is in the queue, or was
	at         time.Time // when it became known
	finished   int64     // the greatest number that was told to be finished
	earlier    int64     // and the greatest one less than first
	kept       spans     // confirmed, and not finished
	doomed     spans     // of them, those that were in a deleted queue
	lost       int64     // how many were doomed at earlier deletions
	inexact    bool      // fewer may be destroyed than are counted

	recent      []confirmed      // what was confirmed lately
	recentBytes int              // of it
	owed        []*link.Outgoing // to be published again before anything newer, in their order
	held        atomic.Int64     // until when nothing newer is published, in nanoseconds of Unix time
}

// holdFor is how long a node publishes nothing new to a queue that was made again, from when it knows of it. Meanwhile every node
// has heard of it and published again what it owes, so that this comes before what is newer.
const holdFor = 1500 * time.Millisecond

// await waits until the account publishes new messages, or ctx is done.
func (a *account) await(ctx context.Context) error {
	wait := time.Until(time.Unix(0, a.held.Load()))
	if wait <= 0 {
		return nil
	}
	return retry.Sleep(ctx, wait)
}

// settleAfter is how long the account waits before it counts what was destroyed, so that it hears the last heartbeats.
const settleAfter = 2 * time.Second

// Stamp implements link.Stamper. A sender calls it in the order in which it sends.
func (a *account) Stamp(o *link.Outgoing) {
	o.Number = a.last.Add(1)
	o.CorrelationId = strconv.FormatInt(o.Number, 10)
}

// note compares the account with what the record says of the partition. Call it with each record before messages are sent
// under its generation, with the id of this node. Most calls change nothing, and are cheap.
func (a *account) note(number int64, g topology.Generation, node string, now time.Time) {
	if a.seen.Load() == number {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	made := cmp.Or(g.Kept, number) // the queue
	switch {
	case a.generation == 0: // nothing was published before
		a.generation, a.first = number, 1
	case number > a.generation && made <= a.generation: // the same queue, with everything in it
		a.generation = number
	case number > a.generation:
		a.inexact = a.inexact || a.open || made > a.generation+1
		a.generation, a.first, a.earlier, a.open = number, a.last.Load()+1, a.finished, true
	}
	if a.open && number == a.generation && g.Refilling == "" {
		a.open, a.received, a.at = false, g.Received[node], now
		a.lost += a.doomed.count()
		a.doomed = a.kept.cut(max(a.received, a.earlier), a.first)
		a.kept.dropTo(a.earlier)
		a.owe()
		a.held.Store(now.Add(holdFor).UnixNano())
		if a.finished >= a.first {
			a.kept.dropTo(a.finished)
		}
	}
	if a.seen.Store(a.generation); a.open {
		a.seen.Store(-a.generation)
	}
}

// confirm notes that the broker has confirmed a message. It returns false if it is known by now that the message is destroyed.
func (a *account) confirm(o *link.Outgoing, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := o.Number
	switch before := n < a.first; {
	case before && !a.open && n > max(a.received, a.earlier):
		return false
	case before && n > a.earlier && (a.open || a.finished < a.first), !before && n > a.finished:
		if !a.kept.add(n) {
			a.inexact = true
		}
		a.remember(o, now)
	}
	return true
}

// finish notes that a consumer has told to have finished messages up to a number.
func (a *account) finish(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.finished = max(a.finished, n)
	if n < a.first {
		a.earlier = max(a.earlier, n)
		a.doomed.dropTo(n)
	}
	if n < a.first || !a.open { // else it says nothing about numbers of the last generation
		a.kept.dropTo(n)
		a.keepRecent(func(_ int, c confirmed) bool { return c.Number > n })
	}
}

// settle returns how many messages are destroyed that it has not returned before, once that is known. If it is not exact, the
// count is an upper bound.
func (a *account) settle(now time.Time) (destroyed int64, exact bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open || a.lost == 0 && len(a.doomed) == 0 || now.Sub(a.at) < settleAfter {
		return 0, true
	}
	destroyed, exact = a.lost+a.doomed.count(), !a.inexact
	a.lost, a.doomed, a.inexact = 0, nil, false
	return destroyed, exact
}

// accounts are those of all partitions.
type accounts struct {
	list atomic.Pointer[[]*account] // nil until the number of partitions is known, which does not change then
}

// of returns the account of each partition.
func (s *accounts) of(partitions int) []*account {
	if list := s.list.Load(); list != nil {
		return *list
	}
	list := make([]*account, partitions)
	for q := range list {
		list[q] = &account{}
	}
	if !s.list.CompareAndSwap(nil, &list) {
		return *s.list.Load()
	}
	return list
}
