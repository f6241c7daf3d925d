package app

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"restante/internal/testkit"
)

// play runs a scenario of client/test/core in Node: complete apps without a user interface, on simulated devices, which
// reach the server through the proxy. The seed determines everything random.
func play(t *testing.T, name string, seed uint64, s *testkit.Server, p *testkit.Proxy, do tasks) {
	t.Helper()
	node := testkit.Need(t, "node")
	modules, err := filepath.Abs(filepath.Join("..", "..", "client", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"server": s.URL(), "way": p.URL(), "seed": seed})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, bundle(t, modules, name), string(config))
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules) // the libraries are those of the app
	cmd.Stderr = t.Output()
	cmd.WaitDelay = 5 * time.Second
	if err := converse(cmd, do, func(line string) { t.Log(line) }); err != nil {
		t.Fatalf("%s with seed %d: %v", name, seed, err)
	}
}

// bundle bundles a scenario and the app's core into one file that Node can run, and returns its path.
func bundle(t *testing.T, modules, name string) string {
	t.Helper()
	esbuild := filepath.Join(modules, ".bin", "esbuild")
	if _, err := os.Stat(esbuild); err != nil {
		testkit.Missing(t, "the npm packages of client are not installed: %v", err)
	}
	file := filepath.Join(t.TempDir(), name+".cjs")
	testkit.Run(t, "", esbuild, filepath.Join("..", "..", "client", "test", "core", name+".ts"),
		"--bundle", "--platform=node", "--packages=external", "--log-level=warning", "--sourcemap=inline", "--outfile="+file)
	return file
}
