package rabbitmq_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/testkit"
)

// publishSoon publishes until it succeeds and returns how long that took.
func publishSoon(t *testing.T, d *rabbitmq.Driver, m chat.Message) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := d.Publish(t.Context(), m)
		if err == nil {
			return time.Since(began)
		}
		if errs.CodeOf(err) != errs.Unavailable || time.Since(began) > 20*time.Second {
			t.Fatalf("Publish after %v: %v", time.Since(began), err)
		}
	}
}

// TestOpen_WaitsForABroker: a broker that cannot be reached yet is not an error.
func TestOpen_WaitsForABroker(t *testing.T) {
	node := testkit.RabbitMQ(t).Node(0)
	proxy := testkit.StartProxy(t, node.Addr())
	proxy.Refuse(true)
	d := open(t, rabbitmq.Config{URLs: through(testkit.VHost(t), node.Addr(), proxy)})
	if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("Check without a broker: %v, want class %s", err, errs.Unavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := d.Publish(ctx, numbered("a", 1)); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("Publish without a broker: %v, want class %s", err, errs.Unavailable)
	}
	proxy.Refuse(false)
	publishSoon(t, d, numbered("a", 1))
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
}

// TestDriver_StalledLink: a link that carries nothing any more is noticed, although it is not closed, and left for another
// address. The calls of a sender end with its context.
func TestDriver_StalledLink(t *testing.T) {
	t.Parallel()
	node := testkit.RabbitMQ(t).Node(0)
	proxy := testkit.StartProxy(t, node.Addr())
	direct := testkit.VHost(t)
	stalled := through(direct, node.Addr(), proxy)
	l := newLedger(t)
	d := open(t, rabbitmq.Config{URLs: stalled})
	go func() { _ = d.Consume(t.Context(), l.handler("stalled")) }()
	other := open(t, rabbitmq.Config{URLs: append(direct, stalled...)})
	publishSoon(t, d, numbered("a", 1))
	l.until("the first message", func() bool { return l.last["a"] == 1 })
	stop := consumeIn(t, other, l, "other")
	defer stop()

	proxy.Stall(testkit.Up)
	proxy.Stall(testkit.Down)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := d.Publish(ctx, numbered("b", 1)); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("Publish over a stalled link: %v, want class %s", err, errs.Unavailable)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("Publish with a context of 300 ms took %v", took)
	}
	t.Logf("another driver publishes after %v", publishSoon(t, other, numbered("a", 2)).Round(time.Millisecond))
	l.until("the takeover", func() bool { return l.last["a"] == 2 })
	t.Logf("taken over after %v", time.Since(began).Round(time.Millisecond))
	proxy.Resume(testkit.Up)
	proxy.Resume(testkit.Down)
	publishSoon(t, d, numbered("b", 1))
	l.until("the rest", func() bool { return l.last["b"] == 1 })
}

func consumeIn(t *testing.T, d *rabbitmq.Driver, l *ledger, node string) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Consume(ctx, l.handler(node)) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Consume: %v", err)
		}
	}
}

// TestDriver_DeadNode: a node that dies without a goodbye loses its partitions to the others.
func TestDriver_DeadNode(t *testing.T) {
	t.Parallel()
	node := testkit.RabbitMQ(t).Node(0)
	proxy := testkit.StartProxy(t, node.Addr())
	direct := testkit.VHost(t)
	l := newLedger(t)
	stop := load(t, open(t, rabbitmq.Config{URLs: direct}))
	alive := startConsumer(t, l, direct)
	dead := startConsumer(t, l, through(direct, node.Addr(), proxy))
	l.untilHeld("two nodes", 4, 4)
	proxy.Refuse(true)
	proxy.Cut()
	l.untilHeld("one of them is cut off", 8)
	waitUntil(t, "the other to be believed dead", func() bool { return len(alive.table.Alive(peer.Consumer, time.Now())) == 1 })
	proxy.Refuse(false)
	l.untilHeld("it is back", 4, 4)
	sent := stop()
	l.until("the rest", func() bool { return maps.Equal(l.last, sent) })
	t.Logf("%d repeats", l.repeats)
	_ = dead
}

// TestDriver_LeaderKilled: of three nodes of the broker, one with leaders is killed under load.
func TestDriver_LeaderKilled(t *testing.T) {
	t.Parallel()
	cluster := testkit.OwnRabbitMQ(t, 3)
	l := newLedger(t)
	publisher := open(t, rabbitmq.Config{URLs: cluster.URLs()})
	for _, id := range []string{"one", "two"} {
		defer consumeIn(t, open(t, rabbitmq.Config{URLs: cluster.URLs()}), l, id)()
	}
	stop := load(t, publisher)
	l.until("the start", func() bool { return len(l.last) == partitions && l.last[roomOf(0)] > 20 })
	out, err := cluster.Node(0).Ctl(t.Context(), "list_queues", "name", "leader")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		t.Logf("node %d leads %d queues", i, strings.Count(out, cluster.Node(i).Name()))
	}
	at := maps.Clone(l.counts())
	began := time.Now()
	cluster.Node(0).Kill()
	l.until("every partition to go on", func() bool {
		for room, n := range l.last {
			if n < at[room]+50 {
				return false
			}
		}
		return true
	})
	t.Logf("50 more messages of each partition %v after the kill", time.Since(began).Round(time.Millisecond))
	sent := stop()
	l.until("the rest", func() bool { return maps.Equal(l.last, sent) })
	t.Logf("%d messages, %d repeats", total(sent), l.repeats)
}

