package broker_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/broker"
	"restante/internal/broker/driver"
	"restante/internal/broker/inproc"
	"restante/internal/chat"
	"restante/internal/errs"
)

// flaky is an in-process broker whose first publishes fail.
type flaky struct {
	driver.Driver
	failures int
	err      error
	tries    int
}

func (f *flaky) Publish(ctx context.Context, m chat.Message) error {
	if f.tries++; f.tries <= f.failures {
		return f.err
	}
	return f.Driver.Publish(ctx, m)
}

func (f *flaky) Retryable(err error) bool {
	return errors.Is(err, f.err) && errs.CodeOf(err) == errs.Unavailable
}

func consumed(t *testing.T, f *flaky, cfg broker.Config, test func(*broker.Broker)) {
	t.Helper()
	f.Driver = inproc.New(inproc.Config{})
	b := broker.New(f, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Consume(ctx, func(context.Context, []chat.Message) error { return nil }) }()
	test(b)
	cancel()
	if err := errors.Join(<-done, b.Close()); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func TestBroker_PublishTriesAgainWhatMaySucceed(t *testing.T) {
	f := &flaky{failures: 5, err: &errs.Error{Code: errs.Unavailable, Msg: "connection lost"}}
	synctest.Test(t, func(t *testing.T) {
		consumed(t, f, broker.Config{Metrics: prometheus.NewRegistry()}, func(b *broker.Broker) {
			if err := b.Publish(t.Context(), chat.Message{ID: "x"}); err != nil || f.tries != 6 {
				t.Errorf("Publish: %v after %d tries, want success at the sixth", err, f.tries)
			}
		})
	})
}

func TestBroker_PublishDoesNotRepeatWhatCannotSucceed(t *testing.T) {
	f := &flaky{failures: 5, err: errs.Field("msg", "is bad")}
	synctest.Test(t, func(t *testing.T) {
		consumed(t, f, broker.Config{}, func(b *broker.Broker) {
			if err := b.Publish(t.Context(), chat.Message{}); !errors.Is(err, f.err) || f.tries != 1 {
				t.Errorf("Publish: %v after %d tries, want %v after one", err, f.tries, f.err)
			}
		})
	})
}

func TestBroker_PublishGivesUpInTime(t *testing.T) {
	f := &flaky{failures: 1 << 30, err: &errs.Error{Code: errs.Unavailable, Msg: "connection lost"}}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		consumed(t, f, broker.Config{PublishTimeout: 3 * time.Second}, func(b *broker.Broker) {
			if err := b.Publish(t.Context(), chat.Message{}); errs.CodeOf(err) != errs.Unavailable {
				t.Errorf("Publish: %v, want class %s", err, errs.Unavailable)
			}
			if took := time.Since(start); took != 3*time.Second {
				t.Errorf("gave up after %v, want 3s", took)
			}
		})
	})
}

// TestBroker_AnEarlierAttemptCanLeaveTheOutcomeOpen: the last attempt was refused before it began, but one before it may have
// reached the queue.
func TestBroker_AnEarlierAttemptCanLeaveTheOutcomeOpen(t *testing.T) {
	lost := &errs.Error{Code: errs.Unavailable, Msg: "connection lost"}
	for name, tc := range map[string]struct {
		attempts []error
		unknown  bool
	}{
		"lost, then refused":    {[]error{lost, errs.Undone(errors.Join(lost)), errs.Undone(errClosing)}, true},
		"refused, then refused": {[]error{errs.Undone(lost), errs.Undone(errClosing)}, false},
		"refused at once":       {[]error{errs.Undone(errClosing)}, false},
		"lost, then for good":   {[]error{lost, errClosing}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{attempts: tc.attempts}
				consumed(t, &s.flaky, broker.Config{}, func(*broker.Broker) {
					err := broker.New(s, broker.Config{}).Publish(t.Context(), chat.Message{})
					if errs.CodeOf(err) != errs.Unavailable || errs.IsUnknown(err) != tc.unknown || s.tries != len(tc.attempts) {
						t.Errorf("%v after %d tries, unknown: %v, want %v", err, s.tries, errs.IsUnknown(err), tc.unknown)
					}
				})
			})
		})
	}
}

// TestBroker_ATimeLimitKeepsWhatIsKnown: the time is up while no attempt could begin.
func TestBroker_ATimeLimitKeepsWhatIsKnown(t *testing.T) {
	for name, unknown := range map[string]bool{"never sent": false, "sent": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &flaky{failures: 1 << 30, err: &errs.Error{Code: errs.Unavailable, Msg: "out of reach", NotDone: !unknown}}
				consumed(t, f, broker.Config{PublishTimeout: time.Second}, func(b *broker.Broker) {
					if err := b.Publish(t.Context(), chat.Message{}); errs.CodeOf(err) != errs.Unavailable || errs.IsUnknown(err) != unknown {
						t.Errorf("%v, unknown: %v, want %v", err, errs.IsUnknown(err), unknown)
					}
				})
			})
		})
	}
}

var errClosing = &errs.Error{Code: errs.Unavailable, Msg: "closing"}

// scripted is a broker whose attempts to publish fail with these errors, one after the other.
type scripted struct {
	flaky
	attempts []error
}

func (s *scripted) Publish(context.Context, chat.Message) error {
	s.tries++
	return s.attempts[s.tries-1]
}

func (s *scripted) Retryable(error) bool { return s.tries < len(s.attempts) }
