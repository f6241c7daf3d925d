package faults

import (
	"context"
	"sync"
	"testing"
	"time"

	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// RabbitMQ runs out of memory and stops reading from publishers. Senders get 503 at once instead of waiting until the
// alarm ends, and are accepted again after it.
func TestRabbitMQ_MemoryAlarmRefusesAndRecovers(t *testing.T) {
	mq := testkit.RabbitMQ(t)
	c := newCluster(t)
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Timeout: 20 * time.Second})
	setWatermark(t, mq.Node(0), "0.0001")
	calm := sync.OnceFunc(func() { setWatermark(t, mq.Node(0), "0.4") })
	t.Cleanup(calm)
	for _, s := range servers {
		waitReady(t, s, 503)
	}
	for alarm := within(t, 3*time.Second); alarm.Err() == nil; {
		for _, s := range servers {
			wantRefused(t, s, time.Second)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-alarm.Done():
		}
	}
	calm()
	w.flow(100)
	w.check("memory alarm")
	if w.answers()[503] == 0 || w.answers()[0] > 0 {
		t.Errorf("answers %v; want some 503, and no sender that waited without an answer", w.answers())
	}
}

// setWatermark sets the share of memory above which a node accepts no more messages.
func setWatermark(t *testing.T, node *nodes.RabbitNode, share string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	_, err := node.Ctl(ctx, "set_vm_memory_high_watermark", share)
	noError(t, err)
}
