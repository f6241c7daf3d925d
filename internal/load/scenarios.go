package load

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// scenario makes and prints one measurement, and returns the report of Check.
type scenario func(ctx context.Context, b *bench) (*Report, error)

// Scenarios returns the names of the scenarios, in the order in which Bench runs them.
func Scenarios() []string { return []string{"publish", "alone", "fanout", "paced", "recover", "idle"} }

func scenarioOf(name string) scenario {
	switch name {
	case "publish":
		return publish
	case "alone":
		return alone
	case "fanout":
		return fanout
	case "paced":
		return paced
	case "recover":
		return recovery
	case "idle":
		return idle
	default:
		return nil
	}
}

func (b *bench) sender() SenderConfig {
	return SenderConfig{URL: b.URL, Room: b.room, Senders: b.Senders, Text: func(int, int) string { return TimedText(b.MsgBytes) }}
}

func (b *bench) reader() ReaderConfig { return ReaderConfig{URL: b.URL, Room: b.room} }

// send sends for the duration of the scenario.
func (b *bench) send(ctx context.Context, cfg SenderConfig) ([]Send, time.Duration, error) {
	began := time.Now()
	senders, err := StartSenders(ctx, cfg)
	if err != nil {
		return nil, 0, err
	}
	select {
	case <-time.After(b.Duration):
	case <-ctx.Done():
	}
	sends := senders.Stop()
	took := time.Since(began)
	if answers := senders.Answers(); len(answers) > 1 || senders.Err() != nil {
		b.line("answers", "%v by status, 0: no answer (%v)", answers, senders.Err())
	}
	return sends, took, ctx.Err()
}

// publish measures the rates at which messages become durable and are stored.
func publish(ctx context.Context, b *bench) (*Report, error) {
	fmt.Fprintf(b.out, "publish: %d senders in %d rooms, each sends the next message as soon as the last one is acknowledged\n", b.Senders, b.Rooms)
	before, err := b.used()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	sends, took, err := b.sendToRooms(ctx)
	if err != nil {
		return nil, err
	}
	b.sent(slices.Concat(sends...), took)
	total := 0
	for i, s := range sends {
		total += len(s)
		b.waitStored(ctx, b.roomOf(i), s)
	}
	all := time.Since(began)
	b.line("stored", "%.0f messages/s, the last one %.2f s after the last acknowledgement", float64(total)/all.Seconds(), (all - took).Seconds())
	if err := b.cost(before, int64(total), "messages"); err != nil {
		return nil, err
	}
	var report Report
	for i, s := range sends {
		r, err := b.evidence(ctx, b.roomOf(i), s, nil)
		if err != nil {
			return nil, err
		}
		report.merge(r)
	}
	return &report, nil
}

func (b *bench) roomOf(i int) string { return fmt.Sprintf("%s-%d", b.room, i) }

// sendToRooms sends for the duration of the scenario, and returns the sends of each room.
func (b *bench) sendToRooms(ctx context.Context) ([][]Send, time.Duration, error) {
	sends := make([][]Send, b.Rooms)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i := range sends {
		cfg := b.sender()
		cfg.Room = b.roomOf(i)
		cfg.Senders = (b.Senders + i) / b.Rooms // spreads the remainder
		group.Go(func() (err error) {
			sends[i], _, err = b.send(ctx, cfg)
			return err
		})
	}
	err := group.Wait()
	return sends, time.Since(began), err
}

// alone measures the latency of a message when there is no other load.
func alone(ctx context.Context, b *bench) (*Report, error) {
	fmt.Fprintln(b.out, "alone: one sender, the next message as soon as the last one is acknowledged, one reader")
	r := b.reader()
	r.Latency = true
	readers, err := b.read(ctx, 1, r)
	if err != nil {
		return nil, err
	}
	defer readers.Stop()
	s := b.sender()
	s.Senders = 1
	return b.deliver(ctx, readers, s)
}

func (b *bench) sent(sends []Send, took time.Duration) {
	took = max(took, time.Nanosecond)
	b.line("sent", "%.0f messages/s durable, answered after p50 %s, p99 %s", float64(len(sends))/took.Seconds(),
		milliseconds(AcceptLatencies(sends), 0.50), milliseconds(AcceptLatencies(sends), 0.99))
}

// fanout measures deliveries while the senders wait only for acknowledgements.
func fanout(ctx context.Context, b *bench) (*Report, error) {
	fmt.Fprintf(b.out, "fanout: %d senders as fast as acknowledged, %d readers\n", b.Senders, b.Readers)
	readers, err := b.read(ctx, b.Readers, b.reader())
	if err != nil {
		return nil, err
	}
	defer readers.Stop()
	return b.deliver(ctx, readers, b.sender())
}

