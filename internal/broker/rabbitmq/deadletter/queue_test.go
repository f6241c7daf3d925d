package deadletter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// intakeOps is the queue of the room ops, of two partitions.
var intakeOps = link.IntakeQueue + strconv.Itoa(link.Partition("ops", 2))

// post is a virtual host with the queues that letters come from and go to, and no node at work.
type post struct {
	t    *testing.T
	urls []string
	ch   *amqp.Channel
	dead *Queue
}

func newPost(t *testing.T, arguments amqp.Table) *post {
	t.Helper()
	p := &post{t: t, urls: testkit.VHost(t)}
	conn, err := amqp.Dial(p.urls[0])
	p.must(err)
	t.Cleanup(func() { conn.Close() })
	p.ch, err = conn.Channel()
	p.must(err)
	p.must(p.ch.Confirm(false))
	quorum := amqp.Table{"x-queue-type": "quorum"}
	for _, x := range []struct{ exchange, kind, queue, key string }{
		{link.QueuesExchange, "direct", link.IntakeQueue + "0", link.IntakeQueue + "0"}, {link.QueuesExchange, "direct", link.IntakeQueue + "1", link.IntakeQueue + "1"},
		{link.QueuesExchange, "direct", link.RecordQueue, link.RecordQueue}, {link.InboxExchange, "topic", link.InboxQueue, "#"},
	} {
		p.must(p.ch.ExchangeDeclare(x.exchange, x.kind, true, false, false, false, nil))
		_, err = p.ch.QueueDeclare(x.queue, true, false, false, false, quorum)
		p.must(err)
		p.must(p.ch.QueueBind(x.queue, x.key, x.exchange, false, nil))
	}
	p.must(p.ch.Publish(link.QueuesExchange, link.RecordQueue, true, false, amqp.Publishing{Type: "restante.record", Body: []byte(`{"version":1,"partitions":2,"made":true}`)}))
	maps.Copy(quorum, arguments)
	_, err = p.ch.QueueDeclare(link.DeadQueue, true, false, false, false, quorum)
	p.must(err)
	p.dead = p.open()
	return p
}

func (p *post) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *post) open() *Queue {
	p.t.Helper()
	d, err := Open(p.t.Context(), p.urls)
	p.must(err)
	p.t.Cleanup(func() { d.Close() })
	return d
}

// write puts n letters into the queue and returns the ids of the messages in them.
func (p *post) write(n int, from string) []string {
	p.t.Helper()
	var ids []string
	var last *amqp.DeferredConfirmation
	for i := range n {
		m := chat.Message{ID: uuid.Must(uuid.NewV7()).String(), Room: "ops", ClientID: "ann", Msg: fmt.Sprint("text ", i)}
		ids = append(ids, m.ID)
		letter := letterPublishing(&amqp.Delivery{
			Exchange: "restante." + from, RoutingKey: map[string]string{FromIntake: "7", FromInbox: "ops"}[from], MessageId: m.ID, ContentType: "application/json", Body: m.AppendJSON(nil),
		}, "it is bad", from)
		var err error
		last, err = p.ch.PublishWithDeferredConfirm("", link.DeadQueue, true, false, letter)
		p.must(err)
	}
	last.Wait()
	return ids
}

// list returns the ids of the messages in the oldest letters.
func (p *post) list(limit, total int) []string {
	p.t.Helper()
	letters, got, err := p.dead.List(p.t.Context(), limit)
	p.must(err)
	if got != total {
		p.t.Fatalf("there are %d letters, want %d", got, total)
	}
	var ids []string
	for _, l := range letters {
		ids = append(ids, l.MessageID)
	}
	return ids
}

// take empties a queue and returns what was in it.
func (p *post) take(queue string) []amqp.Delivery {
	p.t.Helper()
	var all []amqp.Delivery
	for {
		d, ok, err := p.ch.Get(queue, true)
		p.must(err)
		if !ok {
			return all
		}
		all = append(all, d)
	}
}

