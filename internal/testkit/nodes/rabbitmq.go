package nodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// rabbitHome is the directory of the programs of Debian's package that do not switch the user.
const rabbitHome = "/usr/lib/rabbitmq/bin"

// RabbitMQConfig says how to start servers. The zero value is one node.
type RabbitMQConfig struct {
	Nodes    int      // number of nodes of one cluster; default 1
	Settings []string // further lines of rabbitmq.conf
}

// RabbitMQ is a private node or cluster with the management plugin. The user is guest with the password guest. Its
// methods may be called concurrently, except those that start or end nodes.
type RabbitMQ struct {
	root     root
	dir      string
	cfg      RabbitMQConfig
	epmdPort int
	epmd     *process
	nodes    []*RabbitNode
}

// RabbitNode is one node. Its methods may be called concurrently, except those that start or end it.
type RabbitNode struct {
	cluster                    *RabbitMQ
	name, dir                  string
	amqpPort, distPort, uiPort int
	running                    *process
}

// StartRabbitMQ starts the nodes together and returns when each of them answers. Stop must be called.
func StartRabbitMQ(ctx context.Context, cfg RabbitMQConfig) (_ *RabbitMQ, err error) {
	root, err := chosenRoot()
	if err != nil {
		return nil, err
	}
	if _, err := root.rabbitVersion(); err != nil {
		return nil, err
	}
	cfg.Nodes = max(cfg.Nodes, 1)
	for range 3 { // another program may use one of the ports first
		c := &RabbitMQ{cfg: cfg, root: root}
		if err = c.start(ctx); err == nil {
			return c, nil
		}
		c.Stop()
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (c *RabbitMQ) start(ctx context.Context) (err error) {
	if c.dir, err = os.MkdirTemp("", "restante-rabbitmq-"); err != nil {
		return err
	}
	if c.epmdPort, err = FreePort(); err != nil {
		return err
	}
	epmd := c.root.command(context.WithoutCancel(ctx), c.dir, nil, "epmd", "-address", "127.0.0.1", "-port", strconv.Itoa(c.epmdPort))
	log := filepath.Join(c.dir, "epmd.log")
	if c.epmd, err = start(epmd, c.dir, log); err != nil {
		return err
	}
	if err := c.epmd.await(ctx, "epmd", log, c.hasEPMD); err != nil { // without it, a node would start an epmd that is never ended
		return err
	}
	for i := range c.cfg.Nodes {
		n, err := c.newNode(i)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		if err := errors.Join(n.configure(), n.launch(ctx)); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		if err := n.await(ctx); err != nil {
			return err
		}
	}
	return c.awaitCluster(ctx)
}

func (c *RabbitMQ) hasEPMD(ctx context.Context) bool {
	conn, err := dial(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.epmdPort)))
	return err == nil && conn.Close() == nil
}

func (c *RabbitMQ) newNode(i int) (*RabbitNode, error) {
	name := fmt.Sprintf("r%d", i+1)
	n := &RabbitNode{cluster: c, name: name + "@localhost", dir: filepath.Join(c.dir, name)}
	for _, port := range []*int{&n.amqpPort, &n.distPort, &n.uiPort} {
		var err error
		if *port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		return nil, err
	}
	return n, os.WriteFile(filepath.Join(n.dir, ".erlang.cookie"), []byte("restante-"+filepath.Base(c.dir)), 0o400)
}

func (n *RabbitNode) path(name string) string { return filepath.Join(n.dir, name) }

func (n *RabbitNode) configure() error {
	lines := []string{
		fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d", n.amqpPort),
		"management.tcp.ip = 127.0.0.1",
		fmt.Sprintf("management.tcp.port = %d", n.uiPort),
		"log.file.level = warning",
		"disk_free_limit.absolute = 50MB",
		"cluster_partition_handling = pause_minority",
	}
	if len(n.cluster.nodes) > 1 {
		lines = append(lines, "cluster_formation.peer_discovery_backend = classic_config")
		for i, other := range n.cluster.nodes {
			lines = append(lines, fmt.Sprintf("cluster_formation.classic_config.nodes.%d = %s", i+1, other.name))
		}
	}
	lines = append(lines, n.cluster.cfg.Settings...)
	return errors.Join(
		os.WriteFile(n.path("rabbitmq.conf"), []byte(strings.Join(lines, "\n")+"\n"), 0o600),
		os.WriteFile(n.path("enabled_plugins"), []byte("[rabbitmq_management].\n"), 0o600),
		os.WriteFile(n.path("env.conf"), nil, 0o600),
	)
}

