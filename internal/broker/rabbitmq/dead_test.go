package rabbitmq_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// letters waits until there are n dead letters and returns them.
func letters(t *testing.T, urls []string, n int) (*deadletter.Queue, []deadletter.Letter) {
	t.Helper()
	d, err := deadletter.Open(t.Context(), urls)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for limit := time.Now().Add(20 * time.Second); ; {
		got, total, err := d.List(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if total == n {
			return d, got
		}
		if time.Now().After(limit) {
			t.Fatalf("there are %d dead letters, want %d: %+v", total, n, got)
		}
	}
}

func TestDeadLetters_AReplayAfterTheFixDelivers(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 3})
	var fixed atomic.Bool
	stored := make(chan chat.Message, 10)
	consumeWith(t, d, func(_ context.Context, batch []chat.Message) error {
		for _, m := range batch {
			if m.Msg == "poison" && !fixed.Load() {
				return errs.Field("msg", "is poison")
			}
		}
		for _, m := range batch {
			stored <- plain(t, m)
		}
		return nil
	})
	want := chat.Message{ID: uuid.NewString(), Room: "ops", ClientID: "ann", Msg: "poison", SentAt: chat.Micros(time.Now())}
	good := want
	good.ID, good.Msg = uuid.NewString(), "good"
	for _, m := range []chat.Message{want, good} {
		if err := d.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if m := <-stored; m != good {
		t.Errorf("stored is %+v", m)
	}
	office, list := letters(t, urls, 1)
	l := list[0]
	if l.MessageID != want.ID || l.Room != "ops" || l.ClientID != "ann" || l.From != deadletter.FromIntake || l.Replays != 0 || l.Reason != "msg: is poison" {
		t.Errorf("the letter is %+v", l)
	}
	// Too early: it comes back, and says that it was tried.
	if n, err := office.Replay(t.Context(), deadletter.Pick{All: true}, nil); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	_, list = letters(t, urls, 1)
	if list[0].Replays != 1 || list[0].MessageID != want.ID {
		t.Errorf("after a replay the letter is %+v", list[0])
	}
	fixed.Store(true)
	if n, err := office.Replay(t.Context(), deadletter.Pick{IDs: []string{want.ID}}, nil); n != 1 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if m := <-stored; m != want {
		t.Errorf("stored is %+v, want %+v", m, want)
	}
	letters(t, urls, 0)
}

func TestDeadLetters_OfTheInbox(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	accepted := make(chan chat.Message, 10)
	var bans atomic.Bool
	bans.Store(true)
	runInbox(t, d, func(_ context.Context, m chat.Message) (chat.Message, error) {
		if m.ClientID == "eve" && bans.Load() {
			return m, errs.Field("client_id", "is banned")
		}
		accepted <- m
		return m, nil
	})
	o := newOther(t, urls)
	send := func(exchange, key, body string) {
		o.publish(exchange, key, amqp.Publishing{Body: []byte(body), DeliveryMode: amqp.Persistent, UserId: "guest", Expiration: "60000"})
	}
	send(link.InboxExchange, "ops", `{"msg":7}`)
	send(link.InboxExchange, "ops", `{"msg":"hi","client_id":"eve"}`)
	send("", link.InboxQueue, `{"msg":"straight to the queue","client_id":"ann","room":"den"}`)
	send(link.InboxExchange, "ops", `{"msg":"hi","client_id":"ann"}`)
	if m := <-accepted; m.Room != "den" || m.ClientID != "ann" {
		t.Errorf("accepted is %+v", m)
	}
	if m := <-accepted; m.Room != "ops" || m.ClientID != "ann" || m.Msg != "hi" {
		t.Errorf("accepted is %+v", m)
	}
	office, list := letters(t, urls, 2)
	// What is malformed has no room, and goes its own way beside those of a room: either may die first.
	if list[0].ClientID == "eve" {
		slices.Reverse(list)
	}
	malformed, banned := list[0], list[1]
	if l := malformed; l.From != deadletter.FromInbox || l.Room != "ops" || l.Reason != `body: the field "msg" must be a text` {
		t.Errorf("the malformed letter is %+v", l)
	}
	if l := banned; l.From != deadletter.FromInbox || l.ClientID != "eve" || l.Reason != "client_id: is banned" {
		t.Errorf("the banned letter is %+v", l)
	}
	bans.Store(false)
	if n, err := office.Replay(t.Context(), deadletter.Pick{All: true}, nil); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	// It had no id. Now it has one, and keeps it however often it is replayed.
	if m := <-accepted; m.ClientID != "eve" || m.ID != banned.ID {
		t.Errorf("accepted is %+v", m)
	}
	if _, list = letters(t, urls, 1); list[0].Replays != 1 {
		t.Errorf("left is %+v", list)
	}
}