func idsOf(deliveries []amqp.Delivery) []string {
	var ids []string
	for _, d := range deliveries {
		ids = append(ids, d.MessageId)
	}
	return ids
}

func TestQueue_ListTakesNothingAway(t *testing.T) {
	p := newPost(t, nil)
	if got := p.list(10, 0); len(got) != 0 {
		t.Fatalf("an empty queue has %v", got)
	}
	ids := p.write(1200, FromIntake)
	for _, limit := range []int{100, 5000, 1, 100, 1200} {
		if got := p.list(limit, 1200); !slices.Equal(got, ids[:min(limit, len(ids))]) {
			t.Errorf("the oldest %d letters are others now: %d, from %s", limit, len(got), got[0])
		}
	}
	again := p.open() // another process
	letters, total, err := again.List(t.Context(), 1)
	if err != nil || total != 1200 || letters[0].MessageID != ids[0] {
		t.Errorf("%+v of %d, %v", letters, total, err)
	}
	want := Letter{ID: letters[0].ID, MessageID: ids[0], Room: "ops", ClientID: "ann", Reason: "it is bad", From: FromIntake, DiedAt: letters[0].DiedAt, Size: letters[0].Size, key: "7", known: true}
	if letters[0] != want {
		t.Errorf("%+v", letters[0])
	}
}

func TestQueue_OutlastADeliveryLimit(t *testing.T) {
	p := newPost(t, amqp.Table{"x-delivery-limit": int32(20)})
	ids := p.write(30, FromInbox)
	for range 45 {
		if got := p.list(100, 30); !slices.Equal(got, ids) {
			t.Fatalf("now there are %v, want %v", got, ids)
		}
	}
}

func TestQueue_Get(t *testing.T) {
	p := newPost(t, nil)
	ids := p.write(50, FromIntake)
	for _, id := range []string{ids[0], ids[49], ids[20]} {
		found, err := p.dead.Get(t.Context(), id)
		p.must(err)
		if len(found) != 1 || found[0].MessageID != id || !strings.Contains(string(found[0].Body), "text") || found[0].ContentType != "application/json" {
			t.Errorf("%+v", found)
		}
		byLetter, err := p.dead.Get(t.Context(), found[0].ID)
		if err != nil || len(byLetter) != 1 || byLetter[0].MessageID != id {
			t.Errorf("%+v (%v)", byLetter, err)
		}
	}
	for _, id := range []string{"", "x", uuid.NewString()} {
		if found, err := p.dead.Get(t.Context(), id); errs.CodeOf(err) != errs.NotFound {
			t.Errorf("%q: %+v, %v", id, found, err)
		}
	}
	p.list(1, 50)
}

func TestQueue_ReplaySome(t *testing.T) {
	p := newPost(t, nil)
	ids := append(p.write(20, FromIntake), p.write(20, FromInbox)...)
	n, err := p.dead.Replay(t.Context(), Pick{IDs: []string{ids[3], ids[30], "unknown"}}, nil)
	if n != 2 || errs.CodeOf(err) != errs.NotFound || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("%d letters, %v", n, err)
	}
	for queue, id := range map[string]string{intakeOps: ids[3], link.InboxQueue: ids[30]} {
		got := p.take(queue)
		if len(got) != 1 || got[0].MessageId != id || got[0].Exchange == "" || queue == link.InboxQueue && got[0].RoutingKey != "ops" || got[0].DeliveryMode != amqp.Persistent {
			t.Fatalf("%s has %+v", queue, got)
		}
		delete(got[0].Headers, link.DeliveriesHeader)
		if h := got[0].Headers; len(h) != 1 || h[headerReplays] != int64(1) {
			t.Errorf("%s: headers %v", queue, h)
		}
	}
	left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return id == ids[3] || id == ids[30] })
	if got := p.list(100, 38); !slices.Equal(got, left) {
		t.Errorf("left are %v", got)
	}
}

