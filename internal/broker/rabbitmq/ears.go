package rabbitmq

import (
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
)

const (
	maxHeard = 10_000 // announcements that may wait for a node at the broker; it drops older ones and says so

	echoKey      = "hub."     // and the node: the routing key of echoes
	droppedNames = ".dropped" // after the name of a hub's queue: where the broker says that it has dropped something
)

// ears are what a subscription hears with: a channel with a queue for announcements and echoes, and beside it a queue of
// length 1 that gets what the broker drops from the first one.
type ears struct {
	s    *link.Session
	ch   *amqp.Channel
	key  string // of echoes
	ends chan *amqp.Error

	heard     *backlog      // announcements and echoes
	dropped   chan struct{} // buffered, one element: the broker has dropped announcements
	signsOver chan struct{} // closed when such signs can arrive no more
}

// listenToAll declares the two queues and listens to them. The name must be unused, or that of an attempt that has failed on
// the same session. Announcements and echoes come over one binding, so that nothing can cut off only one of them. Consuming
// acknowledges nothing but signs: the broker sends one sign at a time, so that they do not fill a link that is too slow
// already.
func listenToAll(s *link.Session, name string) (*ears, error) {
	e := &ears{
		s: s, key: echoKey + name, dropped: make(chan struct{}, 1), signsOver: make(chan struct{}),
		ends: make(chan *amqp.Error, 1),
	}
	queue := hubQueue + name
	var deliveries, signs <-chan amqp.Delivery
	ch, err := s.Channel(func(ch *amqp.Channel) (err error) {
		if err = declareHub(ch, queue); err != nil {
			return err
		}
		if err = ch.Qos(1, 0, false); err != nil { // for signs; it does not apply where nothing is acknowledged
			return err
		}
		if signs, err = ch.Consume(queue+droppedNames, "", false, true, false, false, nil); err != nil {
			return err
		}
		deliveries, err = ch.Consume(queue, "", true, true, false, false, nil)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen to %s: %w", messagesExchange, err)
	}
	ch.NotifyClose(e.ends)
	e.ch, e.heard = ch, gather(deliveries, maxHeardBytes)
	go func() { // ends with the channel
		defer close(e.signsOver)
		for sign := range signs {
			_ = sign.Ack(false) // it fails only with the channel
			select {
			case e.dropped <- struct{}{}:
			default:
			}
		}
	}()
	return e, nil
}

// declareHub declares the queue of a hub, and the exchange and the queue for what is dropped from it. All of them go with
// the connection. The exchange exists because the user may have no rights on the default exchange. What the queue drops is
// said by its arguments, which win over policies.
func declareHub(ch *amqp.Channel, queue string) error {
	signs := queue + droppedNames
	if err := ch.ExchangeDeclare(signs, amqp.ExchangeFanout, false, true, false, false, nil); err != nil {
		return err
	}
	if _, err := ch.QueueDeclare(signs, false, true, true, false, amqp.Table{"x-max-length": 1}); err != nil {
		return err
	}
	if err := ch.QueueBind(signs, "", signs, false, nil); err != nil {
		return err
	}
	_, err := ch.QueueDeclare(queue, false, true, true, false, amqp.Table{
		"x-max-length": maxHeard, "x-overflow": "drop-head", "x-dead-letter-exchange": signs,
	})
	if err != nil {
		return err
	}
	return ch.QueueBind(queue, "#", messagesExchange, false, nil)
}

// echo publishes an echo: every hub hears it, and this one must. It does not block. If it fails, the channel has ended.
func (e *ears) echo() {
	_ = e.ch.Publish(messagesExchange, e.key, false, false, amqp.Publishing{DeliveryMode: amqp.Transient})
}

// why returns the error of a channel that has ended.
func (e *ears) why() error {
	if cause := e.s.Why(); cause != nil {
		return cause
	}
	select {
	case err, ok := <-e.ends:
		switch {
		case !ok: // somebody else has closed it
		case err.Server:
			return fmt.Errorf("%w: %w", errInterrupted, err)
		default: // the connection is lost
			return err
		}
	default: // the broker has cancelled a consumer, because its queue is gone
	}
	return errInterrupted
}

// end closes the channel, and waits until nothing more arrives. A broker with an alarm does not read that the channel is
// closed, so the session ends then.
func (e *ears) end() {
	if e.s.Alarm() != nil {
		e.s.End(errInterrupted)
	}
	e.s.CloseChannel(e.ch)
	<-e.heard.over
	<-e.signsOver
}