func (l *ledger) counts() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.last)
}

func total(sent map[string]int) (n int) {
	for _, m := range sent {
		n += m
	}
	return n
}

// TestDriver_MemoryAlarm: while the broker accepts nothing, senders get errors at once; what it has is consumed, and nothing is
// lost.
func TestDriver_MemoryAlarm(t *testing.T) {
	node := testkit.RabbitMQ(t).Node(0)
	watermark := func(level string) {
		t.Helper()
		if _, err := node.Ctl(context.WithoutCancel(t.Context()), "set_vm_memory_high_watermark", level); err != nil {
			t.Fatal(err)
		}
	}
	urls := testkit.VHost(t)
	l := newLedger(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg})
	for n := 1; n <= 20; n++ {
		publishSoon(t, d, numbered("a", n))
	}
	watermark("0.00001")
	defer watermark("0.4")
	// The broker sends the alarm to a connection that publishes. That message may wait in its socket.
	for late := time.Now().Add(5 * time.Second); ; {
		began := time.Now()
		err := d.Publish(t.Context(), numbered("a", 21))
		if err == nil && time.Now().Before(late) {
			continue // the alarm is raised a moment later
		}
		if errs.CodeOf(err) != errs.Unavailable || d.Retryable(err) || time.Since(began) > 2*time.Second {
			t.Fatalf("Publish during an alarm: %v after %v, want one of class %s at once that is not retried", err, time.Since(began), errs.Unavailable)
		}
		break
	}
	if blocked := metric(t, reg, "restante_broker_blocked"); blocked != 1 {
		t.Errorf("restante_broker_blocked %v, want 1", blocked)
	}
	began := time.Now()
	for range 100 {
		if err := d.Publish(t.Context(), numbered("a", 21)); errs.CodeOf(err) != errs.Unavailable || d.Retryable(err) {
			t.Fatalf("Publish during an alarm: %v", err)
		}
		if err := d.Check(t.Context()); errs.CodeOf(err) != errs.Unavailable {
			t.Fatalf("Check during an alarm: %v", err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("100 refusals took %v", took)
	}
	defer consumeIn(t, d, l, "one")()
	l.until("what was accepted to be consumed during the alarm", func() bool { return l.last["a"] >= 20 })
	watermark("0.4")
	t.Logf("published again after %v", publishSoon(t, d, numbered("a", 21)).Round(time.Millisecond))
	if err := d.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	l.until("the last message", func() bool { return l.last["a"] == 21 })
	publishSoon(t, d, numbered("a", 22))
	l.until("another", func() bool { return l.last["a"] == 22 })
	if l.repeats > 50 {
		t.Errorf("what was refused during the alarm was sent all the same: %d repeats", l.repeats)
	}
}

// TestOpen_Refusals: what waiting cannot repair is an error that says what to do, without the password.
func TestOpen_Refusals(t *testing.T) {
	url := testkit.VHost(t)[0]
	open(t, rabbitmq.Config{URLs: []string{url}, Partitions: 4})
	for _, c := range []struct {
		name, url  string
		partitions int
		class      errs.Code
		says       string
	}{
		{"no scheme", "guest:hunter2@localhost", 0, errs.Invalid, "amqp://"},
		{"bad port", strings.Replace(url, "guest:guest@127.0.0.1:", "guest:hunter2@127.0.0.1:x", 1), 0, errs.Invalid, "amqp://"},
		{"password", strings.Replace(url, "guest:guest", "guest:hunter2", 1), 0, errs.Forbidden, "password"},
		{"virtual host", strings.Replace(url, "?", "-none?", 1), 0, errs.NotFound, "virtual host"},
		{"TLS to a port without", strings.Replace(url, "amqp:", "amqps:", 1), 0, errs.Invalid, "TLS"},
		{"CA file", strings.Replace(url, "amqp:", "amqps:", 1) + "&cacertfile=/nowhere.pem", 0, errs.Invalid, "/nowhere.pem"},
		{"partitions", url, 8, errs.Conflict, "4 partitions"},
		{"plausible partitions", url, -1, errs.Invalid, "partitions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: []string{c.url}, Partitions: c.partitions})
			if err == nil {
				d.Close()
				t.Fatal("Open has succeeded")
			}
			if errs.CodeOf(err) != c.class || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("Open: %s (class %s), want class %s and %q, and no password", err, errs.CodeOf(err), c.class, c.says)
			}
		})
	}
	if _, err := rabbitmq.Open(t.Context(), rabbitmq.Config{}); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("Open without an address: %v", err)
	}
	if _, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: []string{url, strings.Replace(url, "?", "x?", 1)}}); errs.CodeOf(err) != errs.Invalid {
		t.Errorf("Open with two virtual hosts: %v", err)
	}
}

// TestOpen_KeepsPartitions: the number of partitions is what the broker has.
func TestOpen_KeepsPartitions(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 3})
	publishSoon(t, d, numbered("a", 1))
	l := newLedger(t)
	defer consumeIn(t, open(t, rabbitmq.Config{URLs: urls}), l, "one")()
	l.until("the message", func() bool { return l.last["a"] == 1 })
}
