package e2e

import (
	"testing"
	"time"
)

// eventually asks again and again until the answer is yes.
func eventually(t *testing.T, yes func() bool) {
	t.Helper()
	limit := time.After(requestLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("that has not come about in time")
		}
	}
}
