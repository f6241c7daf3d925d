package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/load"
	"restante/internal/testkit"
)

// letter is a message that another service publishes to the inbox.
type letter struct {
	what    string
	key     string // routing key: the room
	msg     amqp.Publishing
	text    string // text of the resulting message; "" if it must be dead-lettered
	because string // what the reason must contain
}

func letters() []letter {
	id := uuid.NewString
	return []letter{
		{what: "plain JSON", key: "inbox", text: "from JSON " + testkit.Private, msg: amqp.Publishing{ContentType: "application/json",
			Body: []byte(`{"client_id":"billing","msg":"from JSON ` + testkit.Private + `","id":"` + id() + `"}`)}},
		{what: "a CloudEvent in structured mode", key: "inbox", text: "structured", msg: amqp.Publishing{ContentType: "application/cloudevents+json",
			Body: []byte(`{"specversion":"1.0","type":"com.example.paid","source":"/billing","id":"` + id() + `","datacontenttype":"application/json","data":{"client_id":"billing","msg":"structured"}}`)}},
		{what: "a CloudEvent in binary mode", key: "inbox", text: "binary", msg: amqp.Publishing{ContentType: "application/json",
			Headers: amqp.Table{"cloudEvents:specversion": "1.0", "cloudEvents:type": "com.example.paid", "cloudEvents:source": "/billing", "cloudEvents:id": id()},
			Body:    []byte(`{"client_id":"billing","msg":"binary"}`)}},
		{what: "garbage", key: "inbox", because: "JSON", msg: amqp.Publishing{Body: []byte("\xff\x00 not a message, but " + testkit.Private)}},
		{what: "no client_id", key: "inbox", because: "client_id", msg: amqp.Publishing{ContentType: "application/json", Body: []byte(`{"msg":"` + testkit.Private + `"}`)}},
		{what: "an invalid room", key: "No Room", because: "room", msg: amqp.Publishing{ContentType: "application/json", Body: []byte(`{"client_id":"billing","msg":"` + testkit.Private + `"}`)}},
	}
}

// Any AMQP producer may publish to the inbox. Its messages reach readers in order. Invalid messages are dead-lettered
// with the reason and do not delay others.
func TestInbox_AcceptsMessagesOfOtherServices(t *testing.T) {
	c := newCluster(t)
	node := c.node(allRoles)
	readers := startReaders(t, 3, load.ReaderConfig{URL: node.URL(), Room: "inbox", Reconnect: true})
	noError(t, readers.WaitJoined(within(t, limit)))

	var want, reasons []string
	publish := c.publisher()
	for range 3 {
		for _, l := range letters() {
			publish("restante.inbox", l.key, l.msg)
			if l.text != "" {
				want = append(want, l.text)
			} else {
				reasons = append(reasons, l.because)
			}
		}
	}
	if err := readers.WaitSeq(within(t, limit), int64(len(want))); err != nil {
		t.Fatal(err)
	}
	stored := node.ReadRoom("inbox")
	for i, m := range stored {
		if i >= len(want) || m.Msg != want[i] || m.ClientID != "billing" {
			t.Errorf("number %d is %q of %q", m.Seq, m.Msg, m.ClientID)
		}
	}
	report := load.Check(load.Evidence{Stored: stored, Readings: readers.Stop(), Foreign: true})
	noError(t, report.Err())
	list := c.waitDead(len(reasons))
	t.Logf("dead letters:\n%s", list)
	for _, reason := range reasons {
		if !strings.Contains(list, reason) {
			t.Errorf("no dead letter says %q", reason)
		}
	}
}

// publisher returns a function that publishes to an exchange and waits for the confirmation. The connection ends with
// the test.
func (c cluster) publisher() func(exchange, key string, msg amqp.Publishing) {
	c.t.Helper()
	conn, err := amqp.Dial(c.Broker[0])
	noError(c.t, err)
	c.t.Cleanup(func() { _ = conn.Close() })
	channel, err := conn.Channel()
	noError(c.t, err)
	noError(c.t, channel.Confirm(false))
	return func(exchange, key string, msg amqp.Publishing) {
		c.t.Helper()
		msg.DeliveryMode = amqp.Persistent
		confirm, err := channel.PublishWithDeferredConfirmWithContext(c.t.Context(), exchange, key, true, false, msg)
		noError(c.t, err)
		if ok, err := confirm.WaitContext(within(c.t, 10*time.Second)); !ok || err != nil {
			c.t.Fatalf("publish to %s: confirmed %t, %v", exchange, ok, err)
		}
	}
}
