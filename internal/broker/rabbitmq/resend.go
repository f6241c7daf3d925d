package rabbitmq

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
)

// A broker that deletes a queue may lose messages that it has just confirmed and that are on their way to the consumer. So an
// account remembers what was confirmed lately, and the node publishes it again before anything newer. What was stored all the
// same has the same id, and is stored once. When more than that has waited in the queue, nothing is published again: it would
// come in another order than it was sent in over several nodes.

const (
	// recentFor is how long before the last confirm of a queue a message may have been confirmed to be published again. A
	// consumer that keeps up has finished it before.
	recentFor = 500 * time.Millisecond
	// maxOwed is how many messages are published again at most. More have waited in the queue.
	maxOwed = 16
	// rememberFor is how long a confirmed message is remembered: until a queue that is deleted is made again.
	rememberFor = 20 * time.Second
	// maxRecent and maxRecentBytes bound what is remembered of a partition.
	maxRecent      = 4 * maxOwed
	maxRecentBytes = 1 << 20
)

// confirmed is a message that the broker has confirmed, and when.
type confirmed struct {
	*link.Outgoing
	at time.Time
}

// remember adds a confirmed message. The caller has the lock.
func (a *account) remember(o *link.Outgoing, now time.Time) {
	a.recent = append(a.recent, confirmed{o, now})
	a.recentBytes += len(o.Body)
	if len(a.recent) > maxRecent || a.recentBytes > maxRecentBytes {
		half := len(a.recent) / 2
		a.keepRecent(func(i int, _ confirmed) bool { return i >= half })
	}
}

// keepRecent forgets the messages that are not to be kept. The caller has the lock.
func (a *account) keepRecent(keep func(i int, c confirmed) bool) {
	kept := a.recent[:0]
	a.recentBytes = 0
	for i, c := range a.recent {
		if keep(i, c) {
			kept = append(kept, c)
			a.recentBytes += len(c.Body)
		}
	}
	clear(a.recent[len(kept):])
	a.recent = kept
}

// owe takes the destroyed messages out of the count, to be published again, if the account remembers all of them as recent. The
// caller has the lock.
func (a *account) owe() {
	var last time.Time
	for _, c := range a.recent {
		if c.at.After(last) && c.Number < a.first {
			last = c.at
		}
	}
	var owed []*link.Outgoing
	for _, c := range a.recent {
		if c.Number < a.first && last.Sub(c.at) <= recentFor && a.doomed.has(c.Number) {
			owed = append(owed, c.Outgoing)
		}
	}
	a.keepRecent(func(_ int, c confirmed) bool { return c.Number >= a.first })
	if n := int64(len(owed)); n == 0 || n > maxOwed || n < a.doomed.count() {
		return
	}
	a.doomed = nil
	slices.SortFunc(owed, func(x, y *link.Outgoing) int { return cmp.Compare(x.Number, y.Number) })
	a.owed = append(a.owed, owed...)
	a.owes.Store(true)
}

// forget forgets messages that were confirmed too long ago to be published again.
func (a *account) forget(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keepRecent(func(_ int, c confirmed) bool { return now.Sub(c.at) <= rememberFor })
}

// resend publishes again what the account owes to the partition in its present generation. It returns nil when the broker has
// confirmed all of it. Callers wait for each other.
func (d *Driver) resend(ctx context.Context, s *link.Session, q int, generation int64, a *account) error {
	a.resending.Lock()
	defer a.resending.Unlock()
	a.mu.Lock()
	owed := a.owed
	a.mu.Unlock()
	if len(owed) == 0 {
		return nil
	}
	outgoing := make([]*link.Outgoing, len(owed))
	for i, o := range owed {
		outgoing[i] = &link.Outgoing{
			Exchange: o.Exchange, Key: topology.IntakeKey(q, generation), Mandatory: true, Publishing: o.Publishing, Stamper: a,
		}
	}
	if err := publishAll(ctx, s.Senders()[q], outgoing); err != nil {
		return err
	}
	a.mu.Lock()
	a.owed = a.owed[len(owed):]
	a.owes.Store(len(a.owed) > 0)
	a.mu.Unlock()
	for _, o := range outgoing {
		a.confirm(o, time.Now())
	}
	d.cfg.Log.InfoContext(ctx, "messages of a deleted queue published again", slog.String("queue", link.IntakeQueue+strconv.Itoa(q)),
		slog.Int("messages", len(owed)))
	return nil
}
