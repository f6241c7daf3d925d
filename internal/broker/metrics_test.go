package broker_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/broker"
	"restante/internal/broker/inproc"
	"restante/internal/chat"
)

// listening is a subscriber that says when it begins to hear.
type listening struct {
	began  chan struct{}
	heard  int // messages
	passed int // messages of which only the numbers were heard
}

func (l *listening) Listens(room string) bool      { return room != "quiet" }
func (l *listening) Missed()                       { close(l.began) }
func (l *listening) Deliver(stored []chat.Message) { l.heard += len(stored) }
func (l *listening) Passed(chat.Message)           { l.passed++ }
func (l *listening) Changed(string)                {}

func TestBroker_CountsWhatIsAnnouncedAndHeard(t *testing.T) {
	reg := prometheus.NewRegistry()
	b := broker.New(inproc.New(inproc.Config{}), broker.Config{Metrics: reg})
	ctx, cancel := context.WithCancel(t.Context())
	hub := &listening{began: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() { _ = b.Subscribe(ctx, hub) }) // its contract: nil
	<-hub.began
	ahead := time.Now().Add(time.Hour) // by the clock of the node that accepted it
	if err := b.Announce(ctx, []chat.Message{{ID: "a", SentAt: ahead}, {ID: "b", SentAt: ahead}, {ID: "c", Room: "quiet"}}); err != nil {
		t.Fatal(err)
	}
	cancel()
	running.Wait()
	if err := b.Close(); err != nil || hub.heard != 2 || hub.passed != 1 {
		t.Errorf("%d heard, %d passed, %v", hub.heard, hub.passed, err)
	}
	want := `# HELP restante_announced_total Stored messages announced to the hubs, repeats included.
# TYPE restante_announced_total counter
restante_announced_total 3
# HELP restante_heard_total Stored messages of whose announcement this node was told, repeats included.
# TYPE restante_heard_total counter
restante_heard_total 3
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "restante_announced_total", "restante_heard_total"); err != nil {
		t.Error(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "restante_accept_to_heard_seconds" {
			if h := family.GetMetric()[0].GetHistogram(); h.GetSampleCount() != 2 || h.GetSampleSum() != 0 {
				t.Errorf("%d times, %v s together: a clock that is ahead must count as no time", h.GetSampleCount(), h.GetSampleSum())
			}
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}
