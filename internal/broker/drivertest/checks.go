package drivertest

import (
	"context"
	"testing"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/errs"
)

// testChecks compares the checks with what the driver does: those of Consume and Subscribe fail until these are called, and
// all succeed soon after that.
func testChecks(t *testing.T, h Harness) {
	d := open(t, h)
	for _, c := range d.Checks() {
		err := c.Do(t.Context())
		if (c.Name == driver.Consuming || c.Name == driver.Hearing) && errs.CodeOf(err) != errs.Unavailable {
			t.Errorf("%s before Consume and Subscribe: %v, want class %s", c.Name, err, errs.Unavailable)
		}
	}
	ears := newCollector()
	consume(t, d, newCollector().handle)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Subscribe(ctx, ears) }()
	wait(t, ears.began, "Missed")
	late := time.After(waitLimit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, c := range d.Checks() {
		for err := c.Do(t.Context()); err != nil; err = c.Do(t.Context()) {
			select {
			case <-tick.C:
			case <-late:
				t.Fatalf("%s: %v", c.Name, err)
			}
		}
	}
	cancel()
	if err := wait(t, done, "Subscribe to return"); err != nil {
		t.Errorf("Subscribe: %v", err)
	}
}
