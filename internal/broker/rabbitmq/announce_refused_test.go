package rabbitmq_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/testkit"
)

// TestDriver_AQueueOfAnotherServiceStopsNoAnnouncement: a queue that is bound to the exchange of announcements is full and
// refuses them. Announcing goes on after a second, and hubs hear everything.
func TestDriver_AQueueOfAnotherServiceStopsNoAnnouncement(t *testing.T) {
	t.Parallel()
	urls := testkit.VHost(t)
	log := &logged{}
	d := open(t, rabbitmq.Config{URLs: urls, Log: log.logger()})
	hub := open(t, rabbitmq.Config{URLs: urls})
	heard := subscribe(t, hub)
	bindFullQueue(t, urls[0])
	began := time.Now()
	for seq := range int64(20) {
		announceOne(t, d, seq+1)
	}
	took := time.Since(began)
	t.Logf("20 refused announcements took %v", took)
	if took > 5*time.Second {
		t.Errorf("refused announcements took %v, want little more than a second in all", took)
	}
	for last := int64(0); last < 20; {
		select {
		case m := <-heard.delivered:
			last = m.Seq
		case <-time.After(20 * time.Second):
			t.Fatalf("the hub has heard up to %d of 20", last)
		}
	}
	if lines := log.lines("RabbitMQ refuses announcements"); len(lines) != 1 {
		t.Errorf("the log has it %d times, want once a minute: %q", len(lines), lines)
	}
}

// bindFullQueue binds a queue to the exchange of announcements that takes one message and refuses more.
func bindFullQueue(t *testing.T, url string) {
	t.Helper()
	conn, err := amqp.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err = ch.QueueDeclare("crm.full", true, false, false, false, amqp.Table{"x-max-length": 1, "x-overflow": "reject-publish"}); err == nil {
		err = ch.QueueBind("crm.full", "room.#", "restante.messages", false, nil)
	}
	if err == nil {
		err = ch.Publish("", "crm.full", false, false, amqp.Publishing{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// announceOne announces a message as package broker does: again while the driver says that it may succeed.
func announceOne(t *testing.T, d *rabbitmq.Driver, seq int64) {
	t.Helper()
	now := chat.Micros(time.Now())
	m := chat.Message{ID: uuid.NewString(), Room: "lobby", Seq: seq, ClientID: "ann", Msg: "hello", SentAt: now, StoredAt: now}
	err := d.Announce(t.Context(), []chat.Message{m})
	for ; err != nil && d.Retryable(err); err = d.Announce(t.Context(), []chat.Message{m}) {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
