package nodes_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"restante/internal/testkit/nodes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// check fails the test on an error. If a server is not installed it skips the test, or fails it under CI=true.
func check(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, nodes.ErrMissing) && os.Getenv("CI") != "true" {
		t.Skip("MISSING:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// leavesNothing gives the servers of a test a directory for their files, and fails the test if a file or a process is
// left at its end.
func leavesNothing(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "nodes-") // not t.TempDir, which PostgreSQL's user may not read
	check(t, err)
	check(t, os.Chmod(dir, 0o755))
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		defer func() { _ = os.RemoveAll(dir) }()
		for _, left := range leftIn(dir) {
			t.Errorf("left behind: %s", left)
		}
	})
}

// leftIn returns the files in a directory, and the processes whose environment or command line contains its path.
func leftIn(dir string) []string {
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, name := range []string{"cmdline", "environ", "cwd"} {
		entries, _ := filepath.Glob("/proc/[0-9]*/" + name)
		for _, entry := range entries {
			text, _ := os.ReadFile(entry)
			target, _ := os.Readlink(entry)
			if entry != fmt.Sprintf("/proc/%d/%s", os.Getpid(), name) && strings.Contains(string(text)+target, dir) {
				command, _ := os.ReadFile(filepath.Join(filepath.Dir(entry), "cmdline"))
				left = append(left, fmt.Sprintf("%s %q", entry, command))
			}
		}
	}
	return left
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

// put stores a message in a new quorum queue q of the virtual host one, and returns when it is confirmed.
func put(t *testing.T, n *nodes.RabbitNode) {
	t.Helper()
	_, err := n.Manage(t.Context(), "PUT", "/queues/one/q", `{"durable":true,"arguments":{"x-queue-type":"quorum"}}`)
	check(t, err)
	out, err := n.Manage(t.Context(), "POST", "/exchanges/one/amq.default/publish",
		`{"routing_key":"q","payload":"kept","payload_encoding":"string","properties":{"delivery_mode":2}}`)
	check(t, err)
	if out != `{"routed":true}` {
		t.Fatalf("publish: %s", out)
	}
	<-time.After(time.Second) // a node that is killed within about half a second after the queue is declared forgets the queue's leader
}

// wantKept fails the test if the message of put is lost. A queue may need some time after its nodes have started.
func wantKept(t *testing.T, n *nodes.RabbitNode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		attempt, end := context.WithTimeout(ctx, 3*time.Second) // a request during the election of the queue's leader may never be answered
		out, err := n.Manage(attempt, "POST", "/queues/one/q/get", `{"count":1,"ackmode":"ack_requeue_true","encoding":"auto"}`)
		end()
		if strings.Contains(out, `"payload":"kept"`) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("messages in the queue: %s, %v; the node's log: %s", out, err, n.Log())
		}
	}
}

func TestRabbitMQ_KeepsAMessageWhenKilled(t *testing.T) {
	leavesNothing(t)
	c, err := nodes.StartRabbitMQ(t.Context(), nodes.RabbitMQConfig{})
	check(t, err)
	defer c.Stop()
	urls, err := c.VHost(t.Context(), "one")
	check(t, err)
	n := c.Node(0)
	if want := []string{n.URL() + "one?management=" + url.QueryEscape(n.ManagementURL())}; !slices.Equal(urls, want) {
		t.Errorf("addresses %v, want %v", urls, want)
	}
	put(t, n)
	n.Kill()
	if _, err := n.Manage(t.Context(), "GET", "/overview", ""); err == nil {
		t.Error("it answers after Kill")
	}
	if _, err := n.Ctl(t.Context(), "status"); err == nil {
		t.Error("rabbitmqctl reaches it after Kill")
	}
	check(t, n.Restart(t.Context()))
	wantKept(t, n)
	out, err := n.Ctl(t.Context(), "list_queues", "-p", "one", "name", "--quiet")
	check(t, err)
	if !strings.Contains(out, "q") {
		t.Errorf("queues by rabbitmqctl: %q", out)
	}
}

func TestRabbitMQ_VHostIsMadeAgain(t *testing.T) {
	leavesNothing(t)
	c, err := nodes.StartRabbitMQ(t.Context(), nodes.RabbitMQConfig{})
	check(t, err)
	defer c.Stop()
	urls, err := c.VHost(t.Context(), "a/b")
	check(t, err)
	name, err := nodes.VHostName(urls[0])
	check(t, err)
	if name != "a/b" {
		t.Errorf("the virtual host of %s is %q", urls[0], name)
	}
	queue := "/queues/" + url.PathEscape(name) + "/q"
	_, err = c.Manage(t.Context(), "PUT", queue, `{"durable":true}`)
	check(t, err)
	check(t, c.DeleteVHost(t.Context(), name))
	again, err := c.VHost(t.Context(), name)
	check(t, err)
	if !slices.Equal(again, urls) {
		t.Errorf("addresses %v, before %v", again, urls)
	}
	if _, err := c.Manage(t.Context(), "GET", queue, ""); err == nil {
		t.Error("the queue has survived")
	}
}

func TestRabbitMQ_ClusterWorksWithoutANode(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three nodes")
	}
	leavesNothing(t)
	c, err := nodes.StartRabbitMQ(t.Context(), nodes.RabbitMQConfig{Nodes: 3})
	check(t, err)
	defer c.Stop()
	urls, err := c.VHost(t.Context(), "one")
	check(t, err)
	if len(urls) != 3 {
		t.Errorf("addresses %v of three nodes", urls)
	}
	put(t, c.Node(0))
	c.Node(0).Kill()
	wantKept(t, c.Node(1))
	_, err = c.VHost(t.Context(), "two")
	check(t, err)
	check(t, c.Node(0).Restart(t.Context()))
	wantKept(t, c.Node(0))
}

// A test that is killed leaves no server behind, even a frozen one, and no file.
func TestNodes_DieWithTheProgramThatStartedThem(t *testing.T) {
	if os.Getenv(starterVariable) != "" {
		startAndFreeze(t)
	}
	leavesNothing(t)
	cmd := osexec.Command(os.Args[0], "-test.run=^TestNodes_DieWithTheProgramThatStartedThem$", "-test.v")
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
	dir := os.Getenv("TMPDIR")
	if len(leftIn(dir)) < 10 {
		t.Errorf("the servers were not found: %q", leftIn(dir))
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if !started {
		t.Fatal("no server was started")
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < 200 && len(leftIn(dir)) > 0; i++ {
		<-tick.C
	}
}

const starterVariable = "RESTANTE_TEST_STARTER"

// startAndFreeze starts servers, freezes them and waits to be killed.
func startAndFreeze(t *testing.T) {
	c, err := nodes.StartRabbitMQ(context.Background(), nodes.RabbitMQConfig{})
	check(t, err)
	p, err := nodes.StartPostgres(context.Background(), nodes.PostgresConfig{})
	check(t, err)
	c.Node(0).Pause()
	p.Pause()
	fmt.Fprintln(os.Stdout, "started")
	select {}
}
