package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/semaphore"

	"restante/internal/errs"
)

// sender publishes with confirms, many messages at once. Messages that are sent one after the other over one sender reach
// a queue in that order.
type sender struct {
	s      *session
	window *semaphore.Weighted // bytes on their way

	mu       sync.Mutex // the client library's channels are for one goroutine
	lane     *lane
	renewing bool
}

// lane is a channel of a sender. The broker gives a channel a view of each queue that it publishes to, and a view that was
// taken while the queue had no leader stays without one: then it takes nothing, for ever, and the sender needs another.
type lane struct {
	ch *amqp.Channel

	mu       sync.Mutex
	returns  <-chan amqp.Return // has room for all that can be on their way
	returned map[string]string  // why the broker had no queue for them, until their confirm comes
}

// The window of a sender: so much may wait for a confirm. A message counts for minWeight at least, so that their number is
// bounded too.
const (
	window    = 2 << 20
	minWeight = 2 << 10
)

// outgoing is a message on its way to an exchange.
type outgoing struct {
	exchange  string
	key       string
	mandatory bool // an error if there is no queue for it
	amqp.Publishing
}

// weight returns how much of a sender's window the message takes.
func (o *outgoing) weight() int64 { return min(max(int64(len(o.Body)), minWeight), window) }

// name returns what tells the message from others that are on their way.
func (o *outgoing) name() string { return nameOf(o.MessageId, o.Headers) }

func nameOf(id string, headers amqp.Table) string {
	if letter := headerText(headers, headerLetter); letter != "" {
		return letter
	}
	return id
}

// sent is a message that waits for its confirm.
type sent struct {
	sender  *sender
	lane    *lane
	name    string
	weight  int64
	at      time.Time
	confirm *amqp.DeferredConfirmation
}

// retryable marks an error after which the same may succeed at once.
type retryable struct{ error }

func (r retryable) Unwrap() error { return r.error }

// unconfirmed says that a message may or may not have been taken.
func unconfirmed(why error) error {
	return errs.Wrap(errs.Unavailable, retryable{why}, "the broker has not confirmed the message")
}

// errAlarm says that the broker takes nothing because of an alarm, which may last.
func errAlarm(s *session) error {
	s.mu.Lock()
	reason := s.alarm
	s.mu.Unlock()
	return errs.Wrap(errs.Unavailable, errors.New(reason), "the broker is short of memory or disk and takes no messages")
}

// openSenders gives a session its senders.
func (s *session) openSenders(n int) error {
	for range n {
		sender, err := newSender(s)
		if err != nil {
			return err
		}
		s.senders = append(s.senders, sender)
	}
	return nil
}

func newSender(s *session) (*sender, error) {
	l, err := newLane(s)
	return &sender{s: s, window: semaphore.NewWeighted(window), lane: l}, err
}

