package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/testkit"
)

const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// other is a service that is not restante, with a connection of its own.
type other struct {
	t  *testing.T
	ch *amqp.Channel
}

func newOther(t *testing.T, urls []string) other {
	t.Helper()
	conn, err := amqp.Dial(urls[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return other{t, ch}
}

func (o other) publish(exchange, key string, p amqp.Publishing) {
	o.t.Helper()
	if err := o.ch.Publish(exchange, key, false, false, p); err != nil {
		o.t.Fatal(err)
	}
}

// next waits for a message in a queue.
func (o other) next(queue string) (d amqp.Delivery) {
	o.t.Helper()
	waitUntil(o.t, "a message in "+queue, func() bool {
		var ok bool
		var err error
		if d, ok, err = o.ch.Get(queue, true); err != nil {
			o.t.Fatal(err)
		}
		return ok
	})
	return d
}

// listener is a subscriber that passes on what it is told.
type listener struct {
	missed    chan struct{}
	delivered chan chat.Message
}

func newListener() listener {
	return listener{make(chan struct{}, 100), make(chan chat.Message, 1000)}
}

func (l listener) Missed() { l.missed <- struct{}{} }

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
	if want := string(m.AppendJSON(nil)); string(got.Body) != want {
		t.Errorf("announced with the body %s, want %s", got.Body, want)
	}
	if <-l.delivered; true {
		if got := <-l.delivered; got != m {
			t.Errorf("delivered %+v, want %+v", got, m)
		}
	}
}

// TestDriver_SkipsForeignAnnouncements: what others publish to the exchange of stored messages is counted and skipped.
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
	if len(l.missed) > 0 {
		t.Error("the subscription was interrupted")
	}
}

// metric returns the sum of a counter or gauge over its labels.
func metric(t *testing.T, reg *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// TestDriver_SetsAsideWhatCannotBeRead: what others publish to the intake becomes a dead letter, and holds up nothing.
func TestDriver_SetsAsideWhatCannotBeRead(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg})
	o := newOther(t, urls)
	room := roomOf(3)
	m := numbered(room, 1)
	m.Msg = ""
	bad := []string{"", "{", `{"id":1}`, string(m.AppendJSON(nil))}
	for _, body := range bad {
		o.publish("restante.intake", "3", amqp.Publishing{Body: []byte(body)})
	}
	good := numbered(room, 1)
	good.Trace = trace
	if err := d.Publish(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	handled := make(chan chat.Message, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = d.Consume(ctx, func(_ context.Context, batch []chat.Message) error {
			for _, m := range batch {
				handled <- m
			}
			return nil
		})
	})
	defer wg.Wait()
	defer cancel()
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

// TestDriver_InboxKeepsTheOrderOfARoom: rooms are accepted at the same time, the messages of a room one after the other; one
// that fails is tried again with the same id, before the next.
func TestDriver_InboxKeepsTheOrderOfARoom(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	const n, rooms = 20, 3
	for i := 1; i <= n; i++ {
		for r := range rooms {
			o.publish("restante.inbox", fmt.Sprint("room-", r), amqp.Publishing{
				ContentType: "application/json", Headers: amqp.Table{"traceparent": trace},
				Body: fmt.Appendf(nil, `{"msg":"%d","client_id":"ann"}`, i),
			})
		}
	}
	var mu sync.Mutex
	ids, got := map[string]string{}, map[string][]string{}
	done := make(chan struct{})
	meet := sync.WaitGroup{}
	meet.Add(rooms) // the first message of each room waits for those of the others
	stop := runInbox(t, d, func(_ context.Context, m chat.Message) (chat.Message, error) {
		if m.Msg == "1" && m.ID == "" {
			meet.Done()
			meet.Wait()
		}
		mu.Lock()
		defer mu.Unlock()
		if m.Trace != trace {
			t.Errorf("trace %q", m.Trace)
		}
		key := m.Room + " " + m.Msg
		if m.ID == "" {
			m.ID = numbered(key, 1).ID
		}
		if before, again := ids[key]; !again {
			ids[key] = m.ID
			if m.Msg == "5" || m.Msg == "1" {
				return m, &errs.Error{Code: errs.Unavailable, Msg: "not now"}
			}
		} else if before != m.ID {
			t.Errorf("tried again with another id")
		}
		if got[m.Room] = append(got[m.Room], m.Msg); len(got["room-0"])+len(got["room-1"])+len(got["room-2"]) == rooms*n {
			close(done)
		}
		return m, nil
	})
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited for the inbox, got %v", got)
	}
	stop()
	var want []string
	for i := 1; i <= n; i++ {
		want = append(want, fmt.Sprint(i))
	}
	for room, msgs := range got {
		if !slices.Equal(msgs, want) {
			t.Errorf("room %s: accepted in the order %v", room, msgs)
		}
	}
	if q, err := o.ch.QueueDeclarePassive("restante.inbox", true, false, false, false, nil); err != nil || q.Messages > 0 {
		t.Errorf("%d messages are left, %v", q.Messages, err)
	}
}

