// Package inflight counts calls that are in progress, so that a component that stops can refuse new calls and wait for
// the ones that have begun. It is used wherever something closes: drivers, forwarded requests, the gate before Accept.
package inflight

import (
	"context"
	"sync"
)

// Calls counts the calls in progress. The zero value is open and ready to use. Its methods may be called concurrently.
type Calls struct {
	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // Add is called under mu, and never after closed is set
}

// Begin counts a call in, or reports false when Calls is closed. A caller that got true calls End.
func (c *Calls) Begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.running.Add(1)
	return true
}

// End counts a call out that Begin has counted in.
func (c *Calls) End() { c.running.Done() }

// Close makes Begin report false from now on. It does not wait, and may be called more than once.
func (c *Calls) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// Closed reports whether Close was called.
func (c *Calls) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Wait blocks until no call is in progress. Call Close first.
func (c *Calls) Wait() { c.running.Wait() }

// WaitContext blocks until no call is in progress, or returns the error of ctx when that ends first; then a goroutine
// waits on for the calls. Call Close first.
func (c *Calls) WaitContext(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.running.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