func TestQueue_ReplayAll(t *testing.T) {
	p := newPost(t, nil)
	ids := p.write(1200, FromIntake)
	var seen []int
	n, err := p.dead.Replay(t.Context(), Pick{All: true}, func(done int) { seen = append(seen, done) })
	if n != 1200 || err != nil || len(seen) != 1200 || seen[1199] != 1200 {
		t.Errorf("%d letters, %d calls, %v", n, len(seen), err)
	}
	if got := idsOf(p.take(intakeOps)); !slices.Equal(got, ids) {
		t.Errorf("%d messages came out, not those of the letters in their order", len(got))
	}
	p.list(1, 0)
}

func TestQueue_ReplayGoesToTheQueueAlone(t *testing.T) {
	p := newPost(t, nil)
	direct := letterPublishing(&amqp.Delivery{RoutingKey: link.InboxQueue, Body: []byte("{}")}, "no msg", FromInbox)
	p.must(p.ch.Publish("", link.DeadQueue, true, false, direct))
	p.waitFor(1)
	if letters, _, err := p.dead.List(t.Context(), 1); err != nil || letters[0].Room != "" {
		t.Errorf("%+v, %v", letters, err)
	}
	n, err := p.dead.Replay(t.Context(), Pick{All: true}, nil)
	if got := p.take(link.InboxQueue); n != 1 || err != nil || len(got) != 1 || got[0].Exchange != "" {
		t.Errorf("%d, %v: %+v", n, err, got)
	}
}

func TestQueue_WhatNoQueueTakesStays(t *testing.T) {
	p := newPost(t, nil)
	ids := p.write(150, FromInbox)
	p.must(p.ch.QueueUnbind(link.InboxQueue, "#", link.InboxQueue, nil))
	n, err := p.dead.Replay(t.Context(), Pick{IDs: ids[:3]}, nil)
	if n != 0 || errs.CodeOf(err) != errs.Conflict || strings.Count(err.Error(), "no queue takes it") != 3 {
		t.Errorf("%d letters, %v", n, err)
	}
	n, err = p.dead.Replay(t.Context(), Pick{All: true}, nil)
	if n != 0 || err == nil || !strings.Contains(err.Error(), "given up after 10 ") {
		t.Errorf("%d letters, %v", n, err)
	}
	if got := p.list(200, 150); !slices.Equal(got, ids) {
		t.Errorf("left are %d", len(got))
	}
	p.must(p.ch.QueueBind(link.InboxQueue, "#", link.InboxQueue, false, nil))
	if n, err = p.dead.Replay(t.Context(), Pick{All: true}, nil); n != 150 || err != nil {
		t.Errorf("%d letters, %v", n, err)
	}
	p.must(p.ch.ExchangeDelete(link.InboxQueue, false, false))
	p.write(1, FromInbox)
	if n, err = p.dead.Replay(t.Context(), Pick{All: true}, nil); n != 0 || errs.CodeOf(err) != errs.NotFound || !strings.Contains(err.Error(), link.InboxQueue) {
		t.Errorf("%d letters, %v", n, err)
	}
	p.list(1, 1)
}

func TestQueue_AReplayThatEndsInTheMiddleLosesNothing(t *testing.T) {
	p := newPost(t, nil)
	ids := p.write(300, FromIntake)
	ctx, cancel := context.WithCancel(t.Context())
	n, err := p.open().Replay(ctx, Pick{All: true}, func(done int) {
		if done == 100 {
			cancel()
		}
	})
	if n < 100 || n == 300 || !errors.Is(err, context.Canceled) {
		t.Fatalf("%d letters, %v", n, err)
	}
	taken := idsOf(p.take(intakeOps))
	if len(taken) < 100 {
		t.Errorf("%d messages were sent again, %d letters were replayed", len(taken), n)
	}
	p.must(func() error { _, err := p.dead.Replay(t.Context(), Pick{All: true}, nil); return err }())
	p.list(1, 0)
	all := append(taken, idsOf(p.take(intakeOps))...)
	slices.Sort(all)
	slices.Sort(ids)
	if got := slices.Compact(all); !slices.Equal(got, ids) {
		t.Errorf("%d of %d messages have come", len(got), len(ids))
	}
}