// paced measures the latency of a message at a moderate rate.
func paced(ctx context.Context, b *bench) (*Report, error) {
	const perSecond = 20
	fmt.Fprintf(b.out, "paced: %d messages/s, %d readers\n", perSecond, b.Readers)
	r := b.reader()
	r.Latency = true
	readers, err := b.read(ctx, b.Readers, r)
	if err != nil {
		return nil, err
	}
	defer readers.Stop()
	s := b.sender()
	s.Senders, s.Every = 1, time.Second/perSecond
	return b.deliver(ctx, readers, s)
}

// read starts readers and waits until they have joined.
func (b *bench) read(ctx context.Context, n int, cfg ReaderConfig) (*Readers, error) {
	readers, err := StartReaders(ctx, n, cfg)
	if err != nil {
		return nil, err
	}
	if err := readers.WaitJoined(ctx); err != nil {
		for _, r := range readers.Stop() {
			if r.Err != nil {
				return nil, fmt.Errorf("%w (%w)", err, r.Err)
			}
		}
		return nil, err
	}
	return readers, nil
}

// deliver sends, waits until every reader has seen everything, and prints the result.
func (b *bench) deliver(ctx context.Context, readers *Readers, cfg SenderConfig) (*Report, error) {
	before, err := b.used()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	sends, took, err := b.send(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b.waitStored(ctx, b.room, sends)
	last, err := LastSeq(ctx, b.URL, b.room)
	if err != nil {
		return nil, err
	}
	late := readers.WaitSeq(ctx, last)
	all := time.Since(began)
	if late != nil {
		b.line("late", "%v", late)
	}
	deliveries := last * int64(len(readers.readers))
	b.sent(sends, took)
	b.line("delivered", "%.0f k/s: %d messages to %d readers, the last one %.2f s after the last acknowledgement",
		float64(deliveries)/all.Seconds()/1e3, last, len(readers.readers), (all - took).Seconds())
	if err := b.cost(before, deliveries, "deliveries"); err != nil {
		return nil, err
	}
	readings := readers.Stop()
	if latencies := Latencies(readings); len(latencies) > 0 {
		b.line("latency", "from send to receive p50 %s, p99 %s", milliseconds(latencies, 0.50), milliseconds(latencies, 0.99))
	}
	return b.evidence(ctx, b.room, sends, readings)
}

// recovery measures how long many readers that reconnect at once need to catch up.
func recovery(ctx context.Context, b *bench) (*Report, error) {
	fmt.Fprintf(b.out, "recover: %d readers come back at once, each with %d messages to catch up\n", b.Readers, b.Missed)
	s := b.sender()
	s.Senders, s.Each = 1, b.Missed
	senders, err := StartSenders(ctx, s)
	if err != nil {
		return nil, err
	}
	senders.Wait()
	sends := senders.Stop()
	gate := make(chan struct{})
	r := b.reader()
	r.Gate = gate
	readers, err := StartReaders(ctx, b.Readers, r)
	if err != nil {
		return nil, err
	}
	defer readers.Stop()
	if err := readers.WaitConnected(ctx); err != nil {
		return nil, err
	}
	before, err := b.used()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	close(gate)
	if err := readers.WaitSeq(ctx, int64(len(sends))); err != nil {
		return nil, err
	}
	b.line("recovered", "all level after %.3f s", time.Since(began).Seconds())
	if err := b.cost(before, int64(b.Readers)*int64(len(sends)), "deliveries"); err != nil {
		return nil, err
	}
	return b.evidence(ctx, b.room, sends, readers.Stop())
}

// idle measures the memory of idle connections.
func idle(ctx context.Context, b *bench) (*Report, error) {
	fmt.Fprintf(b.out, "idle: %d connections in a quiet room\n", b.Idle)
	before, err := b.used()
	if err != nil {
		return nil, err
	}
	readers, err := b.read(ctx, b.Idle, b.reader())
	if err != nil {
		return nil, err
	}
	defer readers.Stop()
	select {
	case <-time.After(b.Duration): // the garbage collector frees what connecting needed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	after, err := b.used()
	if err != nil {
		return nil, err
	}
	if !after.Known {
		b.line("memory", "unknown: the server is not a process of this machine")
		return nil, nil
	}
	b.line("memory", "%.1f KB a connection (%.1f MB before, %.1f MB with them)", float64(after.RSS-before.RSS)/float64(b.Idle)/1e3,
		float64(before.RSS)/1e6, float64(after.RSS)/1e6)
	return b.evidence(ctx, b.room, nil, readers.Stop())
}
