package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/semaphore"

	"restante/internal/errs"
)

// sender publishes with confirms over one channel, many messages at once. Messages that are sent one after the other
// over one sender reach a queue in that order.
type sender struct {
	s      *session
	ch     *amqp.Channel
	window *semaphore.Weighted // bytes on their way

	inFlight atomic.Int64 // messages on their way
	progress atomic.Int64 // when the last confirm came, or the first message went that waits for one; Unix nanoseconds

	sending sync.Mutex // the client library's channels are for one goroutine

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
	name    string
	weight  int64
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

// newSender opens a channel for publishing.
func newSender(s *session) (*sender, error) {
	ch, err := s.channel(func(ch *amqp.Channel) error { return ch.Confirm(false) })
	if err != nil {
		return nil, fmt.Errorf("open a channel to publish: %w", err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	go func() { // ends with the session
		if e, ok := <-closed; ok {
			s.kill(e) // a channel that was closed alone; the next session sees to the topology
		}
	}()
	return &sender{
		s: s, ch: ch, window: semaphore.NewWeighted(window),
		returns: ch.NotifyReturn(make(chan amqp.Return, window/minWeight)), returned: map[string]string{},
	}, nil
}

// publish sends a message and waits for its confirm.
func (s *sender) publish(ctx context.Context, o *outgoing) error {
	m, err := s.send(ctx, o)
	if err != nil {
		return err
	}
	return m.wait(ctx)
}

// send hands a message to the broker. It waits for room in the window until ctx is done or the broker has an alarm.
func (s *sender) send(ctx context.Context, o *outgoing) (*sent, error) {
	weight := min(max(int64(len(o.Body)), minWeight), window)
	if !s.window.TryAcquire(weight) {
		if err := s.acquire(ctx, weight); err != nil {
			return nil, err
		}
	}
	s.sending.Lock()
	confirm, err := s.ch.PublishWithDeferredConfirm(o.exchange, o.key, o.mandatory, false, o.Publishing)
	s.sending.Unlock()
	if err != nil {
		s.window.Release(weight)
		return nil, unconfirmed(fmt.Errorf("publish: %w", err))
	}
	if s.inFlight.Add(1) == 1 {
		s.progress.Store(time.Now().UnixNano())
	}
	return &sent{sender: s, name: o.name(), weight: weight, confirm: confirm}, nil
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
		m.sender.watch()
		m.abandon()
		return ctx.Err()
	}
}

// stuckAfter is how long a channel may confirm nothing. A queue that has lost its leader has a new one long before; a
// channel that the broker has forgotten has not.
const stuckAfter = 15 * time.Second

// watch ends the session when the broker has confirmed nothing for too long over this channel.
func (s *sender) watch() {
	if silent := time.Since(time.Unix(0, s.progress.Load())); silent > stuckAfter {
		s.s.kill(fmt.Errorf("the broker has confirmed nothing over a channel for %v", silent.Round(time.Second)))
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
	m.sender.progress.Store(time.Now().UnixNano())
	m.sender.inFlight.Add(-1)
	m.sender.window.Release(m.weight)
	reason, returned := m.sender.takeReturn(m.name)
	switch {
	case returned:
		err := fmt.Errorf("there is no queue for it: %s", reason)
		m.sender.s.kill(err) // the next session sees to the topology
		return unconfirmed(err)
	case !m.confirm.Acked():
		if why := m.sender.s.why(); why != nil {
			return unconfirmed(fmt.Errorf("the connection is lost: %w", why))
		}
		return unconfirmed(errors.New("it was not taken, or the connection is lost"))
	}
	return nil
}

// takeReturn reports whether the broker had no queue for a message. It knows when the confirm is there: the client library
// has passed on the return before.
func (s *sender) takeReturn(name string) (reason string, returned bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		select {
		case r, ok := <-s.returns:
			if ok {
				s.returned[nameOf(r.MessageId, r.Headers)] = r.ReplyText
				continue
			}
			s.returns = nil
		default:
		}
		break
	}
	if reason, returned = s.returned[name]; returned {
		delete(s.returned, name)
	}
	return reason, returned
}