func runInbox(t *testing.T, d *rabbitmq.Driver, accept rabbitmq.AcceptFunc) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Inbox(ctx, accept) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Inbox: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// TestDriver_InboxRefuses: what cannot be accepted becomes a dead letter with the reason; what was not acknowledged is
// accepted by the next node.
func TestDriver_InboxRefuses(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	o.publish("restante.inbox", "a", amqp.Publishing{Body: []byte("nonsense")})
	o.publish("", "restante.inbox", amqp.Publishing{Body: []byte(`{"msg":"refused","client_id":"ann","room":"b"}`)})
	o.publish("restante.inbox", "c", amqp.Publishing{Body: []byte(`{"msg":"good","client_id":"ann"}`)})
	tried := make(chan chat.Message, 100)
	stop := runInbox(t, d, func(_ context.Context, m chat.Message) (chat.Message, error) {
		tried <- m
		if m.Msg == "refused" {
			return m, errs.Field("msg", "must be nicer")
		}
		return m, errors.New("the disk is on fire")
	})
	first, second := o.next("restante.dead"), o.next("restante.dead")
	for _, letter := range []amqp.Delivery{first, second} {
		reason, _ := letter.Headers["restante-reason"].(string)
		if letter.Headers["restante-from"] != "inbox" || !strings.Contains(reason, "JSON") && !strings.Contains(reason, "nicer") {
			t.Errorf("dead letter %s: %v", letter.Body, letter.Headers)
		}
	}
	for m := range tried {
		if m.Room == "c" {
			break
		}
	}
	stop()
	accepted := make(chan chat.Message, 10)
	runInbox(t, open(t, rabbitmq.Config{URLs: urls}), func(_ context.Context, m chat.Message) (chat.Message, error) {
		accepted <- m
		return m, nil
	})
	if m := <-accepted; m.Msg != "good" || m.Room != "c" {
		t.Errorf("accepted %+v", m)
	}
}

// TestDriver_IgnoresForeignBeats: what others publish to the exchange of nodes disturbs nobody.
func TestDriver_IgnoresForeignBeats(t *testing.T) {
	urls := testkit.VHost(t)
	table := peer.NewTable(peer.Node{ID: "me", URL: "http://me", Roles: peer.Roles()})
	open(t, rabbitmq.Config{URLs: urls, Peers: table})
	waitUntil(t, "the first beat", func() bool { return len(table.Alive(peer.API, time.Now())) == 1 })
	o := newOther(t, urls)
	for _, body := range []string{"", "{", `{"id":7}`, `{"url":"x"}`, strings.Repeat("x", 100_000)} {
		o.publish("restante.nodes", "", amqp.Publishing{Body: []byte(body)})
	}
	o.publish("restante.nodes", "", amqp.Publishing{Body: []byte(`{"id":"you","url":"http://you","roles":["hub"]}`)})
	waitUntil(t, "the other node", func() bool { _, ok := table.Find("you"); return ok })
	if hubs := table.Alive(peer.Hub, time.Now()); len(hubs) != 2 {
		t.Errorf("nodes that are alive: %v", hubs)
	}
	if consumers := table.Alive(peer.Consumer, time.Now()); len(consumers) != 0 {
		t.Errorf("a node that does not consume yet says it does: %v", consumers)
	}
}

// TestOpen_RefusesOtherForms: an exchange or a queue of restante's name in another form is an error.
func TestOpen_RefusesOtherForms(t *testing.T) {
	for name, declare := range map[string]func(ch *amqp.Channel) error{
		"exchange": func(ch *amqp.Channel) error {
			return ch.ExchangeDeclare("restante.intake", "fanout", true, false, false, false, nil)
		},
		"queue": func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclare("restante.intake.0", true, false, false, false, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			urls := testkit.VHost(t)
			if err := declare(newOther(t, urls).ch); err != nil {
				t.Fatal(err)
			}
			if d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: urls}); errs.CodeOf(err) != errs.Conflict {
				t.Errorf("Open: %v, want class %s", err, errs.Conflict)
				if err == nil {
					d.Close()
				}
			}
		})
	}
}

// TestDriver_ToleratesOtherArguments: a queue that was declared by another version works.
func TestDriver_ToleratesOtherArguments(t *testing.T) {
	urls := testkit.VHost(t)
	o := newOther(t, urls)
	for q := range 2 {
		if _, err := o.ch.QueueDeclare(fmt.Sprint("restante.intake.", q), true, false, false, false, amqp.Table{
			"x-queue-type": "quorum", "x-single-active-consumer": true, "x-max-length": 1_000_000,
		}); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, rabbitmq.Config{URLs: urls})
	if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
		t.Error(err)
	}
}

// TestDriver_Metrics: an operator sees the connections.
func TestDriver_Metrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: testkit.VHost(t), Metrics: reg})
	if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
		t.Fatal(err)
	}
	if up := metric(t, reg, "restante_broker_up"); up != 1 {
		t.Errorf("restante_broker_up %v, want 1", up)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
