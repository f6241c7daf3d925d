package faults

import (
	"net/url"
	"strings"
	"testing"

	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// The roles of nodes, as --roles takes them.
const (
	allRoles = "api,consumer,hub"
	api      = "api"
	consumer = "consumer"
	hub      = "hub"
)

// cluster is what the nodes of a test have in common.
type cluster struct {
	t      *testing.T
	broker []string // addresses of one RabbitMQ
	store  string
}

// newCluster returns an empty virtual host and an empty database on the servers that the tests share.
func newCluster(t *testing.T) cluster {
	t.Helper()
	return cluster{t: t, broker: testkit.VHost(t), store: testkit.Database(t)}
}

// node starts a node that ends with the test.
func (c cluster) node(roles string, args ...string) *testkit.Server {
	c.t.Helper()
	return testkit.Start(c.t, testkit.Options{Args: append([]string{
		"--broker", strings.Join(c.broker, ","), "--store", c.store, "--roles", roles,
	}, args...)})
}

// nodes starts n nodes.
func (c cluster) nodes(n int, roles string, args ...string) []*testkit.Server {
	c.t.Helper()
	all := make([]*testkit.Server, n)
	for i := range all {
		all[i] = c.node(roles, args...)
	}
	return all
}

// viaBroker returns the cluster for a node that reaches RabbitMQ through a proxy.
func (c cluster) viaBroker() (cluster, *testkit.Proxy) {
	c.t.Helper()
	address, proxy := through(c.t, c.broker[0])
	c.broker = []string{address}
	return c, proxy
}

// viaStore returns the cluster for a node that reaches PostgreSQL through a proxy.
func (c cluster) viaStore() (cluster, *testkit.Proxy) {
	c.t.Helper()
	address, proxy := through(c.t, c.store)
	c.store = address
	return c, proxy
}

// through starts a proxy to the server that an address names, and returns the address that leads through it.
func through(t *testing.T, address string) (string, *testkit.Proxy) {
	t.Helper()
	u, err := url.Parse(address)
	noError(t, err)
	proxy := testkit.StartProxy(t, u.Host)
	u.Host = proxy.Addr()
	return u.String(), proxy
}

// balancer starts a load balancer over nodes.
func balancer(t *testing.T, servers ...*testkit.Server) *testkit.Proxy {
	t.Helper()
	var targets []string
	for _, s := range servers {
		targets = append(targets, s.Addr())
	}
	return testkit.StartProxy(t, targets...)
}

// ctl runs rabbitmqctl against a node.
func ctl(t *testing.T, node *nodes.RabbitNode, args ...string) {
	t.Helper()
	_, err := node.Ctl(within(t, limit), args...)
	noError(t, err)
}
