package e2e

import (
	"testing"
	"time"
)

// eventually waits until yes returns true.
func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	limit := time.After(requestLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the condition did not become true in time")
		}
	}
}
