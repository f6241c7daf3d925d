package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// Session is one connection to the broker, from dialling to its loss. It does not come back; the Link makes the next one.
type Session struct {
	conn    *amqp.Connection
	socket  *socket
	host    string
	senders []*Sender         // those of a link that publishes
	report  func(what string) // gets what is missing on the broker
	lost    chan struct{}     // closed when the connection has ended

	mu      sync.Mutex
	cause   error         // why it was lost
	alarm   string        // why the broker accepts no messages
	blocked chan struct{} // closed while the broker accepts no messages, replaced when that is over
}

// Limits of a connection.
const (
	amqpHeartbeat = 2 * time.Second // a broker that is silent for about two of them is lost
	dialTimeLimit = 5 * time.Second // to connect to one address, TLS and login included
	callTimeLimit = 5 * time.Second // for one answer of the broker
	endTimeLimit  = time.Second     // for an orderly end
)

// dial connects to one address, under a name that the broker shows. It calls alarm with the reason when the broker stops
// accepting messages, and with "" when it accepts them again.
func dial(ctx context.Context, a address, name string, alarm func(reason string)) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeLimit)
	defer cancel()
	config, err := connectionConfig(a, name, amqpHeartbeat)
	if err != nil {
		return nil, err
	}
	// The client library knows no context. It fails when the socket is closed.
	var s *socket
	stop := func() bool { return true }
	config.Dial = func(network, host string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, host)
		if err != nil {
			return nil, err
		}
		s = newSocket(conn)
		stop = context.AfterFunc(ctx, s.kill)
		return s, nil
	}
	conn, err := amqp.DialConfig(a.url, config)
	if !stop() {
		err = fmt.Errorf("no answer in time: %w", context.Cause(ctx))
	}
	if err != nil {
		if s != nil {
			s.kill() // the library leaves it open
		}
		return nil, err
	}
	return watch(conn, s, a.host, alarm), nil
}

// watch returns the session of a connection. It follows the connection until that is lost.
func watch(conn *amqp.Connection, socket *socket, host string, alarm func(reason string)) *Session {
	s := &Session{
		conn: conn, socket: socket, host: host,
		lost: make(chan struct{}), blocked: make(chan struct{}), report: func(string) {},
	}
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	alarms := conn.NotifyBlocked(make(chan amqp.Blocking))
	go func() { // ends with the connection
		for a := range alarms {
			s.setAlarm(a, alarm)
		}
		cause := errs.Wrap(errs.Unavailable, net.ErrClosed, "the connection to the broker was closed")
		if e, ok := <-closed; ok {
			cause = e
		}
		s.mu.Lock()
		if s.cause == nil {
			s.cause = cause
		}
		s.mu.Unlock()
		close(s.lost)
	}()
	return s
}

func (s *Session) setAlarm(a amqp.Blocking, alarm func(reason string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case a.Active && s.alarm == "":
		s.alarm = cmp.Or(a.Reason, "no reason given")
		close(s.blocked)
	case !a.Active && s.alarm != "":
		s.alarm = ""
		s.blocked = make(chan struct{})
	default:
		return
	}
	alarm(s.alarm)
}

// whileBlocked returns a channel that is closed while the broker has an alarm and accepts no messages.
func (s *Session) whileBlocked() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked
}

// Alarm returns an error while the broker has an alarm and accepts no messages, which may last.
func (s *Session) Alarm() error {
	select {
	case <-s.whileBlocked():
		return s.alarmed()
	default:
		return nil
	}
}

// alarmed returns the error of a message that the broker does not accept because of an alarm.
func (s *Session) alarmed() error {
	s.mu.Lock()
	reason := s.alarm
	s.mu.Unlock()
	return errs.Wrap(errs.Unavailable, errors.New(reason), "the broker is short of memory or disk and takes no messages")
}

// Lost returns a channel that is closed when the connection has ended.
func (s *Session) Lost() <-chan struct{} { return s.lost }

// Why returns why the session was lost, nil as long as it is not.
func (s *Session) Why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// BrokerVersion returns the version of RabbitMQ, "" if the broker has not sent one.
func (s *Session) BrokerVersion() string {
	version, _ := s.conn.Properties["version"].(string)
	return version
}

// Classify gives an error of a call over this session its class: errs.Unavailable if waiting may help, another one if an
// operator must act.
func (s *Session) Classify(err error) error {
	if err == nil {
		return nil
	}
	if r := refused(err, s.host); r != nil {
		return r
	}
	return errs.Wrap(errs.Unavailable, err, "the broker at %s has not done what it was asked for", s.host)
}

// Do runs calls of the client library, which end when the broker has answered. If the broker does not answer in time, Do
// ends the session.
func (s *Session) Do(calls func() error) error {
	slow := time.AfterFunc(callTimeLimit, func() {
		s.kill(fmt.Errorf("the broker has not answered within %v", callTimeLimit))
	})
	defer slow.Stop()
	return calls()
}

// Channel opens a channel, and prepares it with calls that end when the broker has answered.
func (s *Session) Channel(prepare func(ch *amqp.Channel) error) (*amqp.Channel, error) {
	var ch *amqp.Channel
	err := s.Do(func() (err error) {
		if ch, err = s.conn.Channel(); err != nil {
			return err
		}
		if err = prepare(ch); err != nil {
			_ = ch.Close() // it may be closed already
		}
		return err
	})
	return ch, err
}

// CloseChannel closes a channel. Deliveries of it that were not acknowledged go back to where they were in their queue.
func (s *Session) CloseChannel(ch *amqp.Channel) {
	_ = s.Do(ch.Close) // it fails only with the connection, which has the same effect
}

// End ends the session at once, for a reason, because it is of no use any more. The link makes the next one.
func (s *Session) End(why error) { s.kill(why) }

// kill ends the session at once, for a reason.
func (s *Session) kill(why error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = why
	}
	s.mu.Unlock()
	s.socket.kill()
}

// close ends the session in an orderly way if the broker answers within endTimeLimit. It waits until the session has ended.
func (s *Session) close() {
	late := time.AfterFunc(endTimeLimit, s.socket.kill) // a broker with an alarm does not even read this
	defer late.Stop()
	if err := s.conn.Close(); err != nil && !errors.Is(err, amqp.ErrClosed) {
		s.socket.kill()
	}
	<-s.lost
}
