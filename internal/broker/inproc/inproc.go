// Package inproc is the broker of one machine. It keeps nothing: Publish queues a message for the consumer and returns when
// the batch that the message is in has been handled, which means that the store has committed it. There is no second
// durable copy. If the consumer cannot handle a message, its sender gets an error; no message is dropped.
package inproc

import (
	"context"
	"slices"
	"sync"

	"restante/internal/broker/driver"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/inflight"
)

// Config configures a Driver. The zero value is ready to use.
type Config struct {
	// MaxBatch is the most messages that are handled at once. Default 512.
	MaxBatch int
	// Queue is how many messages may wait for the batch in hand; beyond it, publishers block. Default 8192.
	Queue int
}

// Driver implements driver.Driver within one process.
type Driver struct {
	maxBatch int
	queue    chan *item

	working inflight.Calls // running Consume calls
	closing chan struct{}  // closed when Close begins: nothing is accepted any more
	ended   chan struct{}  // closed when the batch in hand is finished too
	once    sync.Once

	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

var _ driver.Driver = (*Driver)(nil)

// item is a published message on its way through a batch.
type item struct {
	m    chat.Message
	done chan error // buffered, one element: the answer
}

type subscriber struct {
	driver.Subscriber
	mu        sync.Mutex // one call at a time
	listening *driver.Listening
	ended     bool
}

// New returns a driver whose publishers wait until Consume is called.
func New(cfg Config) *Driver {
	if cfg.MaxBatch == 0 {
		cfg.MaxBatch = 512
	}
	if cfg.Queue == 0 {
		cfg.Queue = 8192
	}
	return &Driver{
		maxBatch: cfg.MaxBatch,
		queue:    make(chan *item, cfg.Queue),
		closing:  make(chan struct{}),
		ended:    make(chan struct{}),
		subs:     make(map[*subscriber]struct{}),
	}
}

func errClosed() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the server is shutting down"}
}

// Publish implements driver.Driver. The error of a message whose batch failed is the handler's. When ctx ends while the message
// waits for its batch, the message may still be stored.
func (d *Driver) Publish(ctx context.Context, m chat.Message) error {
	if err := ctx.Err(); err != nil {
		return errs.Undone(err)
	}
	it := &item{m: m, done: make(chan error, 1)}
	select {
	case <-d.closing:
		return errs.Undone(errClosed())
	default:
	}
	select {
	case d.queue <- it:
	case <-d.closing:
		return errs.Undone(errClosed())
	case <-ctx.Done():
		return errs.Undone(ctx.Err())
	}
	select {
	case err := <-it.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-d.ended:
	}
	select {
	case err := <-it.done: // it was in the last batch
		return err
	default:
		return errs.Undone(errClosed()) // it is still in the queue, which nobody reads any more
	}
}

// Consume implements driver.Driver.
func (d *Driver) Consume(ctx context.Context, handle driver.Handler) error {
	if !d.working.Begin() {
		return errClosed()
	}
	defer d.working.End()
	var items []*item
	var batch []chat.Message
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.closing:
			return nil
		case first := <-d.queue:
			items = d.gather(append(items[:0], first))
		}
		batch = batch[:0]
		for _, it := range items {
			batch = append(batch, it.m)
		}
		// The batch in hand is finished even if ctx ends meanwhile: its senders wait for the answer.
		for i, err := range driver.Isolate(context.WithoutCancel(ctx), batch, handle) {
			items[i].done <- err
		}
		clear(items)
		clear(batch)
	}
}

// gather adds what is waiting. It does not wait for more: while one batch commits, the next one collects.
func (d *Driver) gather(items []*item) []*item {
	for len(items) < d.maxBatch {
		select {
		case it := <-d.queue:
			items = append(items, it)
		default:
			return items
		}
	}
	return items
}

// Announce implements driver.Driver: it calls the subscribers before it returns.
func (d *Driver) Announce(_ context.Context, stored []chat.Message) error {
	d.mu.Lock()
	subs := make([]*subscriber, 0, len(d.subs))
	for s := range d.subs {
		subs = append(subs, s)
	}
	d.mu.Unlock()
	for _, s := range subs {
		s.call(stored)
	}
	return nil
}

func (s *subscriber) call(stored []chat.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.listening.Begin()
	var passed []chat.Message
	whole := stored
	for i := range stored {
		m := &stored[i]
		switch {
		case !s.listening.To(m.Room):
			if passed == nil {
				whole = slices.Clone(stored[:i])
			}
			passed = append(passed, m.Passed())
		case passed != nil:
			whole = append(whole, *m)
		}
	}
	if len(whole) > 0 {
		s.Deliver(whole)
	}
	for i := range passed {
		s.Passed(passed[i])
	}
}

// Subscribe implements driver.Driver.
func (d *Driver) Subscribe(ctx context.Context, handler driver.Subscriber) error {
	s := &subscriber{Subscriber: handler, listening: driver.NewListening(handler)}
	s.mu.Lock() // so that Missed comes first
	d.mu.Lock()
	d.subs[s] = struct{}{}
	d.mu.Unlock()
	s.Missed()
	s.mu.Unlock()

	select {
	case <-ctx.Done():
	case <-d.ended:
	}

	d.mu.Lock()
	delete(d.subs, s)
	d.mu.Unlock()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	return nil
}

// Check implements driver.Driver.
func (d *Driver) Check(context.Context) error {
	if d.working.Closed() {
		return errClosed()
	}
	return nil
}

// Checks implements driver.Driver: within one process nothing else can fail.
func (d *Driver) Checks() []driver.Check { return nil }

// Retryable implements driver.Driver: what failed here failed in the store, which has retried already.
func (d *Driver) Retryable(error) bool { return false }

// Close implements driver.Driver.
func (d *Driver) Close() error {
	d.once.Do(func() {
		d.working.Close()
		close(d.closing)
		d.working.Wait()
		close(d.ended)
	})
	<-d.ended
	return nil
}
