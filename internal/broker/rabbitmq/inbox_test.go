package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// TestDriver_InboxKeepsTheOrderOfARoom: rooms are accepted at the same time, the messages of a room one after the other; one
// that fails is tried again with the same id, before the next.
func TestDriver_InboxKeepsTheOrderOfARoom(t *testing.T) {
	urls := testkit.VHost(t)
	d := open(t, rabbitmq.Config{URLs: urls})
	o := newOther(t, urls)
	const n, rooms = 20, 3
	var want []string
	for i := 1; i <= n; i++ {
		want = append(want, fmt.Sprint(i))
		for r := range rooms {
			o.publish("restante.inbox", fmt.Sprint("room-", r), amqp.Publishing{
				ContentType: "application/json", Headers: amqp.Table{"traceparent": trace},
				Body: fmt.Appendf(nil, `{"msg":"%d","client_id":"ann"}`, i),
			})
		}
	}
	var mu sync.Mutex
	ids, got := map[string]string{}, map[string][]string{}
	done := make(chan struct{}, 1)
	var meet sync.WaitGroup
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
			done <- struct{}{}
		}
		return m, nil
	})
	waitUntil(t, "all messages of the inbox", func() bool { return len(done) > 0 })
	stop()
	for room, msgs := range got {
		if !slices.Equal(msgs, want) {
			t.Errorf("room %s: accepted in the order %v", room, msgs)
		}
	}
	if n := o.depth("restante.inbox"); n > 0 {
		t.Errorf("%d messages are left", n)
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
