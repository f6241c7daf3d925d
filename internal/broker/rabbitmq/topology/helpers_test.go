package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainWithoutBinary(m) }

// site is a virtual host, and the hands of an operator on it.
type site struct {
	t    *testing.T
	urls []string
	conn *amqp.Connection
}

func newSite(t *testing.T) *site { return at(t, testkit.VHost(t)) }

func at(t *testing.T, urls []string) *site {
	t.Helper()
	conn, err := amqp.Dial(urls[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &site{t, urls, conn}
}

// do calls over a channel of its own.
func (s *site) do(calls func(ch *amqp.Channel) error) {
	s.t.Helper()
	ch, err := s.conn.Channel()
	if err == nil {
		err = errors.Join(calls(ch), ch.Close())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) declare(queue string, arguments amqp.Table) {
	s.t.Helper()
	s.do(func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(queue, true, false, false, false, arguments)
		return err
	})
}

func (s *site) deleteQueue(name string) {
	s.t.Helper()
	s.do(func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(name, false, false, false)
		return err
	})
}

func (s *site) deleteExchange(name string) {
	s.t.Helper()
	s.do(func(ch *amqp.Channel) error { return ch.ExchangeDelete(name, false, false) })
}

// deleteWhileBinding deletes an exchange while some connections bind queues to it. RabbitMQ 4.3 keeps bindings that it notes just
// after the deletion. When the exchange is made again it lists them, and does not use them.
func (s *site) deleteWhileBinding(exchange string, bound map[string]string) {
	s.t.Helper()
	var binding, ended sync.WaitGroup
	var deleted atomic.Bool
	for queue, key := range bound {
		for range 4 {
			ch, err := s.conn.Channel()
			if err != nil {
				s.t.Fatal(err)
			}
			begun := sync.OnceFunc(binding.Done)
			binding.Add(1)
			ended.Go(func() {
				defer ch.Close()
				defer begun()
				for !deleted.Load() && ch.QueueBind(queue, key, exchange, false, nil) == nil {
					begun()
				}
			})
		}
	}
	binding.Wait()
	s.deleteExchange(exchange)
	deleted.Store(true)
	ended.Wait()
}

// reaches reports whether a message finds a queue.
func (s *site) reaches(exchange, key string) bool {
	s.t.Helper()
	ch, err := s.conn.Channel()
	if err != nil {
		s.t.Fatal(err)
	}
	defer ch.Close()
	returned := ch.NotifyReturn(make(chan amqp.Return, 1))
	if err := ch.Confirm(false); err != nil {
		s.t.Fatal(err)
	}
	confirm, err := ch.PublishWithDeferredConfirm(exchange, key, true, false, amqp.Publishing{Body: []byte("here")})
	if err != nil {
		s.t.Fatal(err)
	}
	if !confirm.Wait() {
		return false // the exchange does not exist
	}
	select {
	case r, ok := <-returned:
		return !ok || r.ReplyCode == 0
	default:
		return true
	}
}

// whole fails the test unless everything is there soon.
func (s *site) whole(within time.Duration, r func() *Record) {
	s.t.Helper()
	var missing string
	s.until(within, func() string { return "everything to be there again: no way by " + missing }, func() bool {
		record := r()
		ways := []binding{{link.InboxExchange, "room"}, {link.DeadExchange, ""}, {link.QueuesExchange, link.RemovedQueue}}
		for q := range record.Partitions {
			ways = append(ways, binding{link.IntakeExchange, IntakeKey(q, record.Generation(q))}, binding{link.QueuesExchange, intakeName(q)})
		}
		for _, w := range ways {
			if !s.reaches(w.exchange, w.key) {
				missing = w.exchange + " " + w.key
				return false
			}
		}
		for _, name := range []string{link.MessagesExchange, link.NodesExchange, link.QueuesExchange} {
			if !s.exists(name) {
				missing = name
				return false
			}
		}
		return true
	})
}

func (s *site) exists(exchange string) bool {
	ch, err := s.conn.Channel()
	if err != nil {
		s.t.Fatal(err)
	}
	defer ch.Close()
	return ch.ExchangeDeclarePassive(exchange, "", true, false, false, false, nil) == nil
}

// until polls for what no event tells.
func (s *site) until(within time.Duration, what func() string, condition func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(within); !condition(); {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("waited %v for %s", within, what())
		}
	}
}

func says(what string) func() string { return func() string { return what } }

// node is a keeper at work.
type node struct {
	*Keeper
	stop func()
	log  *lines
}

// lines is a log that is kept.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// open connects a keeper, and returns the error of that.
func (s *site) open(cfg Config) (*node, error) {
	s.t.Helper()
	n := &node{log: &lines{}}
	cfg.Log = slog.New(slog.NewTextHandler(n.log, nil))
	broker, err := link.NewBroker(s.urls, "test "+cfg.Node, cfg.Log)
	if err != nil {
		return nil, err
	}
	n.Keeper = NewKeeper(broker, cfg)
	err = n.Connect(s.t.Context())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	n.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	s.t.Cleanup(func() {
		n.stop()
		if s.t.Failed() {
			s.t.Logf("log of %s:\n%s", cfg.Node, n.log.text.String())
		}
	})
	if err != nil {
		n.stop()
	}
	return n, err
}

// start opens a keeper and waits until everything is made.
func (s *site) start(cfg Config) *node {
	s.t.Helper()
	n, err := s.open(cfg)
	if err == nil {
		_, err = n.Await(s.t.Context())
	}
	if err != nil {
		s.t.Fatalf("node %s: %v", cfg.Node, err)
	}
	return n
}

func (n *node) now() *Record {
	r, _ := n.Record()
	return &r
}

// through returns the site as it is seen through a proxy.
func (s *site) through() (*site, *testkit.Proxy) {
	address, proxy := testkit.Through(s.t, s.urls[0])
	return &site{s.t, []string{address}, s.conn}, proxy
}

// put publishes messages of a node, numbered from a number on, straight to a queue.
func put(ctx context.Context, s *link.Session, queue, from string, numbers ...int) error {
	sender, err := s.NewSender()
	if err != nil {
		return err
	}
	defer sender.Close()
	for _, n := range numbers {
		o := &link.Outgoing{Exchange: link.QueuesExchange, Key: queue, Mandatory: true}
		o.AppId, o.CorrelationId, o.MessageId = from, fmt.Sprint(n), fmt.Sprint(from, n)
		if err := sender.Publish(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// drain takes everything out of a queue.
func (s *site) drain(queue string) (ids []string) {
	s.t.Helper()
	s.do(func(ch *amqp.Channel) error {
		state, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil {
			return err
		}
		deliveries, err := ch.Consume(queue, "", true, false, false, false, nil)
		for range state.Messages {
			ids = append(ids, (<-deliveries).MessageId)
		}
		return err
	})
	return ids
}

func contains(err error, text string) bool { return err != nil && strings.Contains(err.Error(), text) }

func count(text, part string) int { return strings.Count(text, part) }
