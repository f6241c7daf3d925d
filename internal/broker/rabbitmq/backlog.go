package rabbitmq

import (
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// backlog is what has been delivered over a channel and was not taken yet. The client library gives one delivery at a time;
// here they gather while the last batch is handled.
type backlog struct {
	limit   int           // of bytes
	arrived chan struct{} // buffered, one element: something has arrived
	full    chan struct{} // closed when there is more than the limit; later deliveries are dropped
	over    chan struct{} // closed when the channel is closed

	mu    sync.Mutex
	items []arrival
	bytes int
	last  time.Time // when the newest delivery came
}

// arrival is a delivery and when it came.
type arrival struct {
	amqp.Delivery
	at time.Time
}

// overhead is about what a delivery takes in memory besides its body.
const overhead = 1 << 10

// gather returns a backlog of deliveries. It takes all of them until they end, which they do with their channel.
func gather(deliveries <-chan amqp.Delivery, limit int) *backlog {
	b := &backlog{
		limit: limit, arrived: make(chan struct{}, 1), full: make(chan struct{}), over: make(chan struct{}),
	}
	go func() { // ends with the channel, which the caller closes
		defer close(b.over)
		for d := range deliveries {
			b.add(d)
		}
	}()
	return b
}

func (b *backlog) add(d amqp.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = time.Now()
	if b.bytes > b.limit {
		return
	}
	b.items = append(b.items, arrival{d, b.last})
	if b.bytes += len(d.Body) + overhead; b.bytes > b.limit {
		close(b.full)
	}
	select {
	case b.arrived <- struct{}{}:
	default:
	}
}

// waiting returns how many deliveries wait, and since when the first does.
func (b *backlog) waiting() (n int, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) == 0 {
		return 0, time.Time{}
	}
	return len(b.items), b.items[0].at
}

// newest returns when the last delivery has come, the zero time before the first.
func (b *backlog) newest() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// take removes the deliveries that came first, at most limit of them, with at most size bytes unless the first has more.
func (b *backlog) take(limit, size int) []arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < min(len(b.items), limit) {
		body := len(b.items[n].Body)
		if size -= body; n > 0 && size < 0 {
			break
		}
		b.bytes -= body + overhead
		n++
	}
	taken := b.items[:n:n]
	if b.items = b.items[n:]; len(b.items) == 0 {
		b.items = nil
	}
	return taken
}
