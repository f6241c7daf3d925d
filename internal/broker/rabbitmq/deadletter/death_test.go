package deadletter

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/testkit"
)

// newDying is a virtual host whose intake and inbox dead-letter as those of nodes do. An operator's policy is set last.
func newDying(t *testing.T, policy string) *post {
	t.Helper()
	p := newPost(t, nil)
	arguments := amqp.Table{
		"x-queue-type": "quorum", "x-dead-letter-exchange": link.DeadExchange, "x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
	}
	p.must(p.ch.ExchangeDeclare(link.DeadExchange, "fanout", true, false, false, false, nil))
	p.must(p.ch.QueueBind(link.DeadQueue, "#", link.DeadExchange, false, nil))
	p.must(p.ch.ExchangeDeclare(link.IntakeExchange, "direct", true, false, false, false, nil))
	for queue, bindings := range map[string]map[string]string{
		link.IntakeQueue + "0": {link.IntakeExchange: "0", link.QueuesExchange: link.IntakeQueue + "0"},
		link.IntakeQueue + "1": {link.IntakeExchange: "1", link.QueuesExchange: link.IntakeQueue + "1"},
		link.InboxQueue:        {link.InboxExchange: "#"},
	} {
		_, err := p.ch.QueueDelete(queue, false, false, false)
		p.must(err)
		_, err = p.ch.QueueDeclare(queue, true, false, false, false, arguments)
		p.must(err)
		for exchange, key := range bindings {
			p.must(p.ch.QueueBind(queue, key, exchange, false, nil))
		}
	}
	p.policy(http.MethodPut, policy)
	return p
}

// policy sets or removes a policy on the queues of intake and inbox.
func (p *post) policy(method, definition string) {
	p.t.Helper()
	path := "/policies/" + url.PathEscape(testkit.VHostName(p.t, p.urls[0])) + "/clean"
	body := fmt.Sprintf(`{"pattern":"intake|inbox","apply-to":"queues","definition":%s}`, definition)
	_, err := testkit.RabbitMQ(p.t).Node(0).Manage(p.t.Context(), method, path, body)
	p.must(err)
}

// send publishes messages, in order, and waits for their confirms.
func (p *post) send(exchange, key string, messages ...amqp.Publishing) {
	p.t.Helper()
	for _, m := range messages {
		m.DeliveryMode = amqp.Persistent
		c, err := p.ch.PublishWithDeferredConfirm(exchange, key, true, false, m)
		p.must(err)
		if !c.Wait() {
			p.t.Fatal("not confirmed")
		}
	}
}

// letters waits until the queue has n letters, and lists them.
func (p *post) letters(n int) []Letter {
	p.t.Helper()
	p.waitFor(n)
	letters, _, err := p.dead.List(p.t.Context(), 100)
	p.must(err)
	if len(letters) != n {
		p.t.Fatalf("%d letters, want %d: %+v", len(letters), n, letters)
	}
	return letters
}

// waitFor waits until the queue has n letters.
func (p *post) waitFor(n int) {
	p.t.Helper()
	for p.t.Context().Err() == nil {
		q, err := p.ch.QueueDeclarePassive(link.DeadQueue, true, false, false, false, nil)
		p.must(err)
		if q.Messages == n {
			return
		}
	}
}

func TestLettersOfTheBroker_GoBackOnce(t *testing.T) {
	p := newDying(t, `{"message-ttl":100}`)
	ops := chat.Message{ID: uuid.NewString(), Room: "ops", ClientID: "ann", Msg: "hi"}
	intake := amqp.Publishing{MessageId: ops.ID, Body: ops.AppendJSON(nil), AppId: "node", CorrelationId: "1", Headers: amqp.Table{"traceparent": "t"}}
	again := intake // a second attempt of the node
	again.CorrelationId = "2"
	p.send(link.IntakeExchange, strings.TrimPrefix(intakeOps, link.IntakeQueue), intake, again)
	p.send(link.InboxExchange, "den.x", amqp.Publishing{Body: []byte(`{"msg":"hello","client_id":"crm"}`), Expiration: "50"})
	p.send("", link.InboxQueue, amqp.Publishing{Body: []byte(`{"room":"den","msg":"direct","client_id":"crm"}`)})
	list := p.letters(4)
	rooms := map[string]int{}
	ids := map[string]bool{}
	for _, l := range list {
		rooms[l.From+" "+l.Room]++
		ids[l.ID] = true
		if !strings.Contains(l.Reason, "waited longer") || !strings.Contains(l.Reason, "restante.in") || time.Since(l.DiedAt) > time.Minute {
			t.Errorf("%+v", l)
		}
	}
	if want := map[string]int{"intake ops": 2, "inbox den.x": 1, "inbox den": 1}; fmt.Sprint(rooms) != fmt.Sprint(want) || len(ids) != 4 {
		t.Errorf("rooms %v, ids %v", rooms, ids)
	}
	for range 2 * maxPeeks { // the letters are published anew in between
		for _, l := range p.letters(4) {
			if !ids[l.ID] {
				t.Fatalf("letter %s has another id now", l.ID)
			}
		}
	}
	p.policy(http.MethodDelete, `{}`)
	if n, err := p.dead.Replay(t.Context(), Pick{All: true}, nil); n != 4 || err != nil {
		t.Fatalf("%d letters, %v", n, err)
	}
	stored, posted := p.take(intakeOps), p.take(link.InboxQueue)
	if got := idsOf(stored); !slices.Equal(got, []string{ops.ID, ops.ID}) || stored[0].Headers["traceparent"] != "t" {
		t.Errorf("the intake has %+v", stored)
	}
	keys := map[string]bool{}
	for _, d := range append(stored, posted...) {
		keys[d.Exchange+" "+d.RoutingKey] = true
		for name := range d.Headers {
			if name != headerReplays && name != link.DeliveriesHeader && name != link.AcquiredHeader && name != "traceparent" {
				t.Errorf("%s comes back with the header %s", d.MessageId, name)
			}
		}
		if d.Expiration != "" || d.MessageId == "" {
			t.Errorf("%+v", d)
		}
	}
	if !keys["restante.inbox den.x"] || !keys[" restante.inbox"] || len(posted) != 2 {
		t.Errorf("they come with %v", keys)
	}
	p.list(10, 0)
}

