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

	lru "github.com/hashicorp/golang-lru/v2"
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
	known   *lru.Cache[string, struct{}] // ids of letters that are counted
	reasons map[string]int               // what is not logged yet, by the reason of the broker
}

// countRemoved counts removed letters until ctx is done. Of all nodes that consume, one at a time does it.
func (d *Driver) countRemoved(ctx context.Context) {
	known, _ := lru.New[string, struct{}](removedKnown) // it fails only without a size
	r := &removals{d: d, known: known, reasons: map[string]int{}}
	defer r.log(context.WithoutCancel(ctx))
	d.consuming.Again(ctx, "counting "+link.RemovedQueue, func(s *link.Session) error { return r.read(ctx, s) })
}

// read counts what comes over one channel. It returns nil when ctx is done, and an error when the channel is lost.
func (r *removals) read(ctx context.Context, s *link.Session) error {
	c, err := r.d.consumeFrom(s, link.RemovedQueue, removedAhead)
	if err != nil {
		return err
	}
	defer s.CloseChannel(c.ch)
	tick := time.NewTicker(removedEvery)
	defer tick.Stop()
	for {
		select {
		case letter, ok := <-c.deliveries:
			if !ok {
				return errInterrupted
			}
			r.count(&letter)
			if err := c.ch.Ack(letter.DeliveryTag, false); err != nil {
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
	if id != "" {
		if counted, _ := r.known.ContainsOrAdd(id, struct{}{}); counted {
			return
		}
	}
	r.d.metrics.destroyed.Inc()
	r.reasons[deadletter.Removal(letter)]++
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
