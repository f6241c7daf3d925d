package link

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

// Sender publishes with confirms, many messages at once. Messages that are sent one after the other over one Sender reach
// a queue in that order.
type Sender struct {
	s      *Session
	window *semaphore.Weighted // bytes on their way

	mu       sync.Mutex // the client library's channels are for one goroutine
	channel  *channel
	renewing bool
}

// channel is an AMQP channel of a sender. The broker keeps for each channel a view of the queues that it publishes to. If
// a queue had no leader when the broker made the view, the view stays without a leader: the channel then loses every
// message to that queue, and the sender needs a new channel.
type channel struct {
	ch *amqp.Channel

	mu       sync.Mutex
	returns  <-chan amqp.Return // buffered for all messages that can be on their way
	returned map[string]string  // why the broker had no queue for a message, until its confirm comes
}

// The window of a sender is how many bytes may wait for a confirm. A message counts for minWeight at least, so that the
// number of messages is bounded too.
const (
	window    = 2 << 20
	minWeight = 2 << 10
)

// Outgoing is a message on its way to an exchange.
type Outgoing struct {
	Exchange  string
	Key       string
	Mandatory bool // it is an error if no queue is bound for the message
	amqp.Publishing

	Stamper Stamper // called before the message is sent, nil for none
	Number  int64   // set by the Stamper
}

// Stamper numbers messages in the order in which they are sent. Stamp is called for one message of a Sender at a time, must
// not block, and may change the message.
type Stamper interface{ Stamp(o *Outgoing) }

// weight returns how much of a sender's window the message takes.
func (o *Outgoing) weight() int64 { return min(max(int64(len(o.Body)), minWeight), window) }

// name returns what tells the message apart from others that are on their way.
func (o *Outgoing) name() string { return nameOf(o.MessageId, o.Headers) }

func nameOf(id string, headers amqp.Table) string {
	if letter := HeaderText(headers, LetterHeader); letter != "" {
		return letter
	}
	return id
}

// HeaderText returns the text in a header, "" if the header is absent or no text.
func HeaderText(headers amqp.Table, name string) string {
	text, _ := headers[name].(string)
	return text
}

// Sent is a message that waits for its confirm.
type Sent struct {
	sender  *Sender
	channel *channel
	name    string
	weight  int64
	at      time.Time
	confirm *amqp.DeferredConfirmation
}

// OpenSenders gives the session n senders.
func (s *Session) OpenSenders(n int) error {
	for range n {
		sender, err := newSender(s)
		if err != nil {
			return err
		}
		s.senders = append(s.senders, sender)
	}
	return nil
}

// Senders returns the senders of the session.
func (s *Session) Senders() []*Sender { return s.senders }

// NewSender returns a sender for one piece of work over the session. Close it.
func (s *Session) NewSender() (*Sender, error) { return newSender(s) }

// Close closes the channel of the sender. What is on its way may or may not be at the broker.
func (s *Sender) Close() {
	s.mu.Lock()
	c := s.channel
	s.mu.Unlock()
	s.s.CloseChannel(c.ch)
}

func newSender(s *Session) (*Sender, error) {
	sender := &Sender{s: s, window: semaphore.NewWeighted(window)}
	c, err := sender.newChannel()
	sender.channel = c
	return sender, err
}

// newChannel opens a channel for publishing.
func (s *Sender) newChannel() (*channel, error) {
	ch, err := s.s.Channel(func(ch *amqp.Channel) error { return ch.Confirm(false) })
	if err != nil {
		return nil, fmt.Errorf("open a channel to publish: %w", err)
	}
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	returns := ch.NotifyReturn(make(chan amqp.Return, window/minWeight))
	c := &channel{ch: ch, returns: returns, returned: map[string]string{}}
	go func() { // ends with the channel
		e, alone := <-closed
		switch {
		case !alone:
		case e.Code == amqp.NotFound: // there is no such exchange
			s.s.report(e.Reason)
			s.renew(c)
		default:
			s.s.kill(e)
		}
	}()
	return c, nil
}

// renewAfter is the pause before a new channel is opened, so that the queue can find a leader meanwhile.
const renewAfter = 100 * time.Millisecond

// renew replaces a channel that loses its messages, in the background. What is on its way over it becomes unconfirmed.
func (s *Sender) renew(spoiled *channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renewing || s.channel != spoiled {
		return
	}
	s.renewing = true
	go func() { // ends with the session, if not before
		select {
		case <-time.After(renewAfter):
		case <-s.s.lost:
			return
		}
		c, err := s.newChannel()
		s.mu.Lock()
		s.renewing = false
		if err == nil {
			s.channel = c
		}
		s.mu.Unlock()
		if err == nil {
			_ = spoiled.ch.Close() // nothing waits for it, so the broker may be slow
		}
	}()
}

