package rabbitmq_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/testkit"
)

// TestRemoved_DeadLettersThatAPolicyRemovesAreCounted: a policy for all queues removes what waits for the store, and the dead
// letters that become of it. Each confirmed message is stored, a dead letter, or counted as destroyed.
func TestRemoved_DeadLettersThatAPolicyRemovesAreCounted(t *testing.T) {
	for reason, policy := range map[string]string{
		"expired": `{"message-ttl":300}`,
		"maxlen":  `{"max-length":100,"overflow":"drop-head"}`,
	} {
		t.Run(reason, func(t *testing.T) {
			urls, log, reg := testkit.VHost(t), &logged{}, prometheus.NewRegistry()
			log.show(t, "the consumer")
			var mended atomic.Bool
			var mu sync.Mutex
			stored := map[string]bool{}
			consumer := open(t, rabbitmq.Config{URLs: urls, Partitions: 1, Metrics: reg, Log: log.logger()})
			consumeWith(t, consumer, func(_ context.Context, batch []chat.Message) error {
				if !mended.Load() {
					return errors.New("the store is away")
				}
				mu.Lock()
				defer mu.Unlock()
				for _, m := range batch {
					stored[m.ID] = true
				}
				return nil
			})
			standby := prometheus.NewRegistry()
			consumeWith(t, open(t, rabbitmq.Config{URLs: urls, Metrics: standby}), func(context.Context, []chat.Message) error {
				return errors.New("the store is away")
			})
			setPolicy(t, urls[0], ".*", policy)
			confirmed := publishAll(t, consumer, 1000)
			destroyed := func() int {
				return int(metric(t, reg, "restante_destroyed_total") + metric(t, standby, "restante_destroyed_total"))
			}
			waitUntil(t, "dead letters to be removed", func() bool { return destroyed() > 0 })
			mended.Store(true)
			o := newOther(t, urls)
			sum := func() (n int) {
				mu.Lock()
				defer mu.Unlock()
				for id := range confirmed {
					if stored[id] {
						n++
					}
				}
				return n + destroyed() + o.depth(link.DeadQueue)
			}
			waitUntil(t, "every confirmed message to be accounted for", func() bool { return sum() >= len(confirmed) })
			<-time.After(2 * time.Second) // nothing may be counted after that
			if got := sum(); got != len(confirmed) {
				t.Errorf("%d messages are accounted for, %d were confirmed", got, len(confirmed))
			}
			t.Logf("%d confirmed, %d stored, %d destroyed, %d letters", len(confirmed), len(stored), destroyed(), o.depth(link.DeadQueue))
		})
	}
}

// publishAll publishes messages to some rooms, and returns the ids of those that were confirmed.
func publishAll(t *testing.T, d *rabbitmq.Driver, n int) map[string]bool {
	t.Helper()
	var mu sync.Mutex
	confirmed := map[string]bool{}
	var senders sync.WaitGroup
	for sender := range 20 {
		senders.Go(func() {
			for range n / 20 {
				m := chat.Message{
					ID: uuid.NewString(), Room: "room" + strconv.Itoa(sender), ClientID: "ann", Msg: "hi", SentAt: chat.Micros(time.Now()),
				}
				if err := d.Publish(t.Context(), m); err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				confirmed[m.ID] = true
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	return confirmed
}

// TestRemoved_IsCountedOnceAndLogged: the log says how many letters were removed, and why. One that RabbitMQ delivers twice
// is counted once, one that an operator drops or replays is not counted.
func TestRemoved_IsCountedOnceAndLogged(t *testing.T) {
	urls, log, reg := testkit.VHost(t), &logged{}, prometheus.NewRegistry()
	log.show(t, "the consumer")
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg, Log: log.logger()})
	stored := make(chan string, 10)
	consumeWith(t, d, func(_ context.Context, batch []chat.Message) error {
		for _, m := range batch {
			stored <- m.ID
		}
		return nil
	})
	runInbox(t, d, func(_ context.Context, m chat.Message) (chat.Message, error) {
		stored <- m.ID
		return m, nil
	})
	o := newOther(t, urls)
	put := func(exchange, key, id, body string) {
		o.publish(exchange, key, amqp.Publishing{MessageId: id, Body: []byte(body)})
	}
	dropped, replayed := uuid.NewString(), uuid.NewString()
	put(link.InboxExchange, "ops", dropped, "nonsense")
	office, _ := letters(t, urls, 1)
	if n, err := office.Drop(t.Context(), deadletter.Pick{All: true}); n != 1 || err != nil {
		t.Fatalf("dropped %d, %v", n, err)
	}
	put(link.InboxExchange, "ops", replayed, "nonsense too")
	letters(t, urls, 1)
	if n, err := office.Replay(t.Context(), deadletter.Pick{All: true}, nil); n != 1 || err != nil {
		t.Fatalf("replayed %d, %v", n, err)
	}
	letters(t, urls, 1)
	if n, err := office.Drop(t.Context(), deadletter.Pick{All: true}); n != 1 || err != nil {
		t.Fatalf("dropped %d, %v", n, err)
	}
	expired := uuid.NewString()
	o.publish(link.DeadExchange, "ops", amqp.Publishing{MessageId: expired, Expiration: "1"})
	waitUntil(t, "the log to name the reason", func() bool { return len(log.lines("reason=expired")) == 1 })
	if n := metric(t, reg, "restante_destroyed_total"); n != 1 {
		t.Errorf("%v letters are counted, want the one that has expired and none that an operator has taken", n)
	}
	put(link.QueuesExchange, link.RemovedQueue, expired, "delivered again")
	put(link.QueuesExchange, link.RemovedQueue, uuid.NewString(), "another one")
	waitUntil(t, "the other letter to be counted", func() bool { return metric(t, reg, "restante_destroyed_total") == 2 })
	waitUntil(t, "the log to say so", func() bool { return len(log.lines("reason=unknown")) == 1 })
	lines := log.lines("dead letters were removed by RabbitMQ")
	if len(lines) != 2 || !strings.Contains(lines[0], `messages=1 reason=expired prevent="restante broker policy"`) {
		t.Errorf("the log says %q", lines)
	}
}

// TestRemoved_TakesQueuesOfEarlierVersions: a queue of dead letters without the argument is used as it is.
func TestRemoved_TakesQueuesOfEarlierVersions(t *testing.T) {
	urls := testkit.VHost(t)
	o := newOther(t, urls)
	if _, err := o.ch.QueueDeclare(link.DeadQueue, true, false, false, false, amqp.Table{"x-queue-type": "quorum", "x-overflow": "reject-publish"}); err != nil {
		t.Fatal(err)
	}
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 2})
	waitUntil(t, "everything to be there", func() bool { return d.CheckTopology() == nil })
	o.depth(link.RemovedQueue)
}
