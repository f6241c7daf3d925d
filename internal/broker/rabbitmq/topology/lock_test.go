package topology

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// hold takes the lock for a node, and keeps it until the test ends or the session does.
func hold(t *testing.T, n *node) {
	t.Helper()
	taken, end := make(chan struct{}), make(chan struct{})
	var holding sync.WaitGroup
	holding.Go(func() {
		_ = n.locked(context.Background(), func(context.Context, *link.Session, *lock) error {
			close(taken)
			<-end
			return nil
		})
	})
	t.Cleanup(func() { close(end); holding.Wait() })
	<-taken
}

// TestLock_GoesOnWhenItsOwnerIsGone: the owner of the lock loses its connection, or its process freezes. The next one gets
// the lock, and reads the record.
func TestLock_GoesOnWhenItsOwnerIsGone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lose   func(*testkit.Proxy)
		within time.Duration
	}{
		"cut":    {func(p *testkit.Proxy) { p.Refuse(true); p.Cut() }, 3 * time.Second},
		"frozen": {func(p *testkit.Proxy) { p.Stall(testkit.Up); p.Stall(testkit.Down) }, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			behind, proxy := s.through()
			one, two := behind.start(Config{Node: "one", Partitions: 2}), s.start(Config{Node: "two"})
			hold(t, one)
			short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := two.Refresh(short); err == nil {
				t.Fatal("two nodes have the lock at the same time")
			}
			c.lose(proxy)
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			defer cancel()
			began := time.Now()
			if r, err := two.Refresh(ctx); err != nil || r.Partitions != 2 {
				t.Fatalf("after %v: %+v, %v", time.Since(began), r, err)
			}
			t.Logf("the lock was free after %v", time.Since(began))
		})
	}
}

