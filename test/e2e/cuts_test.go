package e2e

import (
	"io"
	"math/rand/v2"
	"net/http"
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
	eventually(t, func() bool { return metric(t, s, `restante_signalr_connections{transport="WebSockets"}`) == 1 })
	<-time.After(time.Second) // under load
	for n := range cuts {
		proxy.Cut()
		eventually(t, func() bool {
			return metric(t, s, `restante_signalr_stateful_reconnects_total{outcome="resumed"}`) == n+1
		})
		<-time.After(time.Duration(5+random.IntN(120)) * time.Millisecond) // a moment of the seed
	}
}

// metric returns the value of a series of a server.
func metric(t *testing.T, s *testkit.Server, series string) (value int) {
	t.Helper()
	body, _ := get(t, http.MethodGet, s.URL()+"/metrics", http.StatusOK)
	for line := range strings.Lines(string(body)) {
		if text, ok := strings.CutPrefix(line, series+" "); ok {
			value, _ = strconv.Atoi(strings.TrimSpace(text))
		}
	}
	return value
}
