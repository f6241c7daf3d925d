package e2e

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

// cutsVariable is the environment variable that says how often each client is cut; 30 times without it.
const cutsVariable = "RESTANTE_TEST_CUTS"

// The official client asks for stateful reconnect, and has no other code for cuts. Whenever its connection is cut under load,
// every message arrives once and in order, and every call is answered once.
func TestCuts_StatefulReconnectLosesNothing(t *testing.T) {
	t.Parallel()
	cuts := 30
	if n, err := strconv.Atoi(os.Getenv(cutsVariable)); err == nil {
		cuts = n
	}
	for seed, protocol := range []string{"json", "messagepack"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, testkit.Options{})
			proxy := testkit.StartProxy(t, s.Addr())
			node := testkit.Need(t, "node")
			installModules(t)
			cmd := exec.Command(node, filepath.Join("js", "cuts.mjs"), proxy.URL(), protocol)
			stop, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			client := start(t, cmd)
			cutOften(t, s, proxy, cuts, rand.New(rand.NewPCG(uint64(seed), 1)))
			if _, err := io.WriteString(stop, "\n"); err != nil {
				t.Error(err)
			}
			t.Log(strings.TrimSpace(client.wait()))
		})
	}
}

// cutOften cuts all connections of a proxy at random moments, each time when the client has come back: stock clients try that
// once.
func cutOften(t *testing.T, s *testkit.Server, proxy *testkit.Proxy, cuts int, random *rand.Rand) {
	t.Helper()
	connected := func() bool { return s.Metric(`restante_signalr_connections{transport="WebSockets"}`) == 1 }
	await(t, "the client", connected)
	<-time.After(time.Second) // under load
	for n := range cuts {
		proxy.Cut()
		await(t, "the client to come back", func() bool {
			return s.Metric(`restante_signalr_stateful_reconnects_total{outcome="resumed"}`) == float64(n+1)
		})
		<-time.After(time.Duration(5+random.IntN(120)) * time.Millisecond) // a moment of the seed
	}
}
