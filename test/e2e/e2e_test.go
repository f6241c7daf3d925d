// Package e2e uses the real binary as its users do: with curl, with the command line, with the official SignalR client
// in Node, with an EventSource, and with the page in a browser.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// get returns the body of an answer, which must have the status.
func get(t *testing.T, method, url string, status int) (body []byte, header http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != status {
		t.Fatalf("%s %s: %s, want %d: %v\n%s", method, url, resp.Status, status, err, body)
	}
	return body, resp.Header
}

func decode(t *testing.T, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
}

// script starts a script of the folder js, which has a minute to end.
func script(t *testing.T, name string, args ...string) *running {
	t.Helper()
	node := testkit.Need(t, "node")
	installModules(t)
	return start(t, exec.Command(node, append([]string{filepath.Join("js", name)}, args...)...))
}

// installModules installs the packages in js/package-lock.json, unless they are installed.
func installModules(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("js/node_modules/.package-lock.json"); err == nil {
		return
	}
	npm := testkit.Need(t, "npm")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", filepath.Join(t.TempDir(), "npm"))
	cmd.Dir = "js"
	if out, err := cmd.CombinedOutput(); err != nil {
		testkit.Missing(t, "npm ci in test/e2e/js: %v\n%s", err, out)
	}
}

// running is a program that the test has started. It ends with the test.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	output bytes.Buffer // to be read only after wait
	done   chan struct{}
	err    error
}

const programLimit = time.Minute

func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{t: t, cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &r.output
	}
	cmd.Stderr = &r.output
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.err = cmd.Wait()
		close(r.done)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails when the process has ended already
		<-r.done
	})
	return r
}

// wait waits for the end of the program, which must be a success, and returns its output.
func (r *running) wait() string {
	r.t.Helper()
	return r.waitFor(programLimit)
}

// waitFor is wait with another time limit.
func (r *running) waitFor(limit time.Duration) string {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(limit):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
	if r.err != nil {
		r.t.Fatalf("%s: %v\n%s", strings.Join(r.cmd.Args, " "), r.err, r.output.String())
	}
	return r.output.String()
}
