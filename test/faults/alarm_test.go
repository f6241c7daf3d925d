package faults

import (
	"testing"
	"time"

	"restante/internal/testkit"
)

// RabbitMQ runs out of memory and stops reading from those who publish: they are answered 503 at once, instead of waiting
// out the alarm, and go on when it is over.
func TestRabbitMQ_MemoryAlarmRefusesAndRecovers(t *testing.T) {
	mq := testkit.RabbitMQ(t)
	c := newCluster(t)
	servers := c.nodes(2, allRoles)
	edge := balancer(t, servers...).URL()
	w := startWork(t, workConfig{Post: edge, Read: edge, Timeout: 20 * time.Second})
	calm := func() { ctl(t, mq.Node(0), "set_vm_memory_high_watermark", "0.4") }
	t.Cleanup(calm)
	ctl(t, mq.Node(0), "set_vm_memory_high_watermark", "0.0001")
	for _, s := range servers {
		waitReady(t, s, 503)
		wantRefused(t, s, time.Second)
	}
	calm()
	w.flow(100)
	w.check("memory alarm")
	if w.answers()[503] == 0 || w.answers()[0] > 0 {
		t.Errorf("answers %v; want some 503, and nobody who has waited in vain", w.answers())
	}
}
