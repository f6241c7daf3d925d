package rabbitmq_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/chat"
	"restante/internal/peer"
	"restante/internal/testkit"
)

// ofKind returns a message as a newer version would write an entry of a kind of its own.
func ofKind(kind string, m chat.Message) []byte {
	return []byte(strings.Replace(string(m.AppendEnvelope(nil)), `"kind":"message"`, `"kind":"`+kind+`"`, 1))
}

// TestDriver_DeadLettersWhatNoNodeKnows: entries of kinds and versions that no node has ever known become dead letters after
// the limit, all at the same time. Until then nothing behind them is handled, and what is before them is. Then the room
// goes on, in its order, and a replay brings the letters back to where they were.
func TestDriver_DeadLettersWhatNoNodeKnows(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, UnknownLimit: limit, Metrics: reg})
	o := newOther(t, urls)
	room := roomOf(3)
	send := func(n int) {
		t.Helper()
		if err := d.Publish(t.Context(), numbered(room, n)); err != nil {
			t.Fatal(err)
		}
	}
	foreign := func(body []byte) {
		o.publish("restante.intake", "3", amqp.Publishing{Body: body, MessageId: "foreign"})
	}
	send(1)
	newer := strings.Replace(string(ofKind("message", numbered(room, 0))), `"v":1`, `"v":7`, 1)
	for i, body := range [][]byte{ofKind("edit", numbered(room, 0)), ofKind("like", numbered(room, 0)), []byte(newer), ofKind("edit", numbered(room, 0))} {
		foreign(body)
		waitUntil(t, "the foreign entry to be in the queue", func() bool { return o.depth("restante.intake.3") == 2+2*i })
		send(2 + i)
	}
	handled := handleAll(t, d)
	if m := <-handled; m.Msg != "1" {
		t.Errorf("handled %s first", m.Msg)
	}
	began := time.Now()
	waitUntil(t, "the first message to be acknowledged", func() bool { return metric(t, reg, "restante_unknown_entries") == 4 })
	if len(handled) > 0 || o.depth("restante.intake.3") > 0 {
		t.Errorf("%d messages behind a foreign entry are handled before it", len(handled))
	}
	for want := 2; want <= 5; want++ {
		if m := <-handled; m.Msg != fmt.Sprint(want) {
			t.Errorf("handled %s, want %d", m.Msg, want)
		}
	}
	if took := time.Since(began); took < limit/2 || took > 2*limit+3*time.Second {
		t.Errorf("four foreign entries have stopped the room for %v, with a limit of %v", took, limit)
	}
	office, letters := letters(t, urls, 4)
	var reasons []string
	for _, l := range letters {
		reasons = append(reasons, l.Reason)
	}
	const why = ": no node has known it for 2s"
	if want := []string{`unknown kind "edit"` + why, `unknown kind "like"` + why, "unknown version 7" + why, `unknown kind "edit"` + why}; !slices.Equal(reasons, want) {
		t.Errorf("the reasons are %q", reasons)
	}
	if n := metric(t, reg, "restante_unknown_entries"); n != 0 {
		t.Errorf("restante_unknown_entries %v", n)
	}
	if n, err := office.Replay(t.Context(), deadletter.Pick{All: true}, nil); n != 4 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	waitUntil(t, "the letters to come back", func() bool { return metric(t, reg, "restante_dead_total") == 8 })
}

// newerNode is a node of a newer version: it says that it knows a kind, and stands by as a consumer of one partition.
type newerNode struct {
	other
	id         string
	deliveries <-chan amqp.Delivery
}

func startNewerNode(t *testing.T, urls []string, q int, kind string) (n *newerNode, stop func()) {
	t.Helper()
	n = &newerNode{other: newOther(t, urls), id: peer.NewID()}
	consumer := newOther(t, urls) // a channel is for one goroutine
	var err error
	if n.deliveries, err = consumer.ch.Consume(fmt.Sprint("restante.intake.", q), "restante "+n.id, false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	say := func(leaving bool) {
		body, err := peer.Heartbeat{Leaving: leaving, Node: peer.Node{
			ID: n.id, URL: "http://newer", Roles: []peer.Role{peer.Consumer}, Knows: append(chat.BaseFeatures(), chat.OfKind(chat.Kind(kind))),
		}}.Encode()
		if err != nil || n.ch.Publish("restante.nodes", "", false, false, amqp.Publishing{Body: body}) != nil {
			t.Error("a heartbeat of the newer node cannot be published")
		}
	}
	go func() {
		defer close(done)
		for tick := time.NewTicker(peer.Interval); ; {
			say(false)
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				say(true)
				return
			}
		}
	}()
	stop = func() {
		cancel()
		<-done
		consumer.ch.Close()
	}
	return n, stop
}

func (n *newerNode) next() amqp.Delivery {
	n.t.Helper()
	select {
	case d := <-n.deliveries:
		return d
	case <-time.After(20 * time.Second):
		n.t.Fatal("waited for a delivery to the newer node")
		panic("unreachable")
	}
}

