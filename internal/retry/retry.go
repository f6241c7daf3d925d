// Package retry spaces attempts: pauses that double and are jittered, so that many callers that failed together do not
// come back together. It is the house's one use of the backoff library for loops that never give up by themselves.
package retry

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Backoff gives the pauses of one loop of attempts. It is not for concurrent use.
type Backoff struct{ pauses *backoff.ExponentialBackOff }

// NewBackoff returns a Backoff whose first pause is about shortest and which doubles up to about longest. Each pause is
// jittered by half of itself in both directions.
func NewBackoff(shortest, longest time.Duration) *Backoff {
	b := &Backoff{&backoff.ExponentialBackOff{
		InitialInterval: shortest, MaxInterval: longest, Multiplier: 2, RandomizationFactor: 0.5,
	}}
	b.Reset()
	return b
}

// Next returns how long to pause before the next attempt.
func (b *Backoff) Next() time.Duration { return b.pauses.NextBackOff() }

// Reset makes the next pause the shortest again. Call it after a success.
func (b *Backoff) Reset() { b.pauses.Reset() }

// Wait pauses before the next attempt. It returns the error of ctx when that ends first.
func (b *Backoff) Wait(ctx context.Context) error { return Sleep(ctx, b.Next()) }

// Sleep pauses for d. It returns the error of ctx when that ends first.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
