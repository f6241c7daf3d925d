package rabbitmq_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/testkit"
)

const partitions = 8

// ledger stands for the store: it keeps the first copy of each message, and notes which node has handled which partition last.
type ledger struct {
	t       *testing.T
	mu      sync.Mutex
	last    map[string]int // number of the last message of a room
	holder  [partitions]string
	repeats int
	changed chan struct{}
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, last: map[string]int{}, changed: make(chan struct{}, 1)}
}

// numbered returns the nth message of a room.
func numbered(room string, n int) chat.Message {
	return chat.Message{
		ID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, room, n)).String(), Room: room, ClientID: "test", Msg: strconv.Itoa(n),
		SentAt: chat.Micros(time.Now()),
	}
}

func (l *ledger) handler(node string) func(context.Context, []chat.Message) error {
	return func(_ context.Context, batch []chat.Message) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, m := range batch {
			l.holder[link.Partition(m.Room, partitions)] = node
			n, _ := strconv.Atoi(m.Msg)
			switch last := l.last[m.Room]; {
			case n <= last:
				l.repeats++
			case n > last+1:
				l.t.Errorf("room %s: message %d comes after %d", m.Room, n, last)
				fallthrough
			default:
				l.last[m.Room] = n
			}
		}
		select {
		case l.changed <- struct{}{}:
		default:
		}
		return nil
	}
}

// held returns how many partitions each node has handled last, in rising order, and of which nodes.
func (l *ledger) held() (counts []int, by map[string]int) {
	by = map[string]int{}
	for _, node := range l.holder {
		if node != "" {
			by[node]++
		}
	}
	return slices.Sorted(maps.Values(by)), by
}

// until waits until a condition on the ledger holds.
func (l *ledger) until(what string, condition func() bool) time.Duration {
	l.t.Helper()
	began := time.Now()
	late := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		ok := condition()
		l.mu.Unlock()
		if ok {
			return time.Since(began)
		}
		select {
		case <-l.changed:
		case <-late:
			l.mu.Lock()
			_, by := l.held()
			l.mu.Unlock()
			l.t.Fatalf("waited for %s; partitions are held by %v", what, by)
		}
	}
}

func (l *ledger) untilHeld(what string, want ...int) {
	l.t.Helper()
	took := l.until(what, func() bool { counts, _ := l.held(); return slices.Equal(counts, want) })
	l.t.Logf("%s: %v after %v", what, want, took.Round(time.Millisecond))
}

// consumer is a node that only consumes.
type consumer struct {
	id    string
	table *peer.Table
	d     *rabbitmq.Driver
	stop  func()
}

func startConsumer(t *testing.T, l *ledger, urls []string) *consumer {
	t.Helper()
	c := &consumer{id: peer.NewID()}
	c.table = peer.NewTable(peer.Node{ID: c.id, Roles: []peer.Role{peer.Consumer}})
	c.d = open(t, rabbitmq.Config{URLs: urls, Peers: c.table})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.d.Consume(ctx, l.handler(c.id)) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Consume: %v", err)
		}
	})
	t.Cleanup(c.stop)
	return c
}

// roomOf returns a room of a partition.
func roomOf(q int) string {
	for i := 0; ; i++ {
		if room := fmt.Sprint("room-", i); link.Partition(room, partitions) == q {
			return room
		}
	}
}

// load publishes to a room of each partition, each message after the one before was confirmed, until stop is called.
func load(t *testing.T, d *rabbitmq.Driver) (stop func() (sent map[string]int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	sent := [partitions]int{}
	for q := range partitions {
		wg.Go(func() {
			for n := 1; ctx.Err() == nil; {
				err := d.Publish(context.WithoutCancel(ctx), numbered(roomOf(q), n))
				switch {
				case err == nil:
					sent[q] = n
					n++
				case !d.Retryable(err):
					t.Errorf("Publish: %v", err)
					return
				}
			}
		})
	}
	stop = sync.OnceValue(func() map[string]int {
		cancel()
		wg.Wait()
		all := map[string]int{}
		for q, n := range sent {
			all[roomOf(q)] = n
		}
		return all
	})
	t.Cleanup(func() { stop() })
	return stop
}

// TestDriver_BalancesPartitions lets nodes come and go under load: partitions are spread evenly soon after, and nothing is
// lost or out of order.
func TestDriver_BalancesPartitions(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	l := newLedger(t)
	stop := load(t, open(t, rabbitmq.Config{URLs: urls}))
	first := startConsumer(t, l, urls)
	l.untilHeld("one node", 8)
	second := startConsumer(t, l, urls)
	l.untilHeld("a second", 4, 4)
	startConsumer(t, l, urls)
	l.untilHeld("a third", 2, 3, 3)

	first.stop()
	if err := first.d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	l.until("the first to have left", func() bool { _, by := l.held(); return by[first.id] == 0 })
	l.untilHeld("after a clean stop", 4, 4)
	if _, known := second.table.Find(first.id); known {
		t.Error("a node that has said goodbye is still known")
	}

	sent := stop()
	l.until("the rest", func() bool { return maps.Equal(l.last, sent) })
	t.Logf("%d repeats", l.repeats)
}

// TestDriver_BalancesWhenIdle: the owner of a partition gets its first message, also if no message came while nodes started.
func TestDriver_BalancesWhenIdle(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	l := newLedger(t)
	var nodes []*consumer
	for range 3 {
		nodes = append(nodes, startConsumer(t, l, urls))
	}
	for _, n := range nodes {
		waitUntil(t, "every node to know the others", func() bool { return len(n.table.Alive(peer.Consumer, time.Now())) == 3 })
	}
	slices.SortFunc(nodes, func(a, b *consumer) int { return cmpString(a.id, b.id) })
	waitUntil(t, "the owners to be the active consumers", func() bool {
		active := activeConsumers(t, urls)
		for q := range partitions {
			if active[q] != nodes[q%3].id {
				t.Logf("partition %d: %s is active, not its owner %s", q, active[q], nodes[q%3].id)
				return false
			}
		}
		return true
	})
	d := open(t, rabbitmq.Config{URLs: urls})
	for q := range partitions {
		if err := d.Publish(t.Context(), numbered(roomOf(q), 1)); err != nil {
			t.Fatal(err)
		}
	}
	l.until("one message of each partition", func() bool { return len(l.last) == partitions })
	for q, holder := range l.holder {
		if want := nodes[q%3].id; holder != want {
			t.Errorf("partition %d: handled by %s, want its owner %s", q, holder, want)
		}
	}
	if l.repeats > 0 {
		t.Errorf("%d repeats", l.repeats)
	}
}

// activeConsumers returns the node whose consumer is the active one of each partition, as the broker knows it.
func activeConsumers(t *testing.T, urls []string) (active [partitions]string) {
	t.Helper()
	vhost := testkit.VHostName(t, urls[0])
	out, err := testkit.RabbitMQ(t).Node(0).Ctl(t.Context(), "list_consumers", "-q", "-p", vhost, "queue_name", "consumer_tag", "activity_status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "\t")
		var q int
		if len(fields) != 3 || fields[2] != "single_active" {
			continue
		}
		if n, _ := fmt.Sscanf(fields[0], "restante.intake.%d", &q); n == 1 {
			active[q] = strings.TrimPrefix(fields[1], "restante ")
		}
	}
	return active
}