// TestLock_OneAtATime: many tools change the record at once, and no change gets lost.
func TestLock_OneAtATime(t *testing.T) {
	s := newSite(t)
	s.start(Config{Node: "one", Partitions: 2}).stop()
	var all sync.WaitGroup
	for i := range 5 {
		tool := at(t, s.urls)
		all.Go(func() {
			for range 4 {
				_, err := ChangeRecord(context.Background(), tool.conn, func(r *Record) error {
					r.Generations[i] = Generation{Number: r.Generation(i) + 1}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	r, err := ReadRecord(t.Context(), s.conn)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if r.Generation(i) != 5 {
			t.Errorf("partition %d is in generation %d, want 5", i, r.Generation(i))
		}
	}
	if r.Version != 22 { // the first one, and that everything is made
		t.Errorf("version %d, want 22", r.Version)
	}
}

// TestLock_AWriterThatHasLostTheLock: what a node writes after another one has got the lock does not count, for nobody.
func TestLock_AWriterThatHasLostTheLock(t *testing.T) {
	s := newSite(t)
	s.start(Config{Node: "one", Partitions: 2}).stop()
	l, err := acquire(t.Context(), plain{s.conn}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	late := l.record.clone()
	late.Version++
	late.Partitions = 77
	if err := l.write(t.Context(), *l.record); err != nil {
		t.Fatal(err)
	}
	body, err := late.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := l.send(t.Context(), "late", body); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("the late writer got %v", err)
	}
	l.release()
	if r, err := ReadRecord(t.Context(), s.conn); err != nil || r.Partitions != 2 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestLock_SurvivesADeliveryLimit: an operator's policy lets a message be delivered three times. Nodes come and go all the
// same, and some of them lose their connection while they have the lock.
func TestLock_SurvivesADeliveryLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := testkit.RabbitMQ(t).Manage(t.Context(), http.MethodPut, "/policies/"+url.PathEscape(testkit.VHostName(t, s.urls[0]))+"/limit",
		`{"pattern":".*","definition":{"delivery-limit":3},"apply-to":"queues"}`)
	if err != nil {
		t.Fatal(err)
	}
	s.start(Config{Node: "one", Partitions: 3}).stop()
	for i := range 12 {
		n := s.start(Config{Node: fmt.Sprint("node", i)})
		if n.now().Partitions != 3 {
			t.Fatalf("after %d starts: %+v", i, n.now())
		}
		n.stop()
		conn := at(t, s.urls).conn
		if _, err := acquire(t.Context(), plain{conn}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if ids := s.drain(link.DeadQueue); len(ids) > 0 {
		t.Errorf("%d dead letters", len(ids))
	}
}

// TestRecord_ThatIsNone: nobody takes something else for the record.
func TestRecord_ThatIsNone(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	n.stop()
	s.do(func(ch *amqp.Channel) error {
		_, err := ch.QueuePurge(link.RecordQueue, false)
		if err != nil {
			return err
		}
		return ch.Publish("", link.RecordQueue, true, false, amqp.Publishing{Type: typeRecord, Body: []byte(`{"version":1,"part`)})
	})
	_, err := s.open(Config{Node: "two", Partitions: 2})
	if errs.CodeOf(err) != errs.Conflict || !contains(err, link.RecordQueue) {
		t.Errorf("a new process: %v", err)
	}
	if _, err := ReadRecord(t.Context(), s.conn); errs.CodeOf(err) != errs.Conflict {
		t.Errorf("a tool: %v", err)
	}
}

// TestRecord_BesideSomethingElse: somebody publishes to the queue of the record, or replaces the record. Running nodes go on, and
// put it right.
func TestRecord_BesideSomethingElse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 2})
	for _, purge := range []bool{false, true} {
		s.do(func(ch *amqp.Channel) error {
			if purge {
				if _, err := ch.QueuePurge(link.RecordQueue, false); err != nil {
					return err
				}
			}
			return ch.Publish("", link.RecordQueue, true, false, amqp.Publishing{Body: []byte("junk")})
		})
		for range 2 {
			if r, err := n.Refresh(t.Context()); err != nil || r.Partitions != 2 {
				t.Fatalf("purged %v: %+v, %v", purge, r, err)
			}
		}
		if r, err := ReadRecord(t.Context(), s.conn); err != nil || r.Partitions != 2 {
			t.Errorf("purged %v: a tool reads %+v, %v", purge, r, err)
		}
	}
	if n.log.count("what is no record was removed") < 2 {
		t.Error("it says nothing about that")
	}
	select {
	case err := <-n.Failed():
		t.Error(err)
	default:
	}
	s.start(Config{Node: "two", Partitions: 2})
}

// TestRecord_IsWrittenAgain: the record vanishes while nodes run. They know it, and the one who knows the latest writes it.
func TestRecord_IsWrittenAgain(t *testing.T) {
	s := newSite(t)
	n := s.start(Config{Node: "one", Partitions: 3})
	s.do(func(ch *amqp.Channel) error { _, err := ch.QueuePurge(link.RecordQueue, false); return err })
	s.until(2*lookEvery, says("the record"), func() bool {
		r, err := ReadRecord(t.Context(), s.conn)
		return err == nil && r.Partitions == 3 && r.Version == n.now().Version
	})

	s.do(func(ch *amqp.Channel) error { _, err := ch.QueuePurge(link.RecordQueue, false); return err })
	n.mu.Lock()
	n.heard, n.heardAt = n.now().Version+1, time.Now()
	n.mu.Unlock()
	if _, err := n.Refresh(t.Context()); errs.CodeOf(err) != errs.Unavailable || !contains(err, "later one") {
		t.Errorf("a node that knows an old record: %v", err)
	}
}

// TestTool_WithoutARecord: a tool makes nothing.
func TestTool_WithoutARecord(t *testing.T) {
	s := newSite(t)
	if _, err := ReadRecord(t.Context(), s.conn); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("on a new broker: %v", err)
	}
	s.declare(link.RecordQueue, (plan{}).arguments((plan{}).recordQueue()))
	s.do(func(ch *amqp.Channel) error {
		if err := ch.ExchangeDeclare(link.QueuesExchange, "direct", true, false, false, false, nil); err != nil {
			return err
		}
		return ch.QueueBind(link.RecordQueue, link.RecordQueue, link.QueuesExchange, false, nil)
	})
	if _, err := ReadRecord(t.Context(), s.conn); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("with an empty queue: %v", err)
	}
}
