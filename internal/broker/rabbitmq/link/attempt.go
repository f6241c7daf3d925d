package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// confirmTimeLimit is how long one attempt to publish waits for the broker. A quorum queue that has lost its leader has a
// new one long before.
const confirmTimeLimit = 5 * time.Second

// Attempt calls do once, with a session of the link, within the time limit of a confirm. It waits for a session. While
// the broker has an alarm, and after end is closed, the error is not retryable. It does not begin after end is closed, or
// when ctx is done. Its error says whether do may have published something, see errs.IsUnknown.
func (l *Link) Attempt(ctx context.Context, end <-chan struct{}, do func(context.Context, *Session) error) error {
	if err := ctx.Err(); err != nil {
		return errs.Undone(err)
	}
	if isClosed(end) {
		return errs.Undone(ErrClosed())
	}
	limited, cancel := context.WithTimeout(ctx, confirmTimeLimit)
	defer cancel()
	s, err := l.Session(limited)
	if err != nil {
		err = errs.Undone(err)
	} else {
		if alarm := s.Alarm(); alarm != nil {
			return errs.Undone(alarm)
		}
		err = do(limited, s)
	}
	if err == nil {
		return nil
	}
	failed := err
	switch {
	case isClosed(end):
		failed = ErrClosed()
	case ctx.Err() != nil:
		failed = errs.Wrap(errs.Unavailable, errors.Join(ctx.Err(), err), "the broker has not confirmed in time")
	case limited.Err() != nil:
		failed = Unconfirmed(fmt.Errorf("no answer within %v: %w", confirmTimeLimit, err))
	}
	if !errs.IsUnknown(err) {
		return errs.Undone(failed)
	}
	return failed
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// retryable marks an error after which the same may succeed at once.
type retryable struct{ error }

func (r retryable) Unwrap() error { return r.error }

// Retryable reports whether what failed with err may succeed at once.
func Retryable(err error) bool {
	_, ok := errors.AsType[retryable](err)
	return ok
}

// Unconfirmed returns the error of a message that the broker may or may not have.
func Unconfirmed(why error) error {
	return errs.Wrap(errs.Unavailable, retryable{why}, "the broker has not confirmed the message")
}

// NotSent returns the error of a message that cannot be sent now, and may be sent soon.
func NotSent(why error) error {
	return errs.Undone(errs.Wrap(errs.Unavailable, retryable{why}, "the broker cannot take the message now"))
}

// ErrClosed returns the error of a call that comes when the node is stopping.
func ErrClosed() error {
	return &errs.Error{Code: errs.Unavailable, Msg: "the server is shutting down"}
}

// IsNotFound reports whether the broker does not know what a call has named, or cannot reach it now.
func IsNotFound(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	return ok && e.Code == amqp.NotFound
}

// IsAbsent reports whether the queue or the exchange that a call has named does not exist. Other reasons of the broker with the
// same code are of queues that cannot be reached now.
func IsAbsent(err error) bool {
	e, ok := errors.AsType[*amqp.Error](err)
	return ok && e.Code == amqp.NotFound && (strings.Contains(e.Reason, "no queue") || strings.Contains(e.Reason, "no exchange"))
}
