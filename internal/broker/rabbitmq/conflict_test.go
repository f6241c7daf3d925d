package rabbitmq_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker/rabbitmq"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/chat"
	"restante/internal/testkit"
)

// once is a handler that keeps the text of each (room, sender, id) that it has seen first, as a store does.
type once struct {
	mu    sync.Mutex
	texts map[string]string
	count int // of messages that it was called with: a batch that is split and tried again counts twice
}

func (o *once) handle(_ context.Context, batch []chat.Message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count += len(batch)
	var conflicts []int
	for i := range batch {
		m := &batch[i]
		key := m.Room + " " + m.ClientID + " " + m.ID
		if text, known := o.texts[key]; known && text != m.Msg {
			conflicts = append(conflicts, i)
		} else {
			o.texts[key] = m.Msg
		}
	}
	return (&chat.Appended{Conflicts: conflicts}).Err()
}

// handled returns how many messages were handled.
func (o *once) handled() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count
}

// publishAtOnce publishes messages at once, and returns when all of them are confirmed.
func publishAtOnce(t *testing.T, d *rabbitmq.Driver, messages []chat.Message) {
	t.Helper()
	var work sync.WaitGroup
	for _, m := range messages {
		work.Go(func() {
			if err := d.Publish(t.Context(), m); err != nil {
				t.Errorf("Publish: %v", err)
			}
		})
	}
	work.Wait()
}

// TestConflicts_AreDeadLettersOfTheirOwn puts a full batch into the queue, in which every hundredth message is a conflict: the
// messages are handled once, so that no batch is split, and the conflicts are dead letters with their reason.
func TestConflicts_AreDeadLettersOfTheirOwn(t *testing.T) {
	urls := testkit.VHost(t)
	var log logged
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 1, Log: log.logger(), Metrics: reg})
	const n = 500
	store := &once{texts: map[string]string{}}
	var batch []chat.Message
	for i := 1; i <= n; i++ {
		m := numbered("ops", i)
		if batch = append(batch, m); i%100 == 0 {
			store.texts["ops test "+m.ID] = "what was stored first"
		}
	}
	publishAtOnce(t, d, batch)
	stop := consumeWith(t, d, store.handle)
	office, list := letters(t, urls, 5)
	for _, l := range list {
		if l.From != deadletter.FromIntake || l.ClientID != "test" || l.Room != "ops" || !strings.HasPrefix(l.Reason, "conflict: ") {
			t.Errorf("the letter is %+v", l)
		}
	}
	waitUntil(t, "all messages to be acknowledged", func() bool { return metric(t, reg, "restante_unacked") == 0 })
	if count := store.handled(); count != n {
		t.Errorf("%d messages were handled, want %d, each once", count, n)
	}
	if lines := log.lines("message dead-lettered"); len(lines) != 5 || !strings.Contains(lines[0], "conflict: ") || strings.Contains(lines[0], "first") {
		t.Errorf("the log says %q", lines)
	}
	// A replay is a conflict again, and a letter again, whatever the number of letters.
	if n, err := office.Replay(t.Context(), deadletter.Pick{All: true}, nil); n != 5 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	waitUntil(t, "the replays to come back", func() bool { return metric(t, reg, "restante_dead_total") == 10 })
	if _, list = letters(t, urls, 5); list[0].Replays != 1 {
		t.Errorf("after a replay the letter is %+v", list[0])
	}
	stop()
}

// TestConflicts_GetABoundedNumberOfLetters sends more conflicts than one sender gets letters for, each of them twice.
func TestConflicts_GetABoundedNumberOfLetters(t *testing.T) {
	urls := testkit.VHost(t)
	var log logged
	reg := prometheus.NewRegistry()
	d := open(t, rabbitmq.Config{URLs: urls, Partitions: 1, Log: log.logger(), Metrics: reg})
	store := &once{texts: map[string]string{}}
	consumeWith(t, d, store.handle)
	var batch []chat.Message
	for i := range 150 {
		m := numbered("ops", 1)
		m.Msg = fmt.Sprint("text ", i)
		batch = append(batch, m, m)
	}
	first := numbered("ops", 1)
	if err := d.Publish(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	publishAtOnce(t, d, batch)
	other := numbered("ops", 1)
	other.ClientID = "another sender" // its message has the same id, and is no conflict
	publishAtOnce(t, d, []chat.Message{other})
	other.Msg = "its conflict"
	publishAtOnce(t, d, []chat.Message{other})
	letters(t, urls, 101)
	waitUntil(t, "all messages to be done", func() bool {
		return store.handled() == len(batch)+3 && metric(t, reg, "restante_unacked") == 0
	})
	if dropped := metric(t, reg, "restante_conflicts_dropped_total"); dropped != 2*50 {
		t.Errorf("%v conflicts were dropped, want 100", dropped)
	}
	if lines := log.lines("conflicts get no more dead letters"); len(lines) != 1 || !strings.Contains(lines[0], "client=test") {
		t.Errorf("the log says %q", lines)
	}
	letters(t, urls, 101)
}