// newLane opens a channel for publishing.
func newLane(s *session) (*lane, error) {
	ch, err := s.channel(func(ch *amqp.Channel) error { return ch.Confirm(false) })
	if err != nil {
		return nil, fmt.Errorf("open a channel to publish: %w", err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	go func() { // ends with the channel
		if e, ok := <-closed; ok {
			s.kill(e) // it was closed alone, by the broker; the next session sees to the topology
		}
	}()
	returns := ch.NotifyReturn(make(chan amqp.Return, window/minWeight))
	return &lane{ch: ch, returns: returns, returned: map[string]string{}}, nil
}

// renewAfter is how long a lane that takes nothing is left alone, so that the queue can find a leader meanwhile.
const renewAfter = 100 * time.Millisecond

// renew replaces a lane that takes nothing, in the background. What is on its way over it becomes unconfirmed.
func (s *sender) renew(spoiled *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewing || s.lane != spoiled {
		return
	}
	s.renewing = true
	go func() { // ends with the session, if not before
		select {
		case <-time.After(renewAfter):
		case <-s.s.lost:
			return
		}
		l, err := newLane(s.s)
		s.mu.Lock()
		s.renewing = false
		if err == nil {
			s.lane = l
		}
		s.mu.Unlock()
		if err == nil {
			_ = spoiled.ch.Close() // the broker may take its time; nobody waits for it
		}
	}()
}

// publish sends a message and waits for its confirm.
func (s *sender) publish(ctx context.Context, o *outgoing) error {
	m, err := s.send(ctx, o)
	if err != nil {
		return err
	}
	return m.wait(ctx)
}

// send hands a message to the broker. It waits for room in the window until ctx is done or the broker has an alarm. Whoever
// has sent others that it has not waited for uses trySend: the room may be taken by those.
func (s *sender) send(ctx context.Context, o *outgoing) (*sent, error) {
	if m, err := s.trySend(o); m != nil || err != nil {
		return m, err
	}
	weight := o.weight()
	if err := s.acquire(ctx, weight); err != nil {
		return nil, err
	}
	return s.hand(o, weight)
}

// trySend hands a message to the broker, or returns nil if there is no room in the window.
func (s *sender) trySend(o *outgoing) (*sent, error) {
	weight := o.weight()
	if !s.window.TryAcquire(weight) {
		return nil, nil //nolint:nilnil // as it says
	}
	return s.hand(o, weight)
}

// hand hands over a message whose weight has been acquired.
func (s *sender) hand(o *outgoing, weight int64) (*sent, error) {
	s.mu.Lock()
	l := s.lane
	confirm, err := l.ch.PublishWithDeferredConfirm(o.exchange, o.key, o.mandatory, false, o.Publishing)
	s.mu.Unlock()
	if err != nil {
		s.window.Release(weight)
		return nil, unconfirmed(fmt.Errorf("publish: %w", err))
	}
	return &sent{sender: s, lane: l, name: o.name(), weight: weight, at: time.Now(), confirm: confirm}, nil
}

func (s *sender) acquire(ctx context.Context, weight int64) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	blocked := s.s.whileBlocked()
	stopped := make(chan struct{})
	defer func() { cancel(); <-stopped }()
	go func() {
		defer close(stopped)
		select {
		case <-blocked:
			cancel()
		case <-waiting.Done():
		}
	}()
	if err := s.window.Acquire(waiting, weight); err != nil {
		if ctx.Err() == nil {
			return errAlarm(s.s)
		}
		return ctx.Err()
	}
	return nil
}

// wait returns nil when the broker has confirmed that the message is safe. It waits until ctx is done or the broker has
// an alarm; then, or when the connection is lost, the message may or may not have been taken.
func (m *sent) wait(ctx context.Context) error {
	select {
	case <-m.confirm.Done():
		return m.settle()
	case <-m.sender.s.whileBlocked():
		m.abandon()
		return errAlarm(m.sender.s)
	case <-ctx.Done():
		if time.Since(m.at) >= confirmTimeLimit/2 { // a caller that waits for less says nothing about the lane
			m.sender.renew(m.lane)
		}
		m.abandon()
		return ctx.Err()
	}
}

// abandon leaves the message in the window until its confirm has come or its session has ended.
func (m *sent) abandon() {
	go func() {
		<-m.confirm.Done()
		_ = m.settle()
	}()
}

// settle makes room for other messages and returns what became of this one.
func (m *sent) settle() error {
	m.sender.window.Release(m.weight)
	reason, returned := m.lane.takeReturn(m.name)
	switch {
	case returned:
		err := fmt.Errorf("there is no queue for it: %s", reason)
		m.sender.s.kill(err) // the next session sees to the topology
		return unconfirmed(err)
	case !m.confirm.Acked():
		if why := m.sender.s.why(); why != nil {
			return unconfirmed(fmt.Errorf("the connection is lost: %w", why))
		}
		m.sender.renew(m.lane)
		return unconfirmed(errors.New("the broker has not taken it"))
	}
	return nil
}

// takeReturn reports whether the broker had no queue for a message. It knows when the confirm is there: the client library
// has passed on the return before.
func (l *lane) takeReturn(name string) (reason string, returned bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		select {
		case r, ok := <-l.returns:
			if ok {
				l.returned[nameOf(r.MessageId, r.Headers)] = r.ReplyText
				continue
			}
			l.returns = nil
		default:
		}
		break
	}
	if reason, returned = l.returned[name]; returned {
		delete(l.returned, name)
	}
	return reason, returned
}
