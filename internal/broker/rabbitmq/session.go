package rabbitmq

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

// session is one connection to the broker, from dialling to its loss. It does not come back; a link makes the next one.
type session struct {
	conn    *amqp.Connection
	socket  *socket
	host    string
	senders []*sender     // those of a link that publishes
	lost    chan struct{} // closed when the connection has ended

	mu      sync.Mutex
	cause   error         // why it was lost
	alarm   string        // why the broker takes nothing
	blocked chan struct{} // closed while it takes nothing, replaced when that is over
}

// Limits of a connection.
const (
	heartbeat     = 2 * time.Second // a peer that is silent for about two of them is lost
	dialTimeLimit = 5 * time.Second // to connect to one address, TLS and login included
	callTimeLimit = 5 * time.Second // for one answer of the broker
	endTimeLimit  = time.Second     // for an orderly end
)

// dial connects to one address, under a name that the broker shows. Alarm is told the reason when the broker stops taking
// messages, and "" when it takes them again.
func dial(ctx context.Context, a address, name string, alarm func(reason string)) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeLimit)
	defer cancel()
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(name)
	config := amqp.Config{Heartbeat: heartbeat, Properties: properties}
	uri, err := parseURL(a.url)
	if err != nil {
		return nil, err
	}
	if uri.AuthMechanism == nil {
		config.SASL = []amqp.Authentication{&plain{*uri.PlainAuth(), properties}}
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
func watch(conn *amqp.Connection, socket *socket, host string, alarm func(reason string)) *session {
	s := &session{
		conn: conn, socket: socket, host: host,
		lost: make(chan struct{}), blocked: make(chan struct{}),
	}
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	alarms := conn.NotifyBlocked(make(chan amqp.Blocking))
	go func() { // ends with the connection, which close and kill wait for
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

func (s *session) setAlarm(a amqp.Blocking, alarm func(reason string)) {
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

// whileBlocked returns a channel that is closed while the broker takes no messages because of an alarm of its own.
func (s *session) whileBlocked() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blocked
}

// isBlocked reports whether there is an alarm now.
func (s *session) isBlocked() bool {
	select {
	case <-s.whileBlocked():
		return true
	default:
		return false
	}
}

// why returns why the session was lost, nil as long as it is not.
func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// do runs calls of the client library, which end when the broker has answered. A broker that does not answer in time is
// as good as lost.
func (s *session) do(calls func() error) error {
	slow := time.AfterFunc(callTimeLimit, func() {
		s.kill(fmt.Errorf("the broker has not answered within %v", callTimeLimit))
	})
	defer slow.Stop()
	return calls()
}

// channel opens a channel, and prepares it by calls that end when the broker has answered.
func (s *session) channel(prepare func(ch *amqp.Channel) error) (*amqp.Channel, error) {
	var ch *amqp.Channel
	err := s.do(func() (err error) {
		if ch, err = s.conn.Channel(); err != nil {
			return err
		}
		if err = prepare(ch); err != nil {
			_ = ch.Close() // which it may be already
		}
		return err
	})
	return ch, err
}

// closeChannel ends a channel: what was delivered on it and not acknowledged goes back to where it was in its queue.
func (s *session) closeChannel(ch *amqp.Channel) {
	_ = s.do(ch.Close) // fails only with the connection, which has the same effect
}

// kill ends the session at once, for a reason.
func (s *session) kill(why error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = why
	}
	s.mu.Unlock()
	s.socket.kill()
}

// close ends the session in an orderly way, if the broker agrees soon, and waits until nothing is left of it.
func (s *session) close() {
	late := time.AfterFunc(endTimeLimit, s.socket.kill) // a broker with an alarm does not even read this
	defer late.Stop()
	if err := s.conn.Close(); err != nil && !errors.Is(err, amqp.ErrClosed) {
		s.socket.kill()
	}
	<-s.lost
}