// environment returns the variables that isolate the node and its tools from other programs of the machine.
func (n *RabbitNode) environment() []string {
	return append(os.Environ(),
		"HOME="+n.dir,
		"ERL_EPMD_PORT="+strconv.Itoa(n.cluster.epmdPort), "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_NODENAME="+n.name, "RABBITMQ_CONF_ENV_FILE="+n.path("env.conf"),
		"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT="+strconv.Itoa(n.amqpPort), "RABBITMQ_DIST_PORT="+strconv.Itoa(n.distPort),
		"RABBITMQ_MNESIA_BASE="+n.path("mnesia"), "RABBITMQ_LOG_BASE="+n.path("log"), "RABBITMQ_PID_FILE="+n.path("pid"),
		"RABBITMQ_CONFIG_FILE="+n.path("rabbitmq.conf"), "RABBITMQ_ENABLED_PLUGINS_FILE="+n.path("enabled_plugins"),
		"RABBITMQ_SCHEDULER_BIND_TYPE=u",
		"ERL_FLAGS=-start_epmd false", // a node must use our epmd only; one that it starts would be left behind
		"ERL_CRASH_DUMP_SECONDS=0",    // no dump file of 700 KB
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none",
	)
}

func (n *RabbitNode) launch(ctx context.Context) (err error) {
	cmd := n.cluster.root.command(context.WithoutCancel(ctx), n.dir, nil, rabbitHome+"/rabbitmq-server")
	cmd.Env = n.environment()
	n.running, err = start(cmd, n.cluster.dir, n.path("out.log"))
	return err
}

// await returns when the node answers the AMQP 0-9-1 protocol header with a method frame.
func (n *RabbitNode) await(ctx context.Context) error {
	return n.running.await(ctx, "RabbitMQ node "+n.name, n.path("out.log"), func(ctx context.Context) bool {
		b, err := firstByte(ctx, n.Addr(), "AMQP\x00\x00\x09\x01")
		return err == nil && b == 1
	})
}

// awaitCluster returns when every node knows every node as running.
func (c *RabbitMQ) awaitCluster(ctx context.Context) error {
	for _, n := range c.nodes {
		err := n.running.await(ctx, "RabbitMQ cluster", n.path("out.log"), func(ctx context.Context) bool {
			body, err := n.Manage(ctx, http.MethodGet, "/nodes", "")
			return err == nil && strings.Count(body, `"running":true`) == len(c.nodes)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Node returns the i-th node, from 0.
func (c *RabbitMQ) Node(i int) *RabbitNode { return c.nodes[i] }

// URLs returns the addresses of all nodes, with the default vhost, as `restante --broker` takes them: the parameter
// management is the address of the node's management API.
func (c *RabbitMQ) URLs() []string { return c.urls("") }

func (c *RabbitMQ) urls(vhost string) []string {
	urls := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		urls[i] = n.URL() + url.PathEscape(vhost) + "?" + url.Values{"management": {n.ManagementURL()}}.Encode()
	}
	return urls
}

// Stop ends all nodes and removes their data.
func (c *RabbitMQ) Stop() {
	for _, n := range c.nodes {
		n.Kill()
	}
	if c.epmd != nil {
		c.epmd.kill()
	}
	_ = os.RemoveAll(c.dir) // if this fails, a temporary directory remains, which does no harm
}

// Addr returns the node's AMQP address, HOST:PORT.
func (n *RabbitNode) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.amqpPort)) }

// URL returns the node's AMQP address as a URL that ends with a slash, so that the name of a vhost can follow.
func (n *RabbitNode) URL() string { return "amqp://guest:guest@" + n.Addr() + "/" }

// Name returns the node's name in the cluster.
func (n *RabbitNode) Name() string { return n.name }

// ManagementURL returns the address of the node's management page.
func (n *RabbitNode) ManagementURL() string { return fmt.Sprintf("http://127.0.0.1:%d", n.uiPort) }

// Kill ends the node as kill -9 does.
func (n *RabbitNode) Kill() {
	if n.running != nil {
		n.running.kill()
	}
}

// Pause freezes the node.
func (n *RabbitNode) Pause() { n.running.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (n *RabbitNode) Resume() { n.running.signal(syscall.SIGCONT) }

// Restart kills the node if it runs, and starts it again on the same ports and data. It returns when the node answers.
func (n *RabbitNode) Restart(ctx context.Context) error {
	n.Kill()
	if err := n.launch(ctx); err != nil {
		return err
	}
	return n.await(ctx)
}

// Log returns the end of the node's output.
func (n *RabbitNode) Log() string { return tail(n.path("out.log")) }

// BrokerLog returns what the node has logged: warnings and errors, one a line.
func (n *RabbitNode) BrokerLog() (string, error) {
	text, err := os.ReadFile(filepath.Join(n.path("log"), n.name+".log"))
	return string(text), err
}

// Ctl runs rabbitmqctl for the node and returns its output. That takes about a second.
func (n *RabbitNode) Ctl(ctx context.Context, args ...string) (string, error) {
	cmd := n.cluster.root.command(ctx, n.dir, nil, rabbitHome+"/rabbitmqctl", append([]string{"-n", n.name}, args...)...)
	cmd.Env = n.environment()
	cmd.SysProcAttr.Setpgid = true // the script has child processes
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("rabbitmqctl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}
