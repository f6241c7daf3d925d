// Package broker is the work queue between Accept and Persist and the fan-out between Persist and Deliver. Broker is
// the concrete type that the journey uses; time limits, retries and metrics are written here once, whatever the driver.
package broker

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/broker/driver"
	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/retry"
)

// Config configures a Broker. The zero value is ready to use.
type Config struct {
	// Log gets a line per accepted and one per confirmed message at debug. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// PublishTimeout limits one Publish, retries included. Default 10 s.
	PublishTimeout time.Duration
	// MaxBackoff is the longest pause between two attempts. Default 1 s.
	MaxBackoff time.Duration
	// Tracer makes the spans of publish, persist, announce and deliver. Default: none.
	Tracer trace.TracerProvider
}

// Broker carries messages from one step of the journey to the next. Its methods may be called concurrently.
type Broker struct {
	d       driver.Driver
	cfg     Config
	metrics metrics
	tracing *tracing
}

// New returns a Broker over d, which it owns from then on.
func New(d driver.Driver, cfg Config) *Broker {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PublishTimeout == 0 {
		cfg.PublishTimeout = 10 * time.Second
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = time.Second
	}
	return &Broker{d: d, cfg: cfg, metrics: newMetrics(cfg.Metrics), tracing: newTracing(cfg.Tracer)}
}

// Publish returns nil once m can no longer be lost. After an error errs.IsUnknown says whether m may be with the broker all the
// same; publishing m again with the same id is safe. It blocks for PublishTimeout at most; errors are classified.
func (b *Broker) Publish(ctx context.Context, m chat.Message) error {
	b.metrics.accepted.Inc()
	b.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "accepted", slog.String("id", m.ID), slog.String("room", m.Room))
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, b.cfg.PublishTimeout)
	defer cancel()

	if len(m.Trace) != traceparentLen {
		m.Trace = "" // it is no traceparent
	}
	ctx, end := b.tracing.publish(ctx, &m)
	err := b.publish(ctx, m)
	end(err)
	if err != nil {
		b.metrics.failed.WithLabelValues(string(errs.CodeOf(err))).Inc()
		return err
	}
	b.metrics.confirmed.Inc()
	b.metrics.confirmSeconds.Observe(time.Since(start).Seconds())
	b.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "confirmed", slog.String("id", m.ID), slog.String("room", m.Room))
	return nil
}

// publish tries until the driver has the message. If an earlier attempt may have succeeded, the outcome is not known, whatever
// the last one says.
func (b *Broker) publish(ctx context.Context, m chat.Message) error {
	uncertain := false
	err := classify(b.retry(ctx, func() error {
		err := b.d.Publish(ctx, m)
		uncertain = uncertain || errs.IsUnknown(err)
		return err
	}))
	if last, ok := errors.AsType[*errs.Error](err); ok && uncertain && last.NotDone {
		return errs.Wrap(last.Code, err, "%s", last.Msg)
	}
	return err
}

// Announce sends what has been stored to every subscriber of every node. It blocks until the broker has it.
func (b *Broker) Announce(ctx context.Context, stored []chat.Message) error {
	start := time.Now()
	ctx, end := b.tracing.announce(ctx, len(stored))
	err := classify(b.retry(ctx, func() error { return b.d.Announce(ctx, stored) }))
	end(err)
	if err != nil {
		return err
	}
	b.metrics.announced.Add(float64(len(stored)))
	b.metrics.announceSeconds.Observe(time.Since(start).Seconds())
	return nil
}

// Consume calls handle with published messages until ctx is done; see driver.Driver.
func (b *Broker) Consume(ctx context.Context, handle driver.Handler) error {
	return b.d.Consume(ctx, func(ctx context.Context, batch []chat.Message) error {
		ctx, end := b.tracing.persist(ctx, batch)
		err := handle(ctx, batch)
		if _, done := errors.AsType[*chat.ConflictsError](err); done || err == nil {
			end(nil)
			return err
		}
		end(err)
		code := errs.CodeOf(err)
		if code == errs.Invalid && len(batch) > 1 {
			return err // each message is tried alone next; only the bad one gets a log line
		}
		b.metrics.batchesFailed.WithLabelValues(string(code)).Inc()
		b.cfg.Log.LogAttrs(ctx, slog.LevelError, "batch failed", slog.Int("messages", len(batch)),
			slog.String("first_id", batch[0].ID), slog.String("room", batch[0].Room), slog.Any("error", err))
		return err
	})
}

// Subscribe delivers announcements to s until ctx is done; see driver.Driver.
func (b *Broker) Subscribe(ctx context.Context, s driver.Subscriber) error {
	return b.d.Subscribe(ctx, listener{s, b})
}

// listener measures what is delivered to a subscriber.
type listener struct {
	driver.Subscriber
	b *Broker
}

// Deliver implements driver.Subscriber.
func (l listener) Deliver(stored []chat.Message) {
	spans := l.b.tracing.deliver(stored)
	l.b.metrics.heard(stored)
	l.Subscriber.Deliver(stored)
	for _, span := range spans {
		span.End()
	}
}

// Passed implements driver.Subscriber.
func (l listener) Passed(m chat.Message) {
	l.b.metrics.heardMessages.Inc()
	l.Subscriber.Passed(m)
}

// Check returns nil when the broker can accept a message now.
func (b *Broker) Check(ctx context.Context) error { return b.d.Check(ctx) }

// Checks returns what else of the driver must work, see driver.Driver.
func (b *Broker) Checks() []driver.Check { return b.d.Checks() }

// Close ends the driver after the batch in hand.
func (b *Broker) Close() error { return b.d.Close() }

// retry calls attempt until it succeeds, fails for good, or ctx is done, with growing, jittered pauses.
func (b *Broker) retry(ctx context.Context, attempt func() error) error {
	var pauses *retry.Backoff // nil until an attempt has failed
	for {
		err := attempt()
		if err == nil || !b.d.Retryable(err) {
			return err
		}
		b.metrics.retries.Inc()
		if pauses == nil {
			pauses = retry.NewBackoff(5*time.Millisecond, b.cfg.MaxBackoff)
		}
		if ended := pauses.Wait(ctx); ended != nil {
			return errors.Join(err, ended)
		}
	}
}

// classify gives an error of the context, which says only that time ran out, a class.
func classify(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &errs.Error{Code: errs.Unavailable, Msg: "the broker has not confirmed in time", Err: err, NotDone: !errs.IsUnknown(err)}
	}
	return err
}
