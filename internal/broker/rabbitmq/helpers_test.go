package rabbitmq_test

import (
	"strings"
	"testing"
	"time"
)

func cmpString(a, b string) int { return strings.Compare(a, b) }

// waitUntil polls for what no event tells.
func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); !condition(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("waited for %s", what)
		}
	}
}