// TestDriver_GivesUpWhatANewerNodeKnows: a node that meets a kind which another node knows leaves the partition to it, with
// everything in its order, says so in its heartbeats, and consumes the partition again when the other has left. The other
// partitions stay shared.
func TestDriver_GivesUpWhatANewerNodeKnows(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	table := peer.NewTable(peer.Node{ID: peer.NewID(), Roles: []peer.Role{peer.Consumer}})
	d := open(t, rabbitmq.Config{URLs: urls, Peers: table, UnknownLimit: 100 * time.Millisecond, Metrics: reg})
	handled := handleAll(t, d)
	room := roomOf(3)
	if err := d.Publish(t.Context(), numbered(room, 1)); err != nil {
		t.Fatal(err)
	}
	if m := <-handled; m.Msg != "1" {
		t.Fatalf("handled %+v", m)
	}
	newer, stop := startNewerNode(t, urls, 3, "edit")
	waitUntil(t, "the newer node to be known", func() bool { _, ok := table.Find(newer.id); return ok })
	newer.publish("restante.intake", "3", amqp.Publishing{Body: ofKind("edit", numbered(room, 2)), MessageId: "edit"})
	first := newer.next()
	if first.MessageId != "edit" {
		t.Errorf("the newer node gets %s %s", first.MessageId, first.Body)
	}
	self := func() peer.Node { n, _ := table.Find(table.Self().ID); return n }
	waitUntil(t, "a heartbeat that says so", func() bool { return slices.Equal(self().Declines, []int{3}) })
	if !self().Has(peer.Consumer) {
		t.Error("a node that declines a partition does not say any more that it consumes")
	}
	if n := metric(t, reg, "restante_partitions_declined"); n != 1 {
		t.Errorf("restante_partitions_declined %v", n)
	}
	if err := first.Ack(false); err != nil {
		t.Fatal(err)
	}
	for _, m := range []chat.Message{numbered(room, 3), numbered(roomOf(4), 1)} {
		if err := d.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if got := newer.next(); got.MessageId != numbered(room, 3).ID {
		t.Errorf("the newer node gets %s", got.Body)
	}
	if m := <-handled; m.Room != roomOf(4) {
		t.Errorf("handled %+v", m)
	}
	stop() // without an acknowledgement
	if m := <-handled; m.Msg != "3" || m.Room != room {
		t.Errorf("handled %+v", m)
	}
	waitUntil(t, "a heartbeat without declined partitions", func() bool { return len(self().Declines) == 0 })

	// Some node has known it: it is kept, and its room waits.
	newer.publish("restante.intake", "3", amqp.Publishing{Body: ofKind("edit", numbered(room, 4))})
	waitUntil(t, "the entry to be met", func() bool { return metric(t, reg, "restante_unknown_entries") == 1 })
	time.AfterFunc(time.Second, func() { _ = d.Publish(context.WithoutCancel(t.Context()), numbered(roomOf(5), 1)) })
	if m := <-handled; m.Room != roomOf(5) || metric(t, reg, "restante_dead_total") != 0 {
		t.Errorf("handled %+v, and %v are dead", m, metric(t, reg, "restante_dead_total"))
	}
}

// TestDriver_KeepsWhatIsSwitchedOn: what the store says is in use never becomes a dead letter, also when the store cannot be
// asked and when no node knows it. A node that lacks it does not consume the partition.
func TestDriver_KeepsWhatIsSwitchedOn(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	var asked, on atomic.Int32
	d := open(t, rabbitmq.Config{
		URLs: urls, UnknownLimit: time.Millisecond, Metrics: reg,
		Switched: func(_ context.Context, f chat.Feature) (bool, error) {
			asked.Add(1)
			if on.Load() == 0 {
				return false, errors.New("the store is away")
			}
			return f == "kind:edit", nil
		},
	})
	o := newOther(t, urls)
	handled := handleAll(t, d)
	o.publish("restante.intake", "3", amqp.Publishing{Body: ofKind("edit", numbered(roomOf(3), 1))})
	waitUntil(t, "the store to be asked", func() bool { return asked.Load() > 2 })
	on.Store(1)
	waitUntil(t, "the partition to be given up", func() bool { return metric(t, reg, "restante_partitions_declined") == 1 })
	waitUntil(t, "the entry to be in the queue", func() bool { return o.depth("restante.intake.3") == 1 })
	if n := metric(t, reg, "restante_dead_total") + metric(t, reg, "restante_unknown_entries"); n != 0 {
		t.Errorf("%v entries are dead or still here", n)
	}
	if err := d.Publish(t.Context(), numbered(roomOf(4), 1)); err != nil {
		t.Fatal(err)
	}
	if m := <-handled; m.Room != roomOf(4) {
		t.Errorf("handled %+v", m)
	}
}

// TestDriver_PassesOverUnknownAnnouncements: they are counted, and are no interruption.
func TestDriver_PassesOverUnknownAnnouncements(t *testing.T) {
	urls := testkit.VHost(t)
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Metrics: reg})
	l := subscribe(t, d)
	o := newOther(t, urls)
	for _, body := range [][]byte{ofKind("edit", storedMessage("a", 1)), []byte(`{"v":9}`), list(storedMessage("a", 2), storedMessage("a", 3))} {
		o.publish("restante.messages", "room.a", amqp.Publishing{Body: body})
	}
	for want := int64(2); want <= 3; want++ {
		if m := <-l.delivered; m.Seq != want {
			t.Errorf("delivered %+v, want number %d", m, want)
		}
	}
	if n := metric(t, reg, "restante_announcements_unknown_total"); n != 2 {
		t.Errorf("restante_announcements_unknown_total %v, want 2", n)
	}
	if n := metric(t, reg, "restante_announcements_undecodable_total"); n != 0 || len(l.missed) > 0 {
		t.Errorf("%v are undecodable, and the subscription was interrupted %d times", n, len(l.missed))
	}
}
