package rabbitmq

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"restante/internal/errs"
)

const (
	lookInterval = 500 * time.Millisecond // between two looks of watch
	echoInterval = 2                      // looks from one echo to the next
	maxSilence   = 3 * time.Second        // without anything, after which a subscription is silent
	silentAgain  = 2 * time.Second        // between two calls of Missed while nothing is heard

	maxQuiet   = int(maxSilence / lookInterval)
	againQuiet = int(silentAgain / lookInterval)
)

// The reasons for which Missed is called, as the metric has them.
const (
	missedBegun       = "begun"       // the subscription was established
	missedDropped     = "dropped"     // the broker has dropped announcements
	missedUndecodable = "undecodable" // an announcement could not be read
	missedSilent      = "silent"      // nothing was heard, not even an echo
)

// watch publishes echoes and looks whether something arrives, until ctx is done. A subscription that is silent is ended with
// its session, whatever the reason: a binding or an exchange that is gone, a link that carries nothing, a queue that does not
// answer. Then it begins anew. Missed is called at once and again and again until something is heard.
func (b *subscription) watch(ctx context.Context) {
	looks := time.NewTicker(lookInterval)
	defer looks.Stop()
	for n := 0; ; n++ {
		select {
		case <-looks.C:
		case <-ctx.Done():
			return
		}
		e, silent := b.look()
		if silent {
			if e != nil {
				e.s.End(errs.Wrap(errs.Unavailable, errInterrupted, "nothing was heard for %v, not even an echo", maxSilence))
			}
			b.missed(missedSilent)
		}
		if n%echoInterval != 0 {
			continue
		}
		if e != nil && e.s.Alarm() == nil {
			e.echo()
		}
		if reason, ok := b.pay(); ok {
			b.missed(reason)
		}
	}
}

// look notes whether something has arrived since the last look. It counts looks rather than time, so that a process that
// was stopped for a while first reads what has arrived. A broker with an alarm takes no echo and no announcement.
func (b *subscription) look() (e *ears, silent bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.begun:
		return nil, false
	case b.ears != nil && b.ears.s.Alarm() != nil:
		b.heard, b.quiet = time.Now(), 0
	case b.ears != nil && b.ears.heard.newest().After(b.heard):
		b.heard, b.quiet = b.ears.heard.newest(), 0
	default:
		b.quiet++
	}
	if silent = b.quiet >= maxQuiet; silent {
		b.quiet -= againQuiet
	}
	return b.ears, silent
}

// set notes what the subscription hears with from now on, or why it does not hear.
func (b *subscription) set(e *ears, why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ears, b.why = e, why
	if e != nil {
		b.begun, b.heard, b.quiet = true, time.Now(), 0
	}
}

// owe notes that Missed must be called so many times, a second after the other. It reports whether none was due. So there is
// about one call a second, however many signs come.
func (b *subscription) owe(calls int, reason string) (news bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	news = b.owed == 0
	if calls > b.owed {
		b.owed, b.reason = calls, reason
	}
	return news
}

// pay returns the reason of a call of Missed that is due now, if one is.
func (b *subscription) pay() (reason string, due bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.owed == 0 {
		return "", false
	}
	b.owed--
	return b.reason, true
}

// check returns nil while the subscription hears.
func (b *subscription) check() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ears == nil {
		why := b.why
		if why == nil {
			_, why = b.d.hearing.Current()
		}
		return errs.Wrap(errs.Unavailable, why, "announcements of stored messages are not subscribed to")
	}
	if b.ears.s.Alarm() != nil {
		return nil // nobody can announce anything
	}
	last := b.heard
	if newest := b.ears.heard.newest(); newest.After(last) {
		last = newest
	}
	if silence := time.Since(last); silence > maxSilence {
		return &errs.Error{Code: errs.Unavailable, Msg: fmt.Sprintf(
			"no announcement and no echo was heard for %v", silence.Round(time.Second))}
	}
	return nil
}

// subscriptions are those of a driver.
type subscriptions struct {
	mu  sync.Mutex
	all map[*subscription]struct{}
}

// add adds a subscription. The caller calls remove when it has ended.
func (l *subscriptions) add(b *subscription) (remove func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = make(map[*subscription]struct{})
	}
	l.all[b] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.all, b)
	}
}

func (l *subscriptions) list() []*subscription {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.all))
}

// CheckHearing returns nil while the node hears announcements: it is subscribed, and has heard something within the last 3 s,
// an announcement or an echo of its own. While the broker has an alarm, which stops both, it returns nil, too. The error has
// the class errs.Unavailable and says why. It does not block.
func (d *Driver) CheckHearing() error {
	all := d.subscriptions.list()
	if len(all) == 0 {
		return &errs.Error{Code: errs.Unavailable, Msg: "announcements of stored messages are not subscribed to yet"}
	}
	for _, b := range all {
		if err := b.check(); err != nil {
			return err
		}
	}
	return nil
}
