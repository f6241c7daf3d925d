package rabbitmq

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
)

const (
	// removedAhead is how many removed letters the broker delivers ahead.
	removedAhead = 500
	// removedKnown is how many ids of removed letters are remembered: the broker may deliver one twice.
	removedKnown = 10_000
	// removedEvery is the shortest time between two lines of the log about removed letters.
	removedEvery = time.Second
)

// removals counts the dead letters that the broker has removed from link.DeadQueue, because a policy told it to. It is for one
// goroutine.
type removals struct {
	d       *Driver
	known   map[string]bool // ids of letters that are counted
	order   []string        // the same in the order in which they came, a ring when it is full
	oldest  int             // in order, when it is full
	reasons map[string]int  // what is not logged yet, by the reason of the broker
}

// countRemoved counts removed letters until ctx is done. Of all nodes that consume, one at a time does it.
func (d *Driver) countRemoved(ctx context.Context) {
	r := &removals{d: d, known: map[string]bool{}, reasons: map[string]int{}}
	defer r.log(context.WithoutCancel(ctx))
	d.consuming.Again(ctx, "counting "+link.RemovedQueue, func(s *link.Session) error { return r.read(ctx, s) })
}

// read counts what comes over one channel. It returns nil when ctx is done, and an error when the channel is lost.
func (r *removals) read(ctx context.Context, s *link.Session) error {
	var deliveries <-chan amqp.Delivery
	ch, err := s.Channel(func(ch *amqp.Channel) (err error) {
		if err := ch.Qos(removedAhead, 0, false); err != nil {
			return err
		}
		deliveries, err = ch.Consume(link.RemovedQueue, "restante "+r.d.node, false, false, false, false, consumerArguments())
		return err
	})
	if err != nil {
		return fmt.Errorf("consume from %s: %w", link.RemovedQueue, err)
	}
	defer s.CloseChannel(ch)
	tick := time.NewTicker(removedEvery)
	defer tick.Stop()
	for {
		select {
		case letter, ok := <-deliveries:
			if !ok {
				return errInterrupted
			}
			r.count(&letter)
			if err := ch.Ack(letter.DeliveryTag, false); err != nil {
				return fmt.Errorf("acknowledge: %w", err)
			}
		case <-tick.C:
			r.log(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// count counts a letter, unless it has counted it before.
func (r *removals) count(letter *amqp.Delivery) {
	id := cmp.Or(letter.MessageId, link.HeaderText(letter.Headers, link.LetterHeader))
	if id != "" && !r.remember(id) {
		return
	}
	r.d.metrics.destroyed.Inc()
	r.reasons[deadletter.Removal(letter)]++
}

// remember returns false if it knows the id. It forgets the oldest one when there are too many.
func (r *removals) remember(id string) bool {
	if r.known[id] {
		return false
	}
	r.known[id] = true
	if len(r.order) < removedKnown {
		r.order = append(r.order, id)
		return true
	}
	delete(r.known, r.order[r.oldest])
	r.order[r.oldest] = id
	r.oldest = (r.oldest + 1) % removedKnown
	return true
}

// log logs what was counted since the last line.
func (r *removals) log(ctx context.Context) {
	if len(r.reasons) == 0 {
		return
	}
	n := 0
	for _, some := range r.reasons {
		n += some
	}
	r.d.cfg.Log.ErrorContext(ctx, "dead letters were removed by RabbitMQ", slog.Int("messages", n),
		slog.String("reason", strings.Join(slices.Sorted(maps.Keys(r.reasons)), ", ")),
		slog.String("prevent", "restante broker policy"))
	clear(r.reasons)
}
