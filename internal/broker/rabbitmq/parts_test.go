package rabbitmq

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestBacklog_TakesInOrderWithinLimits(t *testing.T) {
	b := &backlog{limit: 1 << 20, arrived: make(chan struct{}, 1), full: make(chan struct{})}
	for i := range 10 {
		b.add(amqp.Delivery{DeliveryTag: uint64(i), Body: make([]byte, 100)})
	}
	var sizes []int
	tag := uint64(0)
	for _, limits := range [][2]int{{3, 10_000}, {100, 250}, {100, 10}, {100, 10_000}, {100, 10_000}} {
		taken := b.take(limits[0], limits[1])
		for _, a := range taken {
			if a.DeliveryTag != tag {
				t.Errorf("took %d, want %d", a.DeliveryTag, tag)
			}
			tag++
		}
		sizes = append(sizes, len(taken))
	}
	if want := []int{3, 2, 1, 4, 0}; !slices.Equal(sizes, want) {
		t.Errorf("took %v, want %v", sizes, want)
	}
	if n, since := b.waiting(); n != 0 || !since.IsZero() || b.bytes != 0 {
		t.Errorf("left: %d since %v, %d bytes", n, since, b.bytes)
	}
}

func TestBacklog_IsBounded(t *testing.T) {
	deliveries := make(chan amqp.Delivery)
	b := gather(deliveries, 10_000)
	for range 100 {
		deliveries <- amqp.Delivery{Body: make([]byte, 1000)}
	}
	close(deliveries)
	<-b.over
	select {
	case <-b.full:
	default:
		t.Error("it does not say that it is full")
	}
	if n, _ := b.waiting(); n > 6 {
		t.Errorf("%d deliveries of 2 kB each are in a backlog of 10 kB", n)
	}
}

func TestBusy_GathersMoreWhenOthersAreBusy(t *testing.T) {
	b := &busy{last: make([]atomic.Int64, 8)}
	now := time.Now()
	pauses := []time.Duration{b.pause(0, now)}
	for q := range 8 {
		b.note(q, now)
		pauses = append(pauses, b.pause(0, now))
	}
	pauses = append(pauses, b.pause(0, now.Add(2*lately)))
	if want := []time.Duration{0, 0, gatherFor, 2 * gatherFor, 3 * gatherFor, maxGather, maxGather, maxGather, maxGather, 0}; !slices.Equal(pauses, want) {
		t.Errorf("gathers for %v, want %v", pauses, want)
	}
}
