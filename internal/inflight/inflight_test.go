package inflight_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/inflight"
)

func TestCalls_RefuseNewOnesAndWaitForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls inflight.Calls
		if calls.Closed() || !calls.Begin() || !calls.Begin() {
			t.Fatal("new Calls refuse a call")
		}
		calls.Close()
		calls.Close()
		if !calls.Closed() || calls.Begin() {
			t.Error("closed Calls take another call")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		calls.End()
		if err := calls.WaitContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a call in progress WaitContext returned %v", err)
		}
		waited := make(chan struct{})
		go func() { calls.Wait(); close(waited) }()
		synctest.Wait()
		select {
		case <-waited:
			t.Error("Wait returned with a call in progress")
		default:
		}
		calls.End()
		<-waited
		if err := calls.WaitContext(t.Context()); err != nil {
			t.Errorf("without a call WaitContext returned %v", err)
		}
	})
}
