package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/retry"
)

func TestBackoff_DoublesUpToTheLongestPause(t *testing.T) {
	const shortest, longest = 100 * time.Millisecond, 800 * time.Millisecond
	b := retry.NewBackoff(shortest, longest)
	for round := range 2 {
		want := shortest
		for i := range 8 {
			if got := b.Next(); got < want/2 || got > want*3/2 {
				t.Errorf("round %d, pause %d is %v, want %v plus or minus a half", round, i, got, want)
			}
			want = min(2*want, longest)
		}
		b.Reset()
	}
}

func TestBackoff_WaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBackoff(time.Second, time.Second)
		start := time.Now()
		if err := b.Wait(t.Context()); err != nil || time.Since(start) < time.Second/2 {
			t.Errorf("Wait returned %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := b.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait returned %v", err)
		}
	})
}