func TestQueue_Drop(t *testing.T) {
	p := newPost(t, nil)
	ids := p.write(1200, FromIntake)
	if n, err := p.dead.Drop(t.Context(), Pick{}); n != 0 || err != nil {
		t.Errorf("nothing: %d, %v", n, err)
	}
	if n, err := p.dead.Drop(t.Context(), Pick{IDs: []string{ids[0], ids[1199]}}); n != 2 || err != nil {
		t.Errorf("two: %d, %v", n, err)
	}
	if got := p.list(1, 1198); got[0] != ids[1] {
		t.Errorf("the first is %s", got[0])
	}
	if n, err := p.dead.Drop(t.Context(), Pick{IDs: ids[100:300]}); n != 200 || err != nil {
		t.Errorf("many: %d, %v", n, err)
	}
	p.list(1, 998)
	if n, err := p.dead.Drop(t.Context(), Pick{All: true}); n != 998 || err != nil {
		t.Errorf("all: %d, %v", n, err)
	}
	p.list(1, 0)
	if got := p.take(intakeOps); len(got) > 0 {
		t.Errorf("%d letters were sent again", len(got))
	}
}

func TestQueue_ShowsAndDropsForeignLetters(t *testing.T) {
	p := newPost(t, nil)
	p.must(p.ch.Publish("", link.DeadQueue, true, false, amqp.Publishing{Body: []byte("\xff\x1b[31m")}))
	p.waitFor(1)
	letters, _, err := p.dead.List(t.Context(), 10)
	p.must(err)
	if n, err := p.dead.Replay(t.Context(), Pick{All: true}, nil); n != 0 || errs.CodeOf(err) != errs.Conflict {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := p.dead.Drop(t.Context(), Pick{IDs: []string{letters[0].ID}}); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestOpen_SaysWhatIsWrong(t *testing.T) {
	urls := testkit.VHost(t)
	for _, tc := range []struct {
		url  string
		code errs.Code
	}{
		{"http://secret@127.0.0.1", errs.Invalid},
		{"amqp://ann:se/cret@127.0.0.1:5672/", errs.Invalid},
		{"amqp://ann:secret@127.0.0.1:1/", errs.Unavailable},
		{strings.Replace(urls[0], "guest:guest", "guest:secret", 1), errs.Forbidden},
		{strings.Replace(urls[0], "?", "x?", 1), errs.NotFound},
	} {
		_, err := Open(t.Context(), []string{tc.url})
		if errs.CodeOf(err) != tc.code || strings.Contains(fmt.Sprint(err), "cret") || strings.Contains(fmt.Sprint(err), ":se") {
			t.Errorf("%s: %v (%s)", tc.url, err, errs.CodeOf(err))
		}
	}
	silent, err := url.Parse(urls[0])
	if err != nil {
		t.Fatal(err)
	}
	silent.Host = "127.0.0.1:1"
	d, err := Open(t.Context(), []string{silent.String(), urls[0]})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, _, err := d.List(t.Context(), 1); errs.CodeOf(err) != errs.NotFound {
		t.Errorf("without a queue: %v", err)
	}
}

func TestOpen_EndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		c, err := silent.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 1)) // the client has begun, and waits for an answer
		cancel()
		_, _ = io.Copy(io.Discard, c)
	}()
	began := time.Now()
	if _, err := Open(ctx, []string{"amqp://" + silent.Addr().String()}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > link.OnceTimeout/2 {
		t.Errorf("it took %v", took)
	}
}