func TestLettersOfTheBroker_SayWhy(t *testing.T) {
	for definition, want := range map[string]string{
		`{"max-length":1,"overflow":"drop-head"}`: "more messages waited",
		`{"delivery-limit":1}`:                    "delivered more often",
	} {
		p := newDying(t, definition)
		p.send(link.InboxExchange, "ops", amqp.Publishing{Body: []byte("a")}, amqp.Publishing{Body: []byte("b")}, amqp.Publishing{Body: []byte("c")})
		for range 3 * strings.Count(definition, "delivery") { // consumers that are lost with what they have
			p.lose(link.InboxQueue)
		}
		for p.waiting() == 0 {
			if t.Context().Err() != nil {
				t.Fatal(definition)
			}
		}
		letters, _, err := p.dead.List(t.Context(), 1)
		p.must(err)
		if l := letters[0]; !strings.Contains(l.Reason, want) || l.From != FromInbox || l.Room != "ops" {
			t.Errorf("%s: %+v", definition, l)
		}
	}
}

// lose reads a message of a queue over a connection that ends without acknowledging it.
func (p *post) lose(queue string) {
	p.t.Helper()
	conn, err := amqp.Dial(p.urls[0])
	p.must(err)
	defer conn.Close()
	ch, err := conn.Channel()
	p.must(err)
	_, _, err = ch.Get(queue, false)
	p.must(err)
}

// waiting returns how many letters are in the queue.
func (p *post) waiting() int {
	p.t.Helper()
	q, err := p.ch.QueueDeclarePassive(link.DeadQueue, true, false, false, false, nil)
	p.must(err)
	return q.Messages
}

func TestLetters_OfTheSameMessageHaveTwoIDs(t *testing.T) {
	p := newDying(t, `{"message-ttl":100}`)
	same := amqp.Publishing{Body: []byte(`{"msg":"hello","client_id":"crm"}`)}
	p.send(link.InboxExchange, "ops", same, same, same)
	p.waitFor(3)
	first := p.letters(3)
	ids := []string{first[0].ID, first[1].ID, first[2].ID}
	slices.Sort(ids)
	if len(slices.Compact(slices.Clone(ids))) != 3 {
		t.Fatalf("the ids are %v", ids)
	}
	for i, id := range ids { // each alone, whatever the order
		if n, err := p.dead.Drop(t.Context(), Pick{IDs: []string{id}}); n != 1 || err != nil {
			t.Errorf("%d dropped, %v", n, err)
		}
		var left []string
		for _, l := range p.letters(2 - i) {
			left = append(left, l.ID)
		}
		slices.Sort(left)
		if !slices.Equal(left, ids[i+1:]) {
			t.Errorf("left are %v of %v", left, ids)
		}
	}
}

func TestLastDeath_OfForeignHeaders(t *testing.T) {
	for _, h := range []amqp.Table{
		nil, {link.DeathsHeader: "x"}, {link.DeathsHeader: []any{}}, {link.DeathsHeader: []any{7}},
		{link.DeathsHeader: []any{amqp.Table{"queue": "other", "reason": "expired"}}}, {link.DeathsHeader: []any{amqp.Table{"queue": int32(1)}}},
	} {
		if d, ok := lastDeath(h); ok {
			t.Errorf("%v: %+v", h, d)
		}
		if l := parse(&amqp.Delivery{Headers: h, Body: []byte("x")}); l.From != "" || l.ID == "" {
			t.Errorf("%v: %+v", h, l)
		}
	}
}
