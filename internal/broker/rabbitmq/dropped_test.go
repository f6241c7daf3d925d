package rabbitmq_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/testkit"
)

// missedFor returns how often Missed was called for a reason.
func (h *hub) missedFor(t *testing.T, reason string) (n float64) {
	t.Helper()
	families, err := h.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "restante_announcements_missed_total" && m.GetLabel()[0].GetValue() == reason {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// TestDriver_IsToldWhatTheBrokerDrops: announcements that the broker drops, since the link is slow, end in Missed, whatever
// policies an operator has.
func TestDriver_IsToldWhatTheBrokerDrops(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]string{
		"no policy":                  "",
		"message-ttl":                `{"message-ttl":1}`,
		"max-length and overflow":    `{"max-length":1,"overflow":"reject-publish"}`,
		"dead-letter-exchange":       `{"max-length":1,"dead-letter-exchange":"elsewhere"}`,
		"max-length and message-ttl": `{"max-length":0,"message-ttl":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			direct := testkit.VHost(t)
			h := newHub(t, testkit.RabbitMQ(t).Node(0), direct)
			if policy != "" {
				body := fmt.Sprintf(`{"pattern":".*","definition":%s,"priority":9,"apply-to":"all"}`, policy)
				if _, err := h.node.Manage(t.Context(), http.MethodPut, "/policies/"+url.PathEscape(h.vhost)+"/drop", body); err != nil {
					t.Fatal(err)
				}
			}
			testDropped(t, h, policy != "")
		})
	}
}

func testDropped(t *testing.T, h *hub, few bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	heard := make(map[string]int64)
	done := make(chan struct{})
	go func() { // the listener's channel is bounded
		defer close(done)
		for {
			select {
			case m := <-h.delivered:
				heard[m.Room] = max(heard[m.Room], m.Seq)
			case <-ctx.Done():
				return
			}
		}
	}()
	n := 0
	announce := func(room string, many, size int) {
		t.Helper()
		var batch []chat.Message
		for range many {
			n++
			m := storedMessage(room, n)
			m.Msg = strings.Repeat("x", size)
			batch = append(batch, m)
		}
		if err := h.announcer.Announce(ctx, batch); err != nil {
			t.Errorf("Announce: %v", err)
		}
	}
	h.proxy.Slow(testkit.Down, 200_000)
	for range 4 { // fills the sockets on the way
		announce("busy", 500, 3000)
	}
	announce("quiet", 1, 1)
	rounds := 22 // more than the queue holds
	if few {
		rounds = 2
	}
	for range rounds {
		announce("busy", 500, 1)
	}
	h.proxy.Slow(testkit.Down, 0)
	resumed := time.Now()
	waitUntil(t, "the sign from the broker", func() bool { return h.missedFor(t, "dropped") > 0 })
	if n := h.missedFor(t, "silent"); n > 0 {
		t.Errorf("the subscription was silent %v times", n)
	}
	cancel()
	<-done
	t.Logf("the sign came %v after the link was fast again; heard %v of %d", time.Since(resumed).Round(time.Millisecond), heard, n)
}
