package rabbitmq

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/event"
	"restante/internal/retry"
)

// inboxAhead is how many messages of the inbox the broker delivers ahead, over all rooms.
const inboxAhead = 256

// AcceptFunc is the first step of the journey: it returns the message as accepted. See journey.Accept.
type AcceptFunc = func(ctx context.Context, m chat.Message) (chat.Message, error)

// Inbox calls accept for what other services send to restante.inbox: messages of several rooms at the same time, those of a
// room in their order. It acknowledges a message when accept has returned nil for it. A message that is malformed, or that
// accept refuses as errs.Invalid, becomes a dead letter with the reason; after another error it is tried again. Of all
// nodes that call Inbox, one at a time reads. Inbox blocks until ctx is done or the driver is closed, finishes what it has
// in hand, and returns nil.
func (d *Driver) Inbox(ctx context.Context, accept AcceptFunc) error {
	ctx, end, ok := d.begin(ctx)
	if !ok {
		return link.ErrClosed()
	}
	defer end()
	d.progress.Consuming(link.InboxQueue, noPartition)
	defer d.progress.Stopped(link.InboxQueue)
	d.consuming.Again(ctx, "reading "+link.InboxQueue, func(s *link.Session) error {
		err := d.inboxOn(ctx, s, accept)
		if isMissing(err) {
			d.progress.Deleted(link.InboxQueue, noPartition, false)
			return d.awaitInbox(ctx, s)
		}
		return err
	})
	return nil
}

// noPartition is the partition of a queue that is none.
const noPartition = -1

// inboxOn reads the inbox over one channel until ctx is done, for which it returns nil, or the channel is lost. If the queue
// is deleted, it finishes what it has in hand, and returns an error for isMissing.
func (d *Driver) inboxOn(ctx context.Context, s *link.Session, accept AcceptFunc) error {
	c, err := d.consumeFrom(s, link.InboxQueue, inboxAhead)
	if err != nil {
		return err
	}
	d.progress.Consuming(link.InboxQueue, noPartition)
	backlog := gather(c.deliveries, math.MaxInt)
	in := &inbox{d: d, ch: c.ch, accept: accept, rooms: map[string][]posted{}}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		in.work.Wait()
		s.CloseChannel(c.ch)
		<-backlog.over
	}()
	for {
		select {
		case <-backlog.arrived:
			in.putAll(ctx, backlog)
		case <-backlog.over:
			if !c.wasCancelled() {
				return errInterrupted
			}
			return in.afterCancel(ctx, s, backlog)
		case <-ctx.Done():
			return nil
		}
	}
}

// awaitInbox returns when the queue of the inbox exists again, or ctx is done.
func (d *Driver) awaitInbox(ctx context.Context, s *link.Session) error {
	d.keeper.Report(link.InboxQueue)
	tick := time.NewTicker(inboxPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.Lost():
			return s.Why()
		case <-ctx.Done():
			return nil
		}
		if found, err := queueExists(s, link.InboxQueue); found || err != nil {
			return err
		}
	}
}

// inboxPoll is how often a reader looks whether the queue of the inbox is back.
const inboxPoll = 500 * time.Millisecond

// inbox is what was delivered over one channel and is not acknowledged yet.
type inbox struct {
	d      *Driver
	accept AcceptFunc
	work   sync.WaitGroup // a goroutine for each of rooms

	mu    sync.Mutex
	rooms map[string][]posted // what waits, by room; it has every room that is being worked on
	ch    *amqp.Channel       // for one goroutine at a time
	gone  bool                // the broker has cancelled the consumer: nothing can be acknowledged any more
}

// afterCancel finishes what is in hand after the broker has cancelled the consumer. Its error is for isMissing if the queue
// is deleted. If the queue exists, the broker delivers again what is accepted here, and what has an id is stored once.
func (in *inbox) afterCancel(ctx context.Context, s *link.Session, backlog *backlog) error {
	in.mu.Lock()
	in.gone = true
	in.mu.Unlock()
	in.d.progress.Deleted(link.InboxQueue, noPartition, true)
	in.d.cfg.Log.WarnContext(ctx, "queue deleted, accepting what was delivered", slog.String("queue", link.InboxQueue))
	in.putAll(ctx, backlog)
	in.work.Wait()
	found, err := queueExists(s, link.InboxQueue)
	if err == nil && !found {
		err = errGone
	}
	return err
}