// Publish sends a message and waits for its confirm.
func (s *Sender) Publish(ctx context.Context, o *Outgoing) error {
	m, err := s.Send(ctx, o)
	if err != nil {
		return err
	}
	return m.Wait(ctx)
}

// Send sends a message. It waits for space in the window until ctx is done or the broker has an alarm. With unconfirmed
// sends in flight, use TrySend: Send could wait for space that your own messages fill.
func (s *Sender) Send(ctx context.Context, o *Outgoing) (*Sent, error) {
	if m, err := s.TrySend(o); m != nil || err != nil {
		return m, err
	}
	weight := o.weight()
	if err := s.acquire(ctx, weight); err != nil {
		return nil, errs.Undone(err)
	}
	return s.transmit(o, weight)
}

// TrySend sends a message, or returns nil if the window has no space for it.
func (s *Sender) TrySend(o *Outgoing) (*Sent, error) {
	weight := o.weight()
	if !s.window.TryAcquire(weight) {
		return nil, nil //nolint:nilnil // no space in the window is the other outcome, not an error
	}
	return s.transmit(o, weight)
}

// transmit sends a message whose weight was acquired.
func (s *Sender) transmit(o *Outgoing, weight int64) (*Sent, error) {
	s.mu.Lock()
	c := s.channel
	if o.Stamper != nil {
		o.Stamper.Stamp(o)
	}
	confirm, err := c.ch.PublishWithDeferredConfirm(o.Exchange, o.Key, o.Mandatory, false, o.Publishing)
	s.mu.Unlock()
	if err != nil {
		s.window.Release(weight)
		s.renew(c)
		return nil, Unconfirmed(fmt.Errorf("publish: %w", err))
	}
	return &Sent{sender: s, channel: c, name: o.name(), weight: weight, at: time.Now(), confirm: confirm}, nil
}

func (s *Sender) acquire(ctx context.Context, weight int64) error {
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
			return s.s.alarmed()
		}
		return ctx.Err()
	}
	return nil
}

// Wait returns nil when the broker has confirmed that the message is safe. It waits until ctx is done or the broker has
// an alarm. In these cases, and when the connection is lost, the broker may or may not have the message.
func (m *Sent) Wait(ctx context.Context) error {
	select {
	case <-m.confirm.Done():
		return m.complete()
	case <-m.sender.s.whileBlocked():
		m.abandon()
		return m.sender.s.alarmed()
	case <-ctx.Done():
		if time.Since(m.at) >= confirmTimeLimit/2 { // after a shorter wait the channel may be sound
			m.sender.renew(m.channel)
		}
		m.abandon()
		return ctx.Err()
	}
}

// abandon leaves the message in the window until its confirm has come or its session has ended.
func (m *Sent) abandon() {
	go func() {
		<-m.confirm.Done()
		_ = m.complete()
	}()
}

// complete releases the message's space in the window and returns nil if the broker has the message.
func (m *Sent) complete() error {
	m.sender.window.Release(m.weight)
	reason, returned := m.channel.takeReturn(m.name)
	switch {
	case returned:
		m.sender.s.report(reason)
		return errs.Undone(Unconfirmed(fmt.Errorf("there is no queue for it: %s", reason)))
	case !m.confirm.Acked():
		if why := m.sender.s.Why(); why != nil {
			return Unconfirmed(fmt.Errorf("the connection is lost: %w", why))
		}
		refused := !m.channel.ch.IsClosed()
		m.sender.renew(m.channel)
		if refused {
			return Unconfirmed(errRefused)
		}
		return Unconfirmed(errors.New("the channel is closed"))
	}
	return nil
}

// errRefused is why a message is not confirmed that the broker has refused.
var errRefused = errors.New("the broker has not taken it")

// IsRefused reports whether the broker has refused a message: one of the queues for it does not take it. The other queues may
// have it.
func IsRefused(err error) bool { return errors.Is(err, errRefused) }

// takeReturn reports whether the broker had no queue for a message. Call it after the confirm: the broker sends the return
// before the confirm.
func (c *channel) takeReturn(name string) (reason string, returned bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		select {
		case r, ok := <-c.returns:
			if ok {
				c.returned[nameOf(r.MessageId, r.Headers)] = fmt.Sprintf("%s: exchange %q, key %q", r.ReplyText, r.Exchange, r.RoutingKey)
				continue
			}
			c.returns = nil
		default:
		}
		break
	}
	if reason, returned = c.returned[name]; returned {
		delete(c.returned, name)
	}
	return reason, returned
}
