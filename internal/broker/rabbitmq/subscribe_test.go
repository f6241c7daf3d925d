package rabbitmq_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/event"
	"restante/internal/testkit"
)

// listener is a subscriber whose calls a test can wait for.
type listener struct {
	missed    chan struct{}
	delivered chan chat.Message
	changed   chan string // rooms
}

func newListener() listener {
	return listener{make(chan struct{}, 100), make(chan chat.Message, 1000), make(chan string, 100)}
}

func (l listener) Listens(room string) bool { return room != "quiet" }

func (l listener) Missed() { l.missed <- struct{}{} }

func (l listener) Passed(m chat.Message) { l.delivered <- m }

func (l listener) Changed(room string) { l.changed <- room }

func (l listener) Deliver(stored []chat.Message) {
	for _, m := range stored {
		l.delivered <- m
	}
}

func subscribe(t *testing.T, d *rabbitmq.Driver) listener {
	t.Helper()
	l := newListener()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := d.Subscribe(ctx, l); err != nil {
			t.Errorf("Subscribe: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	<-l.missed
	return l
}

func storedMessage(room string, n int) chat.Message {
	m := numbered(room, n)
	m.Seq, m.StoredAt = int64(n), m.SentAt.Add(time.Millisecond)
	return m
}

// TestDriver_AnnouncesToOtherServices: a stored message is a CloudEvent under the routing key of its room, with its trace.
func TestDriver_AnnouncesToOtherServices(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	q, err := o.ch.QueueDeclare("audit", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.ch.QueueBind(q.Name, "room.a.b", "restante.messages", false, nil); err != nil {
		t.Fatal(err)
	}
	l := subscribe(t, d)
	m := storedMessage("a.b", 7)
	m.Trace = trace
	if err := d.Announce(t.Context(), []chat.Message{storedMessage("a", 1), m}); err != nil {
		t.Fatal(err)
	}
	got := o.next("audit")
	if got.RoutingKey != "room.a.b" || got.MessageId != m.ID || got.ContentType != "application/json" || got.DeliveryMode != amqp.Persistent {
		t.Errorf("announced as %+v", got)
	}
	if got.Headers["cloudEvents:type"] != "restante.message.stored" || got.Headers["traceparent"] != trace {
		t.Errorf("announced with the headers %v", got.Headers)
	}
	if want := string(m.AppendEnvelope(nil)); string(got.Body) != want {
		t.Errorf("announced with the body %s, want %s", got.Body, want)
	}
	if <-l.delivered; true {
		if got := <-l.delivered; got != m {
			t.Errorf("delivered %+v, want %+v", got, m)
		}
	}
}

// TestDriver_SkipsForeignAnnouncements: what others publish to the exchange of stored messages is counted and skipped. Each
// may have been the announcement of a message, so Missed is called.
func TestDriver_SkipsForeignAnnouncements(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg})
	l := subscribe(t, d)
	o := newOther(t, urls)
	for _, body := range []string{"", "{", `{"id":"x"}`, "\xff\x00"} {
		o.publish("restante.messages", "room.a", amqp.Publishing{Body: []byte(body)})
	}
	want := storedMessage("a", 1)
	waitUntil(t, "four undecodable announcements", func() bool { return metric(t, reg, "restante_announcements_undecodable_total") == 4 })
	if err := d.Announce(t.Context(), []chat.Message{want}); err != nil {
		t.Fatal(err)
	}
	if got := <-l.delivered; got != want {
		t.Errorf("delivered %+v, want %+v", got, want)
	}
	select {
	case <-l.missed:
	case <-time.After(driver.MissedWithin):
		t.Error("Missed was not called after announcements that cannot be read")
	}
}

// TestDriver_DecodesNothingWithoutReaders: of a room that nobody reads on this node, the headers of an announcement are enough. One
// whose headers are not those of a stored message is read whole.
func TestDriver_DecodesNothingWithoutReaders(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg})
	l := subscribe(t, d)
	o := newOther(t, urls)
	m := storedMessage("quiet", 7)
	m.Epoch = "a1b2c3d4e5f60718"
	w := event.Encode(m)
	o.publish("restante.messages", "room.quiet", amqp.Publishing{Headers: w.Headers, Body: []byte("{")})
	if got := <-l.delivered; got != m.Passed() {
		t.Errorf("told %+v, want %+v", got, m.Passed())
	}
	o.publish("restante.messages", "room.quiet", amqp.Publishing{Body: w.Body})
	if got := <-l.delivered; got.Room != "quiet" || got.Seq != 7 || got.ID != m.ID || got.Msg != "" {
		t.Errorf("told %+v of a message without headers", got)
	}
	if n := metric(t, reg, "restante_announcements_undecodable_total"); n != 0 {
		t.Errorf("%v announcements could not be decoded", n)
	}
}

// TestDriver_TellsOfRoomsWhoseMessagesMayHaveChanged: an entry of a kind that this version does not know may change messages that
// were read before, whether or not somebody reads its room.
func TestDriver_TellsOfRoomsWhoseMessagesMayHaveChanged(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	l := subscribe(t, d)
	o := newOther(t, urls)
	for _, room := range []string{"a", "quiet"} {
		m := storedMessage(room, 1)
		w := event.Encode(m)
		w.Headers["cloudEvents:type"] = "restante.message.edited"
		o.publish("restante.messages", "room."+room, amqp.Publishing{Headers: w.Headers, Body: ofKind("edit", m)})
		if got := <-l.changed; got != room {
			t.Errorf("room %s has changed, want %s", got, room)
		}
	}
	if len(l.delivered) > 0 {
		t.Errorf("delivered %+v", <-l.delivered)
	}
}