// putAll queues everything that was delivered for the goroutines of its rooms.
func (in *inbox) putAll(ctx context.Context, backlog *backlog) {
	for _, a := range backlog.take(math.MaxInt, math.MaxInt) {
		in.put(ctx, a)
	}
}

// posted is a message that another service has put into the inbox.
type posted struct {
	amqp.Delivery
	message chat.Message
	fault   error // why it is not one
}

// put queues a delivery for the goroutine of its room.
func (in *inbox) put(ctx context.Context, a arrival) {
	if a.Redelivered {
		in.d.metrics.redelivered.Inc()
	}
	p := posted{Delivery: a.Delivery}
	p.message, p.fault = inboxMessage(&a.Delivery)
	room := p.message.Room
	in.mu.Lock()
	defer in.mu.Unlock()
	if waiting, working := in.rooms[room]; working {
		in.rooms[room] = append(waiting, p)
		return
	}
	in.rooms[room] = nil
	in.work.Go(func() { in.drain(ctx, room, p) })
}

func inboxMessage(d *amqp.Delivery) (chat.Message, error) {
	room := d.RoutingKey
	if d.Exchange == "" {
		room = "" // it came straight to the queue: the key is the queue's name
	}
	m, err := event.DecodeInbox(event.Wire{
		ID: d.MessageId, ContentType: d.ContentType, Headers: d.Headers, Body: d.Body, Time: d.Timestamp,
	}, room)
	if err != nil {
		return chat.Message{}, err
	}
	m.Trace = link.HeaderText(d.Headers, traceHeader)
	return m, nil
}

// drain works on the messages of a room, the first and those that come meanwhile. It leaves those that it cannot finish
// before ctx is done to the broker.
func (in *inbox) drain(ctx context.Context, room string, p posted) {
	for in.finish(ctx, p) {
		in.mu.Lock()
		waiting := in.rooms[room]
		if len(waiting) == 0 {
			delete(in.rooms, room)
			in.mu.Unlock()
			return
		}
		p, in.rooms[room] = waiting[0], waiting[1:]
		in.mu.Unlock()
	}
}

// finish reports whether the message was accepted or dead-lettered, and acknowledged.
func (in *inbox) finish(ctx context.Context, p posted) bool {
	unlimited := context.WithoutCancel(ctx) // what is in hand is finished; accept has its own time limit
	var pauses *retry.Backoff
	for {
		err := p.fault
		if err == nil {
			var m chat.Message
			if m, err = in.accept(unlimited, p.message); m.ID != "" {
				p.message.ID = m.ID // the same id when it is tried again
			}
		}
		if errs.CodeOf(err) == errs.Invalid {
			err = in.d.deadLetter(unlimited, &p.Delivery, err, deadletter.FromInbox)
		}
		if err == nil {
			in.mu.Lock()
			defer in.mu.Unlock()
			return in.gone || in.ch.Ack(p.DeliveryTag, false) == nil
		}
		if pauses == nil {
			pauses = retry.NewBackoff(minRetry, maxRetry)
			in.d.cfg.Log.WarnContext(ctx, "a message of the inbox is not confirmed, trying on",
				slog.String("id", p.message.ID), slog.String("room", p.message.Room), slog.Any("error", err))
		}
		if pauses.Wait(ctx) != nil {
			return in.leave(ctx, p, err)
		}
	}
}

// leave leaves a message that is not confirmed to the broker, and returns false. If the queue is deleted, the message is lost
// unless it was accepted without a confirm, and the next one is tried.
func (in *inbox) leave(ctx context.Context, p posted, why error) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.gone {
		in.d.cfg.Log.ErrorContext(ctx, "a message of a deleted queue is not confirmed", slog.String("queue", link.InboxQueue),
			slog.String("id", p.message.ID), slog.String("room", p.message.Room), slog.Any("error", why))
	}
	return in.gone
}
