package topology

import (
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
)

// caller makes calls over one channel, or over another one when an error has closed that. It is for one goroutine.
type caller struct {
	s        *link.Session
	ch       *amqp.Channel
	doubtful func(b binding) bool // bindings that are removed before they are made; nil for none
}

func (c *caller) do(calls func(ch *amqp.Channel) error) (err error) {
	if c.ch == nil {
		c.ch, err = c.s.Channel(calls)
	} else {
		err = c.s.Do(func() error { return calls(c.ch) })
	}
	if err != nil {
		c.ch = nil
	}
	return err
}

func (c *caller) end() {
	if c.ch != nil {
		c.s.CloseChannel(c.ch)
	}
}

// hasExchange reports whether an exchange exists, in whatever form.
func (c *caller) hasExchange(e exchange) (bool, error) {
	err := c.do(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(e.name, e.kind, true, false, false, false, nil)
	})
	return found("exchange "+e.name, err)
}

// hasQueue reports whether a queue exists, in whatever form, and how many messages wait in it.
func (c *caller) hasQueue(name string) (state amqp.Queue, exists bool, err error) {
	err = c.do(func(ch *amqp.Channel) (err error) {
		state, err = ch.QueueDeclarePassive(name, true, false, false, false, nil)
		return err
	})
	exists, err = found("queue "+name, err)
	return state, exists, err
}

func found(what string, err error) (bool, error) {
	switch {
	case err == nil:
		return true, nil
	case link.IsAbsent(err):
		return false, nil
	}
	return false, fmt.Errorf("look for %s: %w", what, err)
}

// declareExchange makes an exchange. One that exists in another form is an error of class errs.Conflict.
func (c *caller) declareExchange(e exchange) error {
	err := c.do(func(ch *amqp.Channel) error {
		return ch.ExchangeDeclare(e.name, e.kind, true, false, false, false, nil)
	})
	if e2, ok := errors.AsType[*amqp.Error](err); ok && e2.Code == amqp.PreconditionFailed {
		return foreign("exchange "+e.name, e2.Reason, err)
	}
	if err != nil {
		return fmt.Errorf("declare exchange %s (needs the permission configure): %w", e.name, err)
	}
	return nil
}

// maxDifferences bounds how many differences of a queue are compared.
const maxDifferences = 12

// declareQueue makes a queue, or compares one that exists. One whose form could cost messages is an error of class
// errs.Conflict; one that an earlier version has made is not.
func (c *caller) declareQueue(p plan, q queue) error {
	arguments := p.arguments(q)
	for range maxDifferences {
		err := c.do(func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare(q.name, true, false, false, false, arguments)
			return err
		})
		e, ok := errors.AsType[*amqp.Error](err)
		switch {
		case err == nil:
			return nil
		case !ok || e.Code != amqp.PreconditionFailed:
			needs := "the permission configure"
			if q.letters.exchange != "" {
				needs += ", and for dead letters read on it and write on " + q.letters.exchange
			}
			return fmt.Errorf("declare queue %s (needs %s): %w", q.name, needs, err)
		}
		difference, ok := parseComplaint(e.Reason)
		if !ok || !difference.tolerable() {
			return foreign("queue "+q.name, e.Reason, err)
		}
		difference.adopt(arguments)
	}
	return fmt.Errorf("compare queue %s: it differs in more than %d arguments", q.name, maxDifferences)
}

// bind binds a queue. A binding that exists is no error. A doubtful one, which need not exist, is removed first.
func (c *caller) bind(queue string, b binding) error {
	err := c.do(func(ch *amqp.Channel) error {
		if c.doubtful != nil && c.doubtful(b) {
			if err := ch.QueueUnbind(queue, b.key, b.exchange, nil); err != nil {
				return err
			}
		}
		return ch.QueueBind(queue, b.key, b.exchange, false, nil)
	})
	if err != nil {
		return fmt.Errorf("bind queue %s to exchange %s (needs the permissions write on the queue and read on the exchange): %w",
			queue, b.exchange, err)
	}
	return nil
}

// make declares a queue and binds it.
func (c *caller) make(p plan, q queue) error {
	if err := c.declareQueue(p, q); err != nil {
		return err
	}
	return c.bindAll(q)
}

func (c *caller) bindAll(q queue) error {
	for _, b := range q.bindings {
		if err := c.bind(q.name, b); err != nil {
			return err
		}
	}
	return nil
}
