package deploy

import (
	"context"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// TestBalancer_StatefulReconnectLosesNothing cuts clients of stateful reconnect under load, behind the load balancer of two hubs,
// so that they come back to either of them: the official client over both protocols, and one that speaks bytes. None has code of its
// own for cuts. Everything arrives once and in order, and every call is answered once.
func TestBalancer_StatefulReconnectLosesNothing(t *testing.T) {
	cuts := 25
	if testkit.Long() {
		cuts = 200
	}
	cluster := testkit.NewCluster(t)
	nodes := []*testkit.Server{cluster.Start(t, testkit.Options{}), cluster.Start(t, testkit.Options{})}
	b := balance(t, []string{nodes[0].Addr(), nodes[1].Addr()}, []string{nodes[0].Addr(), nodes[1].Addr()})
	eventually(t, "the load balancer has nodes", b.healthy(t))
	proxy := testkit.StartProxy(t, strings.TrimPrefix(b.url, "http://"))

	handled, stopBytes := startBytes(t, proxy.URL())
	stops := []func(){stopBytes, startOfficial(t, proxy.URL(), "json"), startOfficial(t, proxy.URL(), "messagepack")}
	sum := func(series string) (n int) {
		for _, s := range nodes {
			n += metric(t, s, series)
		}
		return n
	}
	eventually(t, "all are connected", func() bool { return sum(`restante_signalr_connections{transport="WebSockets"}`) == len(stops) })
	random := rand.New(rand.NewPCG(14, 1))
	begun := time.Now()
	for n := range cuts {
		pause(t, 20+random.IntN(150)) // a moment of the seed
		proxy.Cut()
		// Stock clients try to come back once, so the next cut must not meet them on their way.
		eventually(t, "all have come back", func() bool {
			return sum(`restante_signalr_stateful_reconnects_total{outcome="resumed"}`) == (n+1)*len(stops)
		})
		// A client that is cut again before it has all, over and over, comes to the bound of what is kept for it. So at
		// times it gets all, and something new that it acknowledges.
		if n%5 == 4 {
			before := handled()
			eventually(t, "the client that speaks bytes goes on", func() bool { return handled() > before+40 })
		}
	}
	pause(t, 300)
	for _, stop := range stops {
		stop()
	}
	testkit.Measured(t, "pause", "stateful reconnect behind HAProxy, two hubs: "+strconv.Itoa(len(stops))+" clients, "+
		strconv.Itoa(cuts)+" cuts in "+time.Since(begun).Round(time.Second).String()+", nothing lost or doubled")
}

// pause waits for some milliseconds of load.
func pause(t *testing.T, milliseconds int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(milliseconds)*time.Millisecond)
	defer cancel()
	<-ctx.Done()
}

// startOfficial starts the official JavaScript client, which sends and checks by itself. The function that is returned stops it.
func startOfficial(t *testing.T, url, protocol string) (stop func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testkit.Need(t, "node"), "../e2e/js/cuts.mjs", url, protocol, protocol+"-")
	cmd.WaitDelay = 5 * time.Second
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	line, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	// A client whose first connection is cut before its handshake is answered ends.
	eventually(t, "the official client is connected", func() bool { return strings.Contains(out.String(), "ready") })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the official client over %s:\n%s", protocol, out)
		}
	})
	return func() {
		t.Helper()
		if _, err := io.WriteString(line, "\n"); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the official client over %s: %v", protocol, err)
		}
	}
}

// metric returns the value of a series of a server, 0 if it has none.
func metric(t *testing.T, s *testkit.Server, series string) int {
	t.Helper()
	_, page := status(t, "GET", s.URL()+"/metrics")
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\d+)$`).FindStringSubmatch(page)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
