package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/driver"
	"restante/internal/broker/rabbitmq/deadletter"
	"restante/internal/broker/rabbitmq/link"
	"restante/internal/chat"
	"restante/internal/errs"
)

// The pauses between two attempts at a batch that has failed.
const (
	minRetry = 50 * time.Millisecond
	maxRetry = 2 * time.Second
)

// work handles a batch until all of it is stored or set aside, and acknowledges it. It tries the same messages again and
// never later ones before them. It returns false when the rest was left to the broker: ctx is done or the partition is to
// be given up.
func (w *worker) work(ctx context.Context, r *registration, batch []arrival) (done bool, err error) {
	w.observe(batch)
	defer func(n int) { w.d.metrics.unacked.Sub(float64(n)) }(len(batch))
	for pause := minRetry; ; pause = min(2*pause, maxRetry) {
		// The batch in hand is finished even if ctx ends meanwhile.
		n := w.attempt(context.WithoutCancel(ctx), batch)
		if n > 0 {
			if err := r.ch.Ack(batch[n-1].DeliveryTag, true); err != nil {
				return false, fmt.Errorf("acknowledge: %w", err)
			}
			batch, pause = batch[n:], minRetry
		}
		if len(batch) == 0 {
			return true, nil
		}
		if release, _ := w.release(r, time.Now()); !release.IsZero() && !time.Now().Before(release) {
			w.noteRelease(ctx, r)
			return false, nil
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-r.backlog.over:
			return false, errInterrupted
		case <-ctx.Done():
			return false, nil
		}
	}
}

func (w *worker) observe(batch []arrival) {
	w.d.metrics.batch.Observe(float64(len(batch)))
	w.d.metrics.unacked.Add(float64(len(batch)))
	for i := range batch {
		if batch[i].Redelivered {
			w.d.metrics.redelivered.Inc()
		}
	}
}

// attempt handles a batch once and returns how many of its messages, from the first on, are done: stored, or set aside
// because they never can be.
func (w *worker) attempt(ctx context.Context, batch []arrival) int {
	messages := make([]chat.Message, 0, len(batch))
	faults := make([]error, len(batch))
	for i := range batch {
		m, err := intakeMessage(&batch[i].Delivery)
		if err != nil {
			faults[i] = err
			continue
		}
		messages = append(messages, m)
	}
	var results []error
	if len(messages) > 0 {
		results = driver.Isolate(ctx, messages, w.handle)
	}
	for i := range batch {
		err := faults[i]
		if err == nil {
			err, results = results[0], results[1:]
		}
		switch {
		case err == nil:
		case errs.CodeOf(err) != errs.Invalid:
			return i
		case w.d.deadLetter(ctx, &batch[i].Delivery, err, deadletter.FromIntake) != nil:
			return i
		}
	}
	return len(batch)
}

// intakeMessage reads an accepted message. Anybody who has access to the broker may have put it there.
func intakeMessage(d *amqp.Delivery) (chat.Message, error) {
	var m chat.Message
	if err := m.UnmarshalJSON(d.Body); err != nil {
		return m, errs.Wrap(errs.Invalid, err, "the body is not an accepted message")
	}
	if err := m.Validate(); err != nil {
		return m, err
	}
	if m.SentAt.IsZero() {
		return m, errs.Field("sent_at", "is missing")
	}
	m.Seq, m.SentAt, m.StoredAt = 0, chat.Micros(m.SentAt), time.Time{}
	m.Trace = link.HeaderText(d.Headers, traceHeader)
	return m, nil
}

// deadLetter moves a message that can never be stored to the dead letters, for an operator. It returns nil when the broker
// has confirmed the letter.
func (d *Driver) deadLetter(ctx context.Context, original *amqp.Delivery, why error, from string) error {
	letter, outgoing := deadletter.New(original, why, from)
	log := d.cfg.Log.With(slog.String("id", letter.MessageID), slog.String("room", letter.Room), slog.String("from", from))
	err := d.announcing.Attempt(ctx, d.ended, func(ctx context.Context, s *link.Session) error {
		return s.Senders()[0].Publish(ctx, outgoing)
	})
	if err != nil {
		log.ErrorContext(ctx, "a message that cannot be stored cannot be dead-lettered either, trying on", slog.Any("error", err))
		return err
	}
	d.metrics.dead.WithLabelValues(from).Inc()
	log.ErrorContext(ctx, "message dead-lettered", slog.String("letter", letter.ID), slog.Any("error", why))
	return nil
}
