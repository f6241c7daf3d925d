package rabbitmq_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// hub is a driver with a subscription, whose link leads through a proxy. Another driver announces.
type hub struct {
	*rabbitmq.Driver
	listener
	reg       *prometheus.Registry
	proxy     *testkit.Proxy
	announcer *rabbitmq.Driver
	other     other
	node      *nodes.RabbitNode
	vhost     string
}

func newHub(t *testing.T, node *nodes.RabbitNode, direct []string) *hub {
	t.Helper()
	h := &hub{reg: prometheus.NewRegistry(), proxy: testkit.StartProxy(t, node.Addr()), node: node, other: newOther(t, direct)}
	var err error
	if h.vhost, err = nodes.VHostName(direct[0]); err != nil {
		t.Fatal(err)
	}
	h.announcer = open(t, rabbitmq.Config{URLs: direct})
	h.Driver = open(t, rabbitmq.Config{URLs: through(direct, node.Addr(), h.proxy), Metrics: h.reg})
	if err := h.CheckHearing(); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("hearing before the subscription: %v, want class %s", err, errs.Unavailable)
	}
	h.listener = subscribe(t, h.Driver)
	return h
}

// names returns the names of the exchanges or queues on the broker that begin with a text.
func (h *hub) names(t *testing.T, kind, prefix string) (names []string) {
	t.Helper()
	body, err := h.node.Manage(t.Context(), http.MethodGet, "/"+kind+"/"+url.PathEscape(h.vhost), "")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if strings.HasPrefix(one.Name, prefix) {
			names = append(names, one.Name)
		}
	}
	return names
}

// queue returns the name of the hub's queue.
func (h *hub) queue(t *testing.T) (name string) {
	t.Helper()
	waitUntil(t, "the hub's queue to be listed", func() bool {
		for _, name = range h.names(t, "queues", "restante.hub.") {
			if !strings.HasSuffix(name, ".dropped") {
				return true
			}
		}
		return false
	})
	return name
}

// eval runs Erlang in the broker, with Q as a queue.
func (h *hub) eval(t *testing.T, queue, code string) {
	t.Helper()
	lookup := fmt.Sprintf("{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<%q>>, queue, <<%q>>)), ", h.vhost, queue)
	if _, err := h.node.Ctl(t.Context(), "eval", lookup+code+"."); err != nil {
		t.Fatal(err)
	}
}

// deleteQueue deletes a queue whatever connection it belongs to.
func (h *hub) deleteQueue(t *testing.T, queue string) {
	t.Helper()
	if _, err := h.node.Ctl(t.Context(), "delete_queue", "-p", h.vhost, queue); err != nil {
		t.Fatal(err)
	}
}

// mustMiss waits for a call of Missed that comes in time.
func (h *hub) mustMiss(t *testing.T, since time.Time) {
	t.Helper()
	select {
	case <-h.missed:
		t.Logf("Missed after %v", time.Since(since).Round(10*time.Millisecond))
	case <-time.After(driver.MissedWithin - time.Since(since)):
		t.Errorf("Missed was not called within %v", driver.MissedWithin)
	}
}

// mustHear waits until the hub hears again, and fails unless it then hears an announcement.
func (h *hub) mustHear(t *testing.T) {
	t.Helper()
	waitUntil(t, "the hub to hear again", func() bool { return h.CheckHearing() == nil })
	n := int(time.Now().UnixMilli())
	announced := storedMessage("again", n)
	waitUntil(t, "an announcement to be accepted", func() bool {
		return h.announcer.Announce(t.Context(), []chat.Message{announced}) == nil
	})
	select {
	case got := <-h.delivered:
		if got != announced {
			t.Errorf("heard %+v, want %+v", got, announced)
		}
	case <-time.After(20 * time.Second):
		t.Error("an announcement was not heard although the hub seems to hear")
	}
}

// cuts are the ways in which a subscription is cut off in silence. Each may return what mends it; the others mend by
// themselves.
var cuts = map[string]func(t *testing.T, h *hub) (mend func()){
	"exchange deleted": func(_ *testing.T, h *hub) func() {
		h.other.deleteMessages()
		return nil
	},
	"binding deleted": func(t *testing.T, h *hub) func() { // with its exchange, which is made again at once
		h.other.deleteMessages()
		h.other.declareMessages()
		return nil
	},
	"queue deleted": func(t *testing.T, h *hub) func() {
		h.deleteQueue(t, h.queue(t))
		return nil
	},
	"queue of signs deleted": func(t *testing.T, h *hub) func() {
		h.deleteQueue(t, h.queue(t)+".dropped")
		return nil
	},
	"link stalled": func(_ *testing.T, h *hub) func() {
		h.proxy.Stall(testkit.Up)
		h.proxy.Stall(testkit.Down)
		return func() {
			h.proxy.Resume(testkit.Up)
			h.proxy.Resume(testkit.Down)
		}
	},
	"link stalled from the broker": func(_ *testing.T, h *hub) func() {
		h.proxy.Stall(testkit.Down)
		return func() { h.proxy.Resume(testkit.Down) }
	},
}

