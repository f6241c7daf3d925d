package rabbitmq_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// handleAll consumes until the test ends, and returns what the handler gets.
func handleAll(t *testing.T, d *rabbitmq.Driver) <-chan chat.Message {
	t.Helper()
	handled := make(chan chat.Message, 10_000)
	consumeWith(t, d, func(_ context.Context, batch []chat.Message) error {
		for _, m := range batch {
			handled <- plain(t, m)
		}
		return nil
	})
	return handled
}

// plain returns a message as it was accepted, without where it came from.
func plain(t *testing.T, m chat.Message) chat.Message {
	if m.Origin.Generation == 0 {
		t.Errorf("message %s has no origin", m.ID)
	}
	m.Origin = chat.Origin{}
	return m
}

// consumeWith consumes until the test ends or stop is called.
func consumeWith(t *testing.T, d *rabbitmq.Driver, handle func(context.Context, []chat.Message) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Consume(ctx, handle) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Consume: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// TestDriver_DeadLettersWhatCannotBeRead: what others publish to the intake becomes a dead letter, and stops no room.
func TestDriver_DeadLettersWhatCannotBeRead(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg})
	o := newOther(t, urls)
	room := roomOf(3)
	m := numbered(room, 1)
	m.Room = ""
	long := numbered(strings.Repeat("r", 251), 1)
	bad := []string{"", "{", `{"id":1}`, "[]", string(m.AppendEnvelope(nil)), string(long.AppendEnvelope(nil))}
	for _, body := range bad {
		o.publish("restante.intake", "3", amqp.Publishing{Body: []byte(body)})
	}
	good := numbered(room, 1)
	good.Trace = trace
	if err := d.Publish(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	handled := handleAll(t, d)
	if got := <-handled; got != good {
		t.Errorf("handled %+v, want %+v", got, good)
	}
	for _, body := range bad {
		letter := o.next("restante.dead")
		reason, _ := letter.Headers["restante-reason"].(string)
		if string(letter.Body) != body || reason == "" || reason == "internal error" || letter.Headers["restante-from"] != "intake" {
			t.Errorf("dead letter %q with the headers %v, want %q", letter.Body, letter.Headers, body)
		}
	}
	waitUntil(t, "the count of dead letters", func() bool { return metric(t, reg, "restante_dead_total") == float64(len(bad)) })
}

// list returns a list of envelopes.
func list(messages ...chat.Message) []byte {
	body := []byte{'['}
	for i := range messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = messages[i].AppendEnvelope(body)
	}
	return append(body, ']')
}

// TestDriver_HandlesLists: one delivery may hold several messages, more than a batch has. They are handled in their order,
// in batches, and the delivery is acknowledged when all of them are done.
func TestDriver_HandlesLists(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	room, n := roomOf(3), 1
	for _, size := range []int{3, 1200, 499, 2, 1} {
		var messages []chat.Message
		for range size {
			messages = append(messages, numbered(room, n))
			n++
		}
		o.publish("restante.intake", "3", amqp.Publishing{Body: list(messages...), Headers: amqp.Table{"traceparent": trace}})
	}
	got := make(chan chat.Message, 10_000)
	stop := consumeWith(t, d, func(_ context.Context, batch []chat.Message) error {
		if len(batch) > 500 {
			t.Errorf("a batch of %d messages", len(batch))
		}
		for _, m := range batch {
			got <- m
		}
		return nil
	})
	for want := 1; want < n; want++ {
		if m := <-got; m.Msg != fmt.Sprint(want) || m.Room != room || m.Trace != trace {
			t.Fatalf("handled %+v, want number %d", m, want)
		}
	}
	stop()
	if n := o.depth("restante.intake.3"); n > 0 {
		t.Errorf("%d deliveries are left", n)
	}
}

// TestDriver_DeadLettersAListAsAWhole: if one message of a delivery can never be stored, the delivery becomes one dead
// letter. Its other messages are handled all the same.
func TestDriver_DeadLettersAListAsAWhole(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	room := roomOf(3)
	body := list(numbered(room, 1), numbered(room, 2), numbered(room, 3))
	o.publish("restante.intake", "3", amqp.Publishing{Body: body})
	if err := d.Publish(t.Context(), numbered(room, 4)); err != nil {
		t.Fatal(err)
	}
	handled := make(chan chat.Message, 100)
	consumeWith(t, d, func(_ context.Context, batch []chat.Message) error {
		for _, m := range batch {
			if m.Msg == "2" {
				return errs.Field("msg", "is poison")
			}
		}
		for _, m := range batch {
			handled <- m
		}
		return nil
	})
	for _, want := range []string{"1", "3", "4"} {
		if m := <-handled; m.Msg != want {
			t.Errorf("handled %s, want %s", m.Msg, want)
		}
	}
	letter := o.next("restante.dead")
	if string(letter.Body) != string(body) || letter.Headers["restante-reason"] != "msg: is poison" {
		t.Errorf("dead letter %s: %v", letter.Body, letter.Headers)
	}
}

// TestDriver_StoresNamesOfOtherVersions: a name is checked where a message comes in, never again.
func TestDriver_StoresNamesOfOtherVersions(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	want := numbered("A Room!", 1)
	want.ClientID, want.Msg = "", ""
	o.publish("restante.intake", "3", amqp.Publishing{Body: want.AppendEnvelope(nil)})
	if got := <-handleAll(t, d); got != want {
		t.Errorf("handled %+v, want %+v", got, want)
	}
}
