package nodes_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"restante/internal/testkit/nodes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// check fails the test, or skips it where a server is not installed; under CI=true nothing may be missing.
func check(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, nodes.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip("MISSING:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// leavesNothing fails the test if, at its end, there is a directory or a process that was not there before.
func leavesNothing(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nodes-") // not t.TempDir, into which PostgreSQL's user may not look
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		defer func() { _ = os.RemoveAll(dir) }()
		if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		if command := running(dir); command != "" {
			t.Errorf("still running: %q", command)
		}
	})
}

func TestPostgres_KeepsARowWhenKilled(t *testing.T) {
	leavesNothing(t)
	p, err := nodes.StartPostgres(t.Context(), nodes.PostgresConfig{Settings: []string{"log_statement=all"}})
	check(t, err)
	defer p.Stop()
	url, err := p.Database(t.Context(), "a-b")
	check(t, err)
	exec(t, url, "CREATE TABLE t AS SELECT 7 AS n")
	p.Kill()
	if conn, err := pgx.Connect(t.Context(), url); err == nil {
		_ = conn.Close(t.Context())
		t.Error("it answers after Kill")
	}
	check(t, p.Restart(t.Context()))
	exec(t, url, "SELECT 1 / (SELECT count(*) FROM t WHERE n = 7)")
	p.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 1e9)
	defer cancel()
	if conn, err := pgx.Connect(ctx, url); err == nil {
		_ = conn.Close(ctx)
		t.Error("it answers while paused")
	}
	p.Resume()
	exec(t, url, "SELECT 1")
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	check(t, err)
	defer func() { check(t, conn.Close(t.Context())) }()
	_, err = conn.Exec(t.Context(), sql)
	check(t, err)
}

func TestRabbitMQ_KeepsAQueueWhenKilled(t *testing.T) {
	leavesNothing(t)
	c, err := nodes.StartRabbitMQ(t.Context(), nodes.RabbitMQConfig{})
	check(t, err)
	defer c.Stop()
	urls, err := c.VHost(t.Context(), "one")
	check(t, err)
	if want := []string{c.Node(0).URL() + "one"}; !slices.Equal(urls, want) {
		t.Errorf("addresses %v, want %v", urls, want)
	}
	_, err = c.Node(0).Manage(t.Context(), "PUT", "/queues/one/q", `{"durable":true,"arguments":{"x-queue-type":"quorum"}}`)
	check(t, err)
	c.Node(0).Kill()
	if _, err := c.Node(0).Manage(t.Context(), "GET", "/queues/one/q", ""); err == nil {
		t.Error("it answers after Kill")
	}
	check(t, c.Node(0).Restart(t.Context()))
	out, err := c.Node(0).Ctl(t.Context(), "list_queues", "-p", "one", "name", "--quiet")
	check(t, err)
	if !strings.Contains(out, "q") {
		t.Errorf("queues after the restart: %q", out)
	}
}

// A test that is killed leaves no server behind.
func TestRabbitMQ_DiesWithItsStarter(t *testing.T) {
	leavesNothing(t)
	if os.Getenv(starterVariable) != "" {
		_, err := nodes.StartRabbitMQ(context.Background(), nodes.RabbitMQConfig{})
		check(t, err)
		fmt.Println("started")
		select {}
	}
	cmd := osexec.Command(os.Args[0], "-test.run=^TestRabbitMQ_DiesWithItsStarter$", "-test.v")
	cmd.Env = append(os.Environ(), starterVariable+"=1")
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	started := false
	for lines := bufio.NewScanner(out); !started && lines.Scan(); {
		if strings.Contains(lines.Text(), "MISSING") {
			t.Skip(lines.Text())
		}
		started = strings.Contains(lines.Text(), "started")
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	if !started {
		t.Fatal("no server was started")
	}
	deadline := time.Now().Add(5 * time.Second)
	for running(os.Getenv("TMPDIR")) != "" && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*"))
	for _, dir := range left { // its files stay, as those of any killed test do
		_ = os.RemoveAll(dir)
	}
}

const starterVariable = "RESTANTE_TEST_STARTER"

// running returns a command line that contains text, "" if no process has one.
func running(text string) string {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		if line, _ := os.ReadFile(path); strings.Contains(string(line), text) {
			return string(line)
		}
	}
	return ""
}
