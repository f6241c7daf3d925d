package app

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"restante/internal/testkit"
)

// TestHermes_CoreLivesOnTheEngineOfPhones runs the core on a Hermes VM: it goes live, sends, is cut off, catches up and
// receives a thousand messages. The VM is older than the one of phones, see docs/app.md.
func TestHermes_CoreLivesOnTheEngineOfPhones(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	p := testkit.StartProxy(t, s.Addr())
	perform(t, s, p, tasks{
		"cut":  func(string) string { p.Refuse(true); p.Cut(); return done },
		"mend": func(string) string { p.Refuse(false); return done },
	})
}

// perform runs client/test/hermes/scenario.ts on a Hermes VM that reaches the server through the proxy.
func perform(t *testing.T, s *testkit.Server, p *testkit.Proxy, do tasks) {
	t.Helper()
	node := testkit.Need(t, "node")
	vm, err := filepath.Abs(filepath.Join("js", "node_modules", "hermes-engine-cli", runtime.GOOS+"64-bin", "hermes"))
	if err != nil {
		t.Fatal(err)
	}
	client := filepath.Join("..", "..", "client")
	for _, needed := range []string{vm, filepath.Join(client, "node_modules", "esbuild")} {
		if _, err := os.Stat(needed); err != nil {
			testkit.Missing(t, "there is no Hermes VM for this machine, or the npm packages are not installed: %v", err)
		}
	}
	config, err := json.Marshal(map[string]string{"server": s.URL(), "way": p.URL(), "vm": vm})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join(client, "test", "hermes", "vm.mjs"), string(config))
	cmd.Stderr = t.Output()
	cmd.WaitDelay = 5 * time.Second
	if err := converse(cmd, do, func(line string) { t.Log(line) }); err != nil {
		t.Fatal(err)
	}
}
