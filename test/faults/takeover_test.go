package faults

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"restante/internal/testkit"
)

// Consumers are killed, stopped, frozen and added while messages flow. The order is kept: messages that are sent one
// after the other through two nodes have rising numbers. At the end every consumer has its share.
func TestConsumers_TakeOverFromEachOther(t *testing.T) {
	c := newCluster(t)
	edges := c.nodes(2, "api,hub")
	one, two := c.node(consumer), c.node(consumer)
	w := startWork(t, workConfig{
		Post: balancer(t, edges...).URL(), Read: balancer(t, edges...).URL(),
		Rooms: 8, Senders: 1, Readers: 1, Every: 10 * time.Millisecond,
	})
	f := follow(t, w, edges...)

	for range 2 {
		one.Kill()
		w.flow(20)
		one.Restart()
		w.flow(20)
		if code := two.Stop(limit); code != 0 {
			t.Errorf("exit code %d", code)
		}
		w.flow(20)
		two.Restart()
		w.flow(20)
	}
	three := c.node(consumer)
	w.flow(20)
	f.stop() // the follower sends to some rooms faster than to others
	wantEven(t, w, one, two, three)
	w.check("consumer killed, stopped, added")
}

// A consumer is frozen, as on a machine that swaps, together with its transactions and its messages from the broker.
// The others take over, and what the consumer does after it continues changes nothing.
func TestConsumers_TakeOverFromAFrozenOne(t *testing.T) {
	c := newCluster(t)
	edges := c.nodes(2, "api,hub")
	one := c.node(consumer)
	c.node(consumer)
	w := startWork(t, workConfig{
		Post: balancer(t, edges...).URL(), Read: balancer(t, edges...).URL(),
		Rooms: 8, Senders: 2, Readers: 1, Every: 5 * time.Millisecond,
	})
	f := follow(t, w, edges...)
	for range 2 {
		noError(t, syscall.Kill(one.PID(), syscall.SIGSTOP))
		w.flow(50) // while it is frozen
		noError(t, syscall.Kill(one.PID(), syscall.SIGCONT))
		w.flow(50)
	}
	f.stop()
	w.check("consumer frozen")
}

// wantEven waits until each consumer stores its share of the rooms. Each room has its own partition.
func wantEven(t *testing.T, w *work, consumers ...*testkit.Server) {
	t.Helper()
	ctx := within(t, limit)
	for {
		before := storedBy(t, consumers)
		w.flow(20)
		after := storedBy(t, consumers)
		least, most, all := 1.0, 0.0, 0.0
		for i := range after {
			all += after[i] - before[i]
		}
		for i := range after {
			share := (after[i] - before[i]) / all
			least, most = min(least, share), max(most, share)
		}
		if fair := 1 / float64(len(consumers)); least > 0.6*fair && most < 1.3*fair {
			t.Logf("shares of what was stored: %.2f to %.2f", least, most)
			return
		}
		if ctx.Err() != nil {
			t.Errorf("shares of what was stored: %.2f to %.2f", least, most)
			return
		}
	}
}

// storedBy returns the number of messages that each node has stored.
func storedBy(t *testing.T, nodes []*testkit.Server) []float64 {
	t.Helper()
	var all []float64
	for _, n := range nodes {
		all = append(all, metric(t, n, "restante_stored_total"))
	}
	return all
}

// metric returns the value of a node's metric.
func metric(t *testing.T, node *testkit.Server, name string) float64 {
	t.Helper()
	var value float64
	for _, line := range get200(t, node.URL()+"/metrics") {
		if n, _ := fmt.Sscanf(line, name+" %g", &value); n == 1 {
			return value
		}
	}
	t.Fatalf("no metric %s at %s", name, node.URL())
	return 0
}
