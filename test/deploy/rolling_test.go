package deploy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// TestBalancer_ARollingRestartRefusesNothing restarts three nodes, one after the other, behind the load balancer with the
// checks of deploy, while 500 messages a second come. Each node gives the load balancer time to notice that it stops.
func TestBalancer_ARollingRestartRefusesNothing(t *testing.T) {
	const senders, rate = 50, 500
	cluster := testkit.NewCluster(t)
	var nodes []*testkit.Server
	var addrs []string
	for range 3 {
		node := cluster.Start(t, testkit.Options{Args: []string{"--drain-delay", "5s"}}) // the default
		nodes, addrs = append(nodes, node), append(addrs, node.Addr())
	}
	b := balance(t, addrs, addrs)
	inUse := func(n int) func() bool {
		lines := []string{fmt.Sprintf(`haproxy_backend_active_servers{proxy="api"} %d`, n), fmt.Sprintf(`haproxy_backend_active_servers{proxy="hub"} %d`, n)}
		return func() bool {
			_, page := status(t, "GET", b.metrics+"/metrics")
			return strings.Contains(page, lines[0]+"\n") && strings.Contains(page, lines[1]+"\n")
		}
	}
	eventually(t, "the load balancer uses all nodes", inUse(len(nodes)))

	s, err := load.StartSenders(t.Context(), load.SenderConfig{URL: b.url, Room: "ops", Senders: senders, Every: senders * time.Second / rate})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	began := time.Now()
	accept := func(n int64) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := s.WaitAccepted(ctx, s.Accepted()+n); err != nil {
			t.Fatal(err)
		}
	}
	for i, node := range nodes {
		accept(rate)
		if code := node.Stop(20 * time.Second); code != 0 {
			t.Errorf("node %d ended with exit code %d", i, code)
		}
		node.Restart()
		eventually(t, "the load balancer uses all nodes again", inUse(len(nodes)))
	}
	accept(rate)
	sends := s.Stop()
	answers := s.Answers()
	testkit.Measured(t, "pause", fmt.Sprintf("rolling restart of 3 nodes behind HAProxy, %d messages in %.0f s: answers %v", len(sends), time.Since(began).Seconds(), answers))
	for code, n := range answers {
		if code != http.StatusAccepted {
			t.Errorf("%d requests were answered %d", n, code)
		}
	}
	nodes[0].Check("ops", sends, nil)
}