// TestDriver_NoticesThatItHearsNothing: a subscription that is cut off in silence ends in Missed in time, says so until it
// hears again, and then hears everything.
func TestDriver_NoticesThatItHearsNothing(t *testing.T) {
	t.Parallel()
	for name, cut := range cuts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, testkit.RabbitMQ(t).Node(0), testkit.VHost(t))
			h.mustHear(t)
			mend := cut(t, h)
			h.mustMiss(t, time.Now())
			if mend != nil {
				waitUntil(t, "CheckHearing to say so", func() bool { return errs.CodeOf(h.CheckHearing()) == errs.Unavailable })
				t.Logf("it says %v", h.CheckHearing())
				h.mustMiss(t, time.Now()) // it is told again, since nothing is heard yet
				mend()
			}
			h.mustHear(t)
		})
	}
	t.Run("nothing but a quiet server", func(t *testing.T) {
		t.Parallel()
		testQuiet(t, newHub(t, testkit.RabbitMQ(t).Node(0), testkit.VHost(t)))
	})
	t.Run("consumer dead", func(t *testing.T) {
		t.Parallel()
		h := newHub(t, testkit.RabbitMQ(t).Node(0), testkit.VHost(t))
		queue := h.queue(t)
		h.eval(t, queue, "sys:suspend(amqqueue:get_pid(Q))")
		h.mustMiss(t, time.Now())
		waitUntil(t, "the hub to hear over another queue", func() bool { return h.CheckHearing() == nil })
		h.eval(t, queue, "sys:resume(amqqueue:get_pid(Q))") // announcers wait for it, too
		h.mustHear(t)
	})
}

// testQuiet: echoes keep a subscription alive, and no other program's queue gets them.
func testQuiet(t *testing.T, h *hub) {
	if _, err := h.other.ch.QueueDeclare("service", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := h.other.ch.QueueBind("service", "room.#", "restante.messages", false, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.missed:
		t.Fatal("Missed was called although nothing was lost")
	case <-time.After(2 * driver.MissedWithin):
	}
	if err := h.CheckHearing(); err != nil {
		t.Error(err)
	}
	if n := h.other.depth("service"); n > 0 {
		t.Errorf("the service got %d messages, want none", n)
	}
}

// TestDriver_LeavesNothingOnTheBroker: what a hub declares goes with it.
func TestDriver_LeavesNothingOnTheBroker(t *testing.T) {
	h := newHub(t, testkit.RabbitMQ(t).Node(0), testkit.VHost(t))
	if exchanges := h.names(t, "exchanges", "restante.hub."); len(exchanges) != 1 {
		t.Errorf("exchanges %v, want one", exchanges)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	waitUntil(t, "queues and exchanges to go", func() bool {
		return len(h.names(t, "queues", "restante.hub.")) == 0 && len(h.names(t, "exchanges", "restante.hub.")) == 0
	})
}

// TestDriver_HearsThroughAnAlarm: a broker with an alarm reads no echoes. That is no silence, and does not delay the end.
func TestDriver_HearsThroughAnAlarm(t *testing.T) {
	cluster := testkit.OwnRabbitMQ(t, 1)
	h := newHub(t, cluster.Node(0), cluster.URLs())
	alarm := func(limit string) {
		t.Helper()
		if _, err := h.node.Ctl(t.Context(), "set_vm_memory_high_watermark", limit); err != nil {
			t.Fatal(err)
		}
	}
	alarm("0.0000001")
	for lasting := time.After(driver.MissedWithin); ; {
		select {
		case <-h.missed:
			t.Fatal("Missed was called although nothing was lost")
		case <-lasting:
		case <-time.After(100 * time.Millisecond):
			if err := h.CheckHearing(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		break
	}
	alarm("0.6")
	h.mustHear(t)
	alarm("0.0000001")
	waitUntil(t, "the alarm", func() bool { return metric(t, h.reg, "restante_broker_blocked") > 0 })
	began := time.Now()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// TestDriver_GarbageIsNoLever: however many announcements cannot be decoded, Missed is called about once a second.
func TestDriver_GarbageIsNoLever(t *testing.T) {
	t.Parallel()
	h := newHub(t, testkit.RabbitMQ(t).Node(0), testkit.VHost(t))
	began, published := time.Now(), 0
	for time.Since(began) < 4*time.Second {
		for range 200 {
			h.other.publish("restante.messages", "room.a", amqp.Publishing{Body: []byte("{")})
		}
		published += 200
		<-time.After(10 * time.Millisecond)
	}
	waitUntil(t, "all of it", func() bool {
		return metric(t, h.reg, "restante_announcements_undecodable_total") == float64(published)
	})
	h.mustMiss(t, time.Now())
	took := time.Since(began)
	if n := 1 + len(h.missed); n > int(took/time.Second)+1 {
		t.Errorf("%d announcements that cannot be decoded: Missed was called %d times in %v", published, n, took)
	}
	h.mustHear(t)
}
